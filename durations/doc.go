// Package durations reads and writes durations as people do.
package durations
