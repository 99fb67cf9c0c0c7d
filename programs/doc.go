// Package programs tells tests which installed programs they may run: a redis-server, a
// browser, Prometheus, npm. It is part of the test kit only.
//
// If a program is not installed, tests do less or are skipped, and their log says so.
// In CI, where the variable CI is set, they fail instead. With -short, as in
// `make quick`, no test starts another program.
package programs
