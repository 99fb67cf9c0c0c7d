package senders

import "regexp"

// NameForm says which names an operator can give a sender.
const NameForm = "1 to 64 letters, digits and -_."

var name = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// ValidName returns whether an operator can give a sender this name.
func ValidName(text string) bool { return name.MatchString(text) }
