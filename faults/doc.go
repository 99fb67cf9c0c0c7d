// Package faults proves the relay's promise under faults. It has no code of its
// own: its tests run the relay's release binary in several replicas, real
// redis-servers and the stand-in for Step Functions, put a load on them, and
// meanwhile kill, stop, cut, slow down and fill up what they stand on. A judge
// then compares what senders were told with what Step Functions took.
//
//	go test ./faults                            a few minutes, with a fixed seed
//	go test ./faults -seed 7                    the same with other chances
//	go test -timeout 0 -run TestFaults -v ./faults -for 1h
//	go test -timeout 0 -run TestBreaks -v ./faults -breaks
//
// One of the tests builds the previous releases, the commits in the file
// previous-release, and so needs the whole history in git.
//
// The last line breaks the relay on purpose, and expects the judge to object.
package faults
