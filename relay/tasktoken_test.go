package relay

import (
	"strings"
	"testing"
)

// TestTaskTokenThatCannotBe (row 85): the error says what the mistake looks like
// and what would be right, and does not quote the text.
func TestTaskTokenThatCannotBe(t *testing.T) {
	const token = "AQCEAAAAKgAAAAMAAAAAAAAAAf0vT4nNtTZ5Zq2yJ1o6p7Hf+/Zq2y==J1o6p7Hf="
	for text, want := range map[string]string{
		"":                                       "is required",
		"   ":                                    "is blank",
		"\n":                                     "is blank",
		"$$.Task.Token":                          "reference that was not resolved",
		"$.taskToken":                            "reference that was not resolved",
		" $.Task.Token":                          "reference that was not resolved",
		"$states.context.Task.Token":             "reference that was not resolved",
		"$":                                      "reference that was not resolved",
		"Task.Token":                             "reference that was not resolved",
		".Task.Token":                            "reference that was not resolved",
		"context.Task.Token":                     "reference that was not resolved",
		"4711.Task.Token":                        "a shell replaces $$",
		"AQCE&amp;BB":                            "escaped for HTML at character 5",
		"AQCE&quot;":                             "escaped for HTML at character 5",
		"AQCE&#43;BB&#x3D;":                      "escaped for HTML at character 5",
		"https://relay.example.com/c/x":          "is a URL",
		"//AQCE://":                              "is a URL",
		"%TOKEN%":                                "variable of a Windows shell",
		" %task_token% ":                         "variable of a Windows shell",
		"!TASK_TOKEN!":                           "variable of a Windows shell",
		"{% $states.context.Task.Token %}":       "JSONata expression that was not evaluated",
		"{%$states.context.Task.Token%}":         "JSONata expression that was not evaluated",
		"${TaskToken}":                           "placeholder",
		"{{ task_token }}":                       "placeholder",
		"<TASK_TOKEN>":                           "placeholder",
		`"` + token + `"`:                        "quotation marks",
		"'" + token + "'":                        "quotation marks",
		"“" + token + "”":                        "no task token has at character 1",
		`{"taskToken":"` + token + `"}`:          "is JSON",
		`["` + token + `"]`:                      "is JSON",
		token + "\n":                             "white space at character 66",
		" " + token:                              "white space at character 1:",
		"AQCE AAAA":                              "white space at character 5",
		"AQCE\u00a0AAAA":                         "white space at character 5",
		"AQCE\u2028AAAA":                         "white space at character 5",
		"\ufeff" + token:                         "byte order mark",
		"AQCE\ufffdAAAA":                         "damaged",
		"AQCE\xffAAAA":                           "not valid UTF-8",
		"AQCE%2BAAA%3D":                          "percent-encoded at character 5",
		"AQCE\x00AAAA":                           "no task token has at character 5",
		"AQCE\x7fAAAA":                           "no task token has at character 5",
		"AQCE\u200bAAAA":                         "no task token has at character 5",
		"AQCEéAAAA":                              "no task token has at character 5",
		`AQCE\u002bAAAA`:                         "no task token has at character 5",
		"undefined":                              "missing value",
		"null":                                   "missing value",
		"None":                                   "missing value",
		strings.Repeat("A", MaxTaskTokenChars+1): "at most 2048",
	} {
		got := TaskToken(text).check()
		if !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if strings.Contains(got, "AQCE") {
			t.Errorf("%q: repeated in %q", text, got)
		}
	}
	for _, good := range []string{
		token, "t", "AQCE-_.~:;,@#!*()[]?|^&", strings.Repeat("A", MaxTaskTokenChars), "nullable", "e30=",
		"any-text-you-like", "taskToken", "TASK_TOKEN", "my-Task-Token", "AQCE&BB", "&;", "a//b:/c", "!", "wait!now!",
	} {
		if problem := TaskToken(good).check(); problem != "" {
			t.Errorf("%.40s: %s", good, problem)
		}
	}
}
