// Package programs tells tests which programs of the machine they may run: a
// redis-server, a browser, Prometheus, npm. It is part of the test kit only.
//
// A program that is not installed makes a test smaller or skips it, and the
// test's log says so. In CI, where the variable CI is set, it fails the test
// instead. With -short no test starts another program: that is `make quick`.
package programs
