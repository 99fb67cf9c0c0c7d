package rules_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"testing"

	"callback-relay/rules"
)

// What is cut from the bytes is what decoding everything and walking there finds.
func FuzzPointer(f *testing.F) {
	for _, text := range []string{
		`{"a":{"b":[1,{"c":"x\"]}"}]},"a":{"b":[true,null]}}`, `[[],{},"",0,-1.5e+3,false]`, ` { "\u0061" : "\ud83d\ude00" , "é" : "\\" } `,
		`{"a":1,"b":[2,"]",{"}":3}]}`, `"text"`, `{"":{"":{"":1}}}`, "{\"\xff\":1,\"\\ufffd\":2}", `{"a`, `[1,`, `{"a":}`, `[}`, `{]`, `:`, `[1 2]`, `{"a" 1}`, `{"a\`,
	} {
		for _, at := range []string{"", "/", "/a", "/a/b/1", "/a/b/1/c", "/0", "/5", "//", "/é", "/b/2/}", "/�", "/~0~1", "/-", "/00"} {
			f.Add([]byte(text), at)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte, at string) {
		got, found, err := rules.Cut(text, at)
		names, _ := rules.Names(at)
		if err != nil || !json.Valid(text) {
			return // it has not failed
		}
		want, exists := walk(decoded(t, text), names)
		if found != exists {
			t.Fatalf("%s in %q: found %v, want %v", at, text, found, exists)
		}
		if found && (!bytes.Contains(text, got) || !reflect.DeepEqual(decoded(t, got), want)) {
			t.Fatalf("%s in %q: %q, want %v", at, text, got, want)
		}
	})
}

func decoded(t *testing.T, text []byte) (value any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return value
}

func walk(value any, names []string) (any, bool) {
	for _, name := range names {
		switch of := value.(type) {
		case map[string]any:
			var has bool
			if value, has = of[name]; !has {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(of) || strconv.Itoa(i) != name {
				return nil, false
			}
			value = of[i]
		default:
			return nil, false
		}
	}
	return value, true
}
