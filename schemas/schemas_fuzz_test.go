package schemas

import "testing"

// Any value can be checked against any schema that compiles, with the same result each
// time, and the library does not do more than was counted.
func FuzzMatches(f *testing.F) {
	for _, schema := range manySchemas {
		for _, value := range manyValues {
			f.Add(schema, value)
		}
	}
	f.Fuzz(func(t *testing.T, schema, value string) {
		s, err := Compile([]byte(schema), unknown)
		if err != nil {
			return
		}
		v, err := Decode([]byte(value))
		if err != nil {
			return
		}
		matches, err := s.Matches(v)
		again, errAgain := s.Matches(v)
		if matches != again || (err == nil) != (errAgain == nil) {
			t.Errorf("%q with %q: %v %v, then %v %v", schema, value, matches, err, again, errAgain)
		}
		atMost(t, schema, value)
	})
}
