// Package browser drives a real Chromium for tests. A test opens, fills in and clicks
// pages as a person does, and sees what a page looks like, what it requests and what
// errors it causes. The browser reaches loopback only: no other name resolves. If
// chromium is not installed, a test says so and is skipped; in CI it fails.
//
// A [Browser] is one process, shared by the tests that run at the same time. It ends
// with the last of them. A [Tab] is a window with its own cookies and cache. Its methods
// fail the test if something does not work or takes more than half a minute. Only the
// goroutine that runs the test may use a tab. The page runs under its own
// Content-Security-Policy, which does not apply to what the kit itself evaluates.
//
// axe.min.js is axe-core 4.14.1, unmodified, from the npm package axe-core
// (https://github.com/dequelabs/axe-core), under the Mozilla Public License 2.0.
// It is part of no program, only of tests.
package browser
