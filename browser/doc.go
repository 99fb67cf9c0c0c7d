// Package browser drives a real Chromium for tests: pages are opened, filled in
// and clicked as a person does it, and what the page asked for, complained about
// and looks like can be seen. It reaches loopback only: no other name resolves.
// Where chromium is not installed a test says so and does without; in CI that is
// a failure.
//
// A [Browser] is one program, shared by the tests that run at the same time and
// gone when the last of them ends. A [Tab] is a window with cookies and a cache
// of its own. Its methods fail the test when something does
// not work or takes more than half a minute; each tab is steered by the one
// goroutine that runs its test. Nothing about the page is loosened: its
// Content-Security-Policy holds, and what the kit itself evaluates is outside it.
//
// axe.min.js is axe-core 4.14.1, unmodified, from the npm package axe-core
// (https://github.com/dequelabs/axe-core), under the Mozilla Public License 2.0.
// It is part of no program, only of tests.
package browser
