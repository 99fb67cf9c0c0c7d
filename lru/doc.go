// Package lru keeps the most recently used of what is costly to make, in bounded
// memory.
package lru
