package main

import (
	"errors"
	"strings"
)

// callbackID is the id of a callback, or its beginning, as people copy it: with blanks or
// a # around it.
type callbackID string

// UnmarshalText implements [encoding.TextUnmarshaler].
func (id *callbackID) UnmarshalText(text []byte) error {
	*id = callbackID(strings.Trim(string(text), "# \t\r\n"))
	if *id == "" {
		return errors.New("is empty: give the id of a callback, such as t25y6lwhnbv7x55hg3nfneveqy")
	}
	return nil
}
