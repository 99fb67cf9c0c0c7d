package bodies

import "testing"

// The length of a JSON string is known before it is made.
func FuzzQuotedLen(f *testing.F) {
	for _, text := range []string{"", "plain", "\"\\\b\f\n\r\t\x00\x1f\x7f<>&", "\u2028\u2029\u2027", "é日本\U0001f600"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if invalidUTF8([]byte(text)) >= 0 {
			return
		}
		if got, want := quotedLen(text), len(quote(text)); got != want {
			t.Errorf("%q takes %d bytes, and is said to take %d", text, want, got)
		}
	})
}
