package relay

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The two ways in which a state passes its task token on.
const taskTokenExample = `in JSONPath "taskToken.$": "$$.Task.Token", in JSONata "taskToken": "{% $states.context.Task.Token %}"` //nolint:gosec // no credential

// placeholder finds what a template should have replaced.
var placeholder = regexp.MustCompile(`\$\{|\{\{|^<.*>$`)

// shellVariable is one of a Windows shell, which leaves what it does not know as
// it is.
var shellVariable = regexp.MustCompile(`^(?:%[A-Za-z_][A-Za-z0-9_]*%|![A-Za-z_][A-Za-z0-9_]*!)$`)

// lostReference is a reference whose first characters a shell or a template took
// for its own.
var lostReference = regexp.MustCompile(`(?i)(?:^|\.)task\.token$`)

// entity is how HTML and XML write a character.
var entity = regexp.MustCompile(`&(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});`)

// emptyWords are what programs write in place of a text that they do not have.
var emptyWords = regexp.MustCompile(`^(?i:null|undefined|none|nil|NaN)$`)

// foreignChars are those that no task token has and that show a mistake. Task
// tokens that were seen consist of A-Z a-z 0-9 + / =; that is nowhere promised,
// so other printable characters of ASCII pass.
const foreignChars = "\"'`\\{}$%<>"

// check says what a text that cannot be a task token looks like, and what would
// be right; "" when it may be one. It is never decoded: see [TaskToken]. Nothing
// of it is in the answer.
func (t TaskToken) check() string {
	text := string(t)
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return "is required: pass the task token of the state, " + taskTokenExample
	case n > MaxTaskTokenChars:
		return fmt.Sprintf("has %d characters, Step Functions takes at most %d", n, MaxTaskTokenChars)
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	case strings.ContainsRune(text, '\ufeff'):
		return "has a byte order mark in it, as editors put it in front of a file: leave it out"
	case strings.ContainsRune(text, utf8.RuneError):
		return "has a character that was damaged on the way (U+FFFD): pass on the text as it came"
	case emptyWords.MatchString(text):
		return "is the word of a program for a value that is not there: pass the task token of the state, " + taskTokenExample
	}
	bare := strings.TrimFunc(text, unicode.IsSpace)
	switch {
	case bare == "":
		return "is blank: pass the task token of the state, " + taskTokenExample
	case strings.HasPrefix(bare, "{%"):
		return `is a JSONata expression that was not evaluated: the state has to have "QueryLanguage": "JSONata", and the expression the whole text; ` + taskTokenExample
	case bare[0] == '$' && !placeholder.MatchString(bare):
		return "is a reference that was not resolved: its name has to end in .$, and the state has to use JSONPath; " + taskTokenExample
	case lostReference.MatchString(bare):
		return "is a reference that was not resolved, and has lost what it begins with (a shell replaces $$): " + taskTokenExample
	case shellVariable.MatchString(bare):
		return "is a placeholder of a Windows shell that nothing was put in for: set the variable, or write it as your shell does"
	case placeholder.MatchString(bare):
		return "is a placeholder that nothing was put in for: pass the task token of the state, " + taskTokenExample
	case strings.ContainsRune("\"'`", rune(bare[0])):
		return "stands in quotation marks: pass the text between them"
	case bare[0] == '{' || bare[0] == '[':
		return "is JSON: pass the text that is the task token, and not what it came in"
	case strings.Contains(bare, "://"):
		return "is an address: pass the task token of the state, and not a URL; " + taskTokenExample
	}
	if at := entity.FindStringIndex(text); at != nil {
		return fmt.Sprintf("is escaped for HTML, at character %d: pass on the text as the state has it", utf8.RuneCountInString(text[:at[0]])+1)
	}
	return checkTaskTokenChars(text)
}

// checkTaskTokenChars looks at each character.
func checkTaskTokenChars(text string) string {
	at := 0
	for _, r := range text {
		at++
		switch {
		case unicode.IsSpace(r):
			return fmt.Sprintf("has white space, at character %d: take off line breaks and blanks; a blank within may have been a +, which a URL has as %%2B", at)
		case r == '%':
			return fmt.Sprintf("is percent-encoded, at character %d: decode it once before passing it on", at)
		case r < ' ' || r > '~' || strings.ContainsRune(foreignChars, r):
			return fmt.Sprintf("has a character that no task token has, at character %d: they consist of A-Z a-z 0-9 + / =", at)
		}
	}
	return ""
}
