package relay

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The two ways in which a state can pass on its task token.
const taskTokenExample = `in JSONPath "taskToken.$": "$$.Task.Token", in JSONata "taskToken": "{% $states.context.Task.Token %}"` //nolint:gosec // no credential

// placeholder finds what a template should have replaced.
var placeholder = regexp.MustCompile(`\$\{|\{\{|^<.*>$`)

// shellVariable is a variable of a Windows shell, which does not replace variables
// that it does not know.
var shellVariable = regexp.MustCompile(`^(?:%[A-Za-z_][A-Za-z0-9_]*%|![A-Za-z_][A-Za-z0-9_]*!)$`)

// lostReference is a reference whose beginning a shell or a template has replaced.
var lostReference = regexp.MustCompile(`(?i)(?:^|\.)task\.token$`)

// entity is how HTML and XML write a character.
var entity = regexp.MustCompile(`&(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});`)

// emptyWords are what programs write for a missing value.
var emptyWords = regexp.MustCompile(`^(?i:null|undefined|none|nil|NaN)$`)

// usualChars are the characters of all task tokens seen so far. AWS does not promise
// this, so other printable ASCII characters are accepted, except foreignChars, which
// indicate a mistake.
const usualChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="

const foreignChars = "\"'`\\{}$%<>"

// check says what a text looks like that cannot be a task token, and what would be
// right; "" if the text may be a task token. The text is never decoded (see
// [TaskToken]) and never quoted.
func (t TaskToken) check() string {
	text := string(t)
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return "is required: pass the task token of the state, " + taskTokenExample
	case n > MaxTaskTokenChars:
		return fmt.Sprintf("has %d characters, but Step Functions accepts at most %d", n, MaxTaskTokenChars)
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	case strings.ContainsRune(text, '\ufeff'):
		return "has a byte order mark, which some editors put at the start of a file: remove it"
	case strings.ContainsRune(text, utf8.RuneError):
		return "has a character that was damaged on the way (U+FFFD): pass on the text unchanged"
	case emptyWords.MatchString(text):
		return "is what programs write for a missing value: pass the task token of the state, " + taskTokenExample
	}
	if strings.Trim(text, usualChars) == "" {
		return "" // no mistake below has only these
	}
	bare := strings.TrimFunc(text, unicode.IsSpace)
	switch {
	case bare == "":
		return "is blank: pass the task token of the state, " + taskTokenExample
	case strings.HasPrefix(bare, "{%"):
		return `is a JSONata expression that was not evaluated: set "QueryLanguage": "JSONata" in the state, and let the expression be the whole text; ` + taskTokenExample
	case bare[0] == '$' && !placeholder.MatchString(bare):
		return "is a reference that was not resolved: the name of its field must end in .$, and the state must use JSONPath; " + taskTokenExample
	case lostReference.MatchString(bare):
		return "is a reference that was not resolved and has lost its beginning (a shell replaces $$): " + taskTokenExample
	case shellVariable.MatchString(bare):
		return "is a variable of a Windows shell that was not replaced: set the variable, or use the syntax of your shell"
	case placeholder.MatchString(bare):
		return "is a placeholder that was not replaced: pass the task token of the state, " + taskTokenExample
	case strings.ContainsRune("\"'`", rune(bare[0])):
		return "is in quotation marks: pass only the text between them"
	case bare[0] == '{' || bare[0] == '[':
		return "is JSON: pass only the task token, not the JSON around it"
	case strings.Contains(bare, "://"):
		return "is a URL: pass the task token of the state instead, " + taskTokenExample
	}
	if at := entity.FindStringIndex(text); at != nil {
		return fmt.Sprintf("is escaped for HTML at character %d: pass on the text as the state has it", utf8.RuneCountInString(text[:at[0]])+1)
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
			return fmt.Sprintf("has white space at character %d: remove line breaks and blanks; a blank inside the token may have been a +, which must be written as %%2B in a URL", at)
		case r == '%':
			return fmt.Sprintf("is percent-encoded at character %d: decode it once before passing it on", at)
		case r < ' ' || r > '~' || strings.ContainsRune(foreignChars, r):
			return fmt.Sprintf("has a character that no task token has at character %d: task tokens consist of A-Z a-z 0-9 + / =", at)
		}
	}
	return ""
}
