package rules_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"callback-relay/rules"
)

// mistakesOf lists the mistakes in a source, by path.
func mistakesOf(t *testing.T, src rules.Source) map[string]string {
	t.Helper()
	found := map[string]string{}
	program, err := rules.Compile(src)
	if (program == nil) != (err != nil) {
		t.Errorf("program %v, error %v", program, err)
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			wrong := (*rules.Error)(nil)
			if !errors.As(one, &wrong) {
				t.Errorf("%T: %v", one, one)
				continue
			}
			found[wrong.Path] = wrong.Problem
		}
	} else if err != nil {
		t.Errorf("%T: %v", err, err)
	}
	return found
}

// All mistakes are found at once, each with its place.
func TestMistakes(t *testing.T) {
	got := mistakesOf(t, rules.Source{
		Event: rules.EventSpec{ID: "body.id ==", Type: "[1]"},
		Outcomes: []rules.Outcome{
			{When: "bdy.a == 1", Do: "complete"},
			{When: "'text'", Do: rules.Succeed, Error: "E", Cause: "c"},
			{Do: rules.Fail, Output: json.RawMessage(`"/a"`), Error: "/a~2", Cause: strings.Repeat("x", 32_769)},
			{Do: rules.Succeed, Output: json.RawMessage(`"a"`)},
			{Do: rules.Ignore, Output: json.RawMessage(`{"a":"/b"}`), Error: "E"},
			{Do: rules.Succeed, Output: json.RawMessage(`{"a":"b"}`)},
			{Do: rules.Succeed, Output: json.RawMessage(`{"a":{"b":"/c"}}`)},
			{Do: rules.Succeed, Output: json.RawMessage(`{"a":"/b","\u0061":"/c"}`)},
			{When: strings.Repeat(" ", 4096) + "true", Do: rules.Succeed},
		},
		Otherwise: "fail",
	})
	for path, want := range map[string]string{
		"event.id":           "is not valid, at line 1, column 11: ",
		"event.type":         "must be a text, a whole number or a condition, but is of the type list(int)",
		"outcomes[0].when":   "is not valid, at line 1, column 1: undeclared reference to 'bdy'",
		"outcomes[0].do":     `must be "succeed", "fail", "heartbeat" or "ignore", but is "complete"`,
		"outcomes[1].when":   "must be a condition, which is true or false, but is of the type string",
		"outcomes[1].error":  `must be left out: only an outcome that does "fail" has it`,
		"outcomes[1].cause":  `must be left out: only an outcome that does "fail" has it`,
		"outcomes[2].output": `must be left out: only an outcome that does "succeed" has it`,
		"outcomes[2].error":  "must be a JSON Pointer, in which ~",
		"outcomes[2].cause":  "has 32769 characters, but at most 32768 are allowed",
		"outcomes[3].output": "must be a JSON Pointer, which begins with a slash",
		"outcomes[4].output": "must be left out",
		"outcomes[4].error":  "must be left out",
		"outcomes[5].output": `has a member "a" that must be a JSON Pointer`,
		"outcomes[6].output": "must be a JSON Pointer such as",
		"outcomes[7].output": `has the member "a" more than once`,
		"outcomes[8].when":   "has 4100 bytes, but at most 4096 are allowed",
		"otherwise":          `must be "ignore" or "succeed", but is "fail"`,
	} {
		if !strings.HasPrefix(got[path], want) {
			t.Errorf("%s %q, want %q", path, got[path], want)
		}
		delete(got, path)
	}
	for path, problem := range got {
		t.Errorf("too much: %s %s", path, problem)
	}
	many := rules.Source{Outcomes: slices.Repeat([]rules.Outcome{{Do: rules.Ignore}}, 21), Otherwise: rules.Ignore}
	if got := mistakesOf(t, many); got["outcomes"] != "has 21 entries, but at most 20 are allowed" || len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// A mistake in an expression is shown with its line and a caret below it.
func TestMistakesInExpressions(t *testing.T) {
	for expression, want := range map[string]string{
		"body.n ==":                       "is not valid, at line 1, column 10: mismatched input '<EOF>'\nbody.n ==\n         ^",
		"body.n == 1 &&\n  bodi.x":        "is not valid, at line 2, column 3: undeclared reference to 'bodi'",
		"vars.other == 1":                 "is not valid, at line 1, column 5: there is no vars.other: the vars are id, n\nvars.other == 1\n    ^",
		"body.n = 1":                      "is not valid, at line 1, column 8: token recognition error at: '= '; write == to compare",
		"headers.x-kind == 'a'":           "is not valid, at line 1, column 10: ",
		"vars['other'] == 1":              "is not valid, at line 1, column 5: there is no vars.other: the vars are id, n",
		"body.x in [vars.othr]":           "is not valid, at line 1, column 16: there is no vars.othr",
		"event.kind == 'a'":               "is not valid, at line 1, column 6: undeclared reference to 'event.kind' (did you mean 'event.id'?)",
		"headers['X-Kind'] == 'a'":        "is not valid, at line 1, column 8: names of headers are in lower case: headers['x-kind']",
		"body.a.matches(body.b)":          "is not valid, at line 1, column 15: the pattern of matches must be written as a text",
		"body.a.matches('(')":             "is not valid, at line 1, column 16: ",
		"body.a.matches('(?=a)')":         "is not valid, at line 1, column 16: ",
		"body.a.matches('(a{100}){100}')": "is not valid, at line 1, column 16: ",
		`body.a.matches('^\\pL{100}')`:    "is not valid, at line 1, column 15: the patterns take too much memory",
		"null.x == 1":                     "is not valid, at line 1, column 5: ",
		"1 + 'a' == 2":                    "is not valid, at line 1, column 3: found no matching overload for '_+_' applied to '(int, string)'",
		"headers.a == 1":                  "is not valid, at line 1, column 11: found no matching overload",
		strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300): "",
	} {
		got := mistakesOf(t, rules.Source{Vars: []string{"n", "id"}, Outcomes: []rules.Outcome{{When: expression, Do: rules.Ignore}}, Otherwise: rules.Ignore})["outcomes[0].when"]
		if !strings.HasPrefix(got, want) || got == "" || len(got) > 500 || strings.Count(got, "\n") > 2 {
			t.Errorf("%.100s:\n%s\nwant\n%s", expression, got, want)
		}
	}
}

// What only asks whether a member is there may name any.
func TestWhatIsNoMistake(t *testing.T) {
	for _, expression := range []string{
		"has(vars.x)", "vars.?x.hasValue()", "vars[?'x'].hasValue()", "'x' in vars", "vars == {}", "vars[body.name] == 1", "body.vars.x == 1", "body['X-Kind'] == 1",
		"'a'.matches('b')", "matches(body.a, r'\\d+')", "optional.none().hasValue()", "body.list.map(x, x.y).size() == 1", "headers[body.name] == 'a'",
	} {
		if got := mistakesOf(t, rules.Source{Outcomes: []rules.Outcome{{When: expression, Do: rules.Ignore}}, Otherwise: rules.Ignore}); len(got) > 0 {
			t.Errorf("%s: %q", expression, got)
		}
	}
}

// The same source is compiled once, whatever the order of its vars.
func TestCacheCompilesOnce(t *testing.T) {
	cache := rules.NewCache(1 << 20)
	src := func(vars ...string) rules.Source {
		return rules.Source{Outcomes: []rules.Outcome{{When: "vars.a == vars.b", Do: rules.Succeed}}, Otherwise: rules.Ignore, Vars: vars}
	}
	first, err := cache.Compile(src("a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := cache.Compile(src("b", "a")); err != nil || again != first {
		t.Errorf("compiled again: %v", err)
	}
	if _, err := cache.Compile(src("a")); err == nil {
		t.Error("the program of other vars is used")
	}
	if _, err := cache.Compile(rules.Source{Otherwise: rules.Ignore, Outcomes: []rules.Outcome{{Do: rules.Succeed, Output: json.RawMessage("{")}}}); err == nil {
		t.Error("an output that is not JSON is accepted")
	}
}

// A cache that is full of the costliest programs takes no more memory than it has counted.
func TestCacheIsBounded(t *testing.T) {
	const most = 4 << 20
	fill := func(expression string) string { return strings.Repeat(expression, 4000/len(expression)) }
	for name, source := range map[string]func(n int) string{
		"short":          func(n int) string { return fmt.Sprintf("body.a == %d", n) },
		"conditions":     func(n int) string { return fmt.Sprintf("body.a == %d", n) + fill("||body.a==1") },
		"lists":          func(n int) string { return fmt.Sprintf("body.a in [%d", n) + fill(",1") + "]" },
		"lists of lists": func(n int) string { return fmt.Sprintf("body.a in [%d", n) + fill(",[]") + "]" },
		"maps":           func(n int) string { return fmt.Sprintf("body.a in {%d:1", n) + strings.Join(numbers(500), "") + "}" },
		"members":        func(n int) string { return fmt.Sprintf("body.a%d", n) + strings.Repeat(".b", 200) + " == 1" },
		"sums":           func(n int) string { return fmt.Sprintf("0 == %d", n) + strings.Repeat("+1", 200) },
		"negations":      func(n int) string { return fmt.Sprintf("body.a%d == 1", n) + fill("||!body.a") },
		"loops":          func(n int) string { return fmt.Sprintf("body.a == %d", n) + fill("||body.b.exists(x,x)") },
		"patterns": func(n int) string {
			return fmt.Sprintf("body.a == %d", n) + strings.Repeat("||body.a.matches('(a|b){60}')", 20)
		},
		"classes": func(n int) string {
			return fmt.Sprintf("body.a == %d", n) + strings.Repeat(`||body.a.matches(r'(?i)(\pL|\pM){9}')`, 2)
		},
		"class": func(n int) string {
			return fmt.Sprintf("body.a == %d", n) + strings.Repeat(`||body.a.matches(r'^\pL{10}')`, 4)
		},
		"schemas": func(n int) string {
			return fmt.Sprintf(`{"title":"%d","allOf":[{}%s]}`, n, strings.Repeat(",{}", 200))
		},
		"values in schemas": func(n int) string {
			return fmt.Sprintf(`{"title":"%d","enum":[{}%s]}`, n, strings.Repeat(",{}", 4000))
		},
		"patterns in schemas": func(n int) string {
			return fmt.Sprintf(`{"title":"%d","allOf":[{}%s]}`, n, strings.Repeat(`,{"pattern":"^\\pL{4}"}`, 8))
		},
		"optionals": func(n int) string { return fmt.Sprintf("body.a == %d", n) + fill("||body.?a.?b.hasValue()") },
	} {
		cache := rules.NewCache(most)
		compile := func(n int) {
			outcome := rules.Outcome{When: source(n), Do: rules.Succeed}
			if strings.HasPrefix(outcome.When, "{") {
				outcome.Schema, outcome.When = json.RawMessage(outcome.When), ""
			}
			_, err := cache.Compile(rules.Source{Outcomes: []rules.Outcome{outcome}, Otherwise: rules.Ignore})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		for n := range 3 { // what is allocated once is there
			compile(n + 1)
		}
		cache = rules.NewCache(most)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		kept := 0
		for n := 1; ; n++ {
			compile(n)
			if programs, _ := cache.Kept(); programs == kept || n == 25 {
				break
			}
			kept++
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		programs, counted := cache.Kept()
		took := int(after.HeapAlloc) - int(before.HeapAlloc)
		t.Logf("%s: %d programs of %d KB, counted as %d KB", name, programs, took/max(programs, 1)>>10, counted/max(programs, 1)>>10)
		if took > counted {
			t.Errorf("%s: %d programs take %d bytes, and were counted as %d", name, programs, took, counted)
		}
		runtime.KeepAlive(cache)
	}
}

// numbers returns entries of a map.
func numbers(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf(",%d:1", 1000+i))
	}
	return all
}
