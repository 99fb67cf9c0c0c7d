package examples

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"callback-relay/relay"
)

// machine is a state machine, or a branch of one.
type machine struct {
	StartAt string
	States  map[string]state
}

// state has the fields that these tests use.
type state struct {
	Type           string
	Resource       string
	Parameters     json.RawMessage // in JSONPath
	Arguments      json.RawMessage // in JSONata
	TimeoutSeconds int
	Next           string
	Default        string
	End            bool
	Choices        []struct{ Next string }
	Catch          []struct {
		ErrorEquals []string
		Next        string
	}
	Branches []machine
}

// waits reports whether the state waits for a callback.
func (s state) waits() bool { return strings.HasSuffix(s.Resource, ".waitForTaskToken") }

// arguments are the state's arguments for the service.
func (s state) arguments() json.RawMessage { return append(s.Parameters, s.Arguments...) }

// next returns the states that can come after this one.
func (s state) next() []string {
	all := []string{s.Next, s.Default}
	for _, c := range s.Choices {
		all = append(all, c.Next)
	}
	for _, c := range s.Catch {
		all = append(all, c.Next)
	}
	return slices.DeleteFunc(all, func(name string) bool { return name == "" })
}

// catches returns the names of errors that a state catches.
func (s state) catches() []string {
	var all []string
	for _, c := range s.Catch {
		all = append(all, c.ErrorEquals...)
	}
	return all
}

// workflows reads every state machine in the folder, by file.
func workflows(t *testing.T) map[string]machine {
	t.Helper()
	files, err := filepath.Glob("workflows/*.asl.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	all := map[string]machine{}
	for _, file := range files {
		var m machine
		readJSON(t, file, &m)
		all[file] = m
	}
	return all
}

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func TestWorkflows(t *testing.T) {
	for file, m := range workflows(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			if judge(t, m, nil) == 0 {
				t.Error("no state waits for a callback")
			}
		})
	}
}

// The states in the README must pass the same checks.
func TestStateOfTheReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "```json\n\"Pay\": ")
	text, _, _ := strings.Cut(rest, "\n```")
	var pay state
	if err := json.Unmarshal([]byte(text), &pay); err != nil || !found {
		t.Fatalf("no state Pay: %v", err)
	}
	judgeWait(t, "Pay", pay, pay.catches())
}

// judge checks a machine, with the errors that outer states catch, and returns how
// many of its states wait.
func judge(t *testing.T, m machine, caught []string) (waiting int) {
	t.Helper()
	reached := map[string]bool{}
	for queue := []string{m.StartAt}; len(queue) > 0; queue = queue[1:] {
		name := queue[0]
		s, there := m.States[name]
		if !there {
			t.Errorf("no state is called %s", name)
		}
		if !reached[name] {
			reached[name] = true
			queue = append(queue, s.next()...)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.States)) {
		s := m.States[name]
		if !reached[name] {
			t.Errorf("%s cannot be reached", name)
		}
		if ends := s.End || s.Type == "Succeed" || s.Type == "Fail" || s.Type == "Choice"; ends == (s.Next != "") {
			t.Errorf("%s wants either an end or a next state", name)
		}
		handled := append(s.catches(), caught...)
		if s.waits() {
			waiting++
			judgeWait(t, name, s, handled)
		}
		for _, branch := range s.Branches {
			waiting += judge(t, branch, handled)
		}
	}
	return waiting
}

// judgeWait checks a state that waits for a callback.
func judgeWait(t *testing.T, name string, s state, caught []string) {
	t.Helper()
	text := string(s.arguments())
	if !strings.Contains(text, `$$.Task.Token`) && !strings.Contains(text, `$states.context.Task.Token`) {
		t.Errorf("%s hands out no task token", name)
	}
	// The callback must end first, so that the workflow can distinguish this from a
	// relay that is gone.
	expiry := 24 * time.Hour // as the function in the README has it
	if _, after, found := strings.Cut(text, `"expiresIn": "`); found {
		value, _, _ := strings.Cut(after, `"`)
		var err error
		if expiry, err = time.ParseDuration(value); err != nil {
			t.Error(err)
		}
	}
	if timeout := time.Duration(s.TimeoutSeconds) * time.Second; timeout <= expiry {
		t.Errorf("%s waits for %s, and its callback for %s", name, timeout, expiry)
	}
	want := []string{relay.ErrorExpired, "States.Timeout"}
	if strings.Contains(text, "approve") {
		want = append(want, relay.ErrorRejected)
	}
	for _, errorName := range want {
		if !slices.Contains(caught, errorName) {
			t.Errorf("%s does not catch %s", name, errorName)
		}
	}
	for _, errorName := range caught {
		if strings.HasPrefix(errorName, "Callback.") && !slices.Contains(want, errorName) {
			t.Errorf("%s catches %s, which the relay does not send here", name, errorName)
		}
	}
}
