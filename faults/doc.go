// Package faults proves the relay's promise under faults. It has no code of its
// own: its tests run the relay's release binary in several replicas, with real
// redis-servers and the stand-in for Step Functions, and put them under load.
// Meanwhile they kill, stop, cut off, slow down and fill up all of these. A judge
// then compares the responses that senders got with what Step Functions accepted.
//
//	go test ./faults                            a few minutes, with a fixed seed
//	go test ./faults -seed 7                    the same with other random faults
//	go test -timeout 0 -run TestFaults -v ./faults -for 1h
//	go test -timeout 0 -run TestBreaks -v ./faults -breaks
//
// One of the tests builds the previous release from the commits that the file
// previous-release names, and so needs the whole history in git.
//
// The last command breaks the relay on purpose, and expects the judge to object.
package faults
