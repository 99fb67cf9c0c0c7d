// Package spelling finds the word that somebody has most likely misspelt, among those that
// can be meant. It is for names that programmers write, in ASCII.
package spelling
