package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// Policies are JSON of the version that IAM reads.
func TestPoliciesAreJSON(t *testing.T) {
	files, err := filepath.Glob("iam/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no policies: %v", err)
	}
	for _, file := range files {
		var policy struct {
			Version   string
			Statement []map[string]any
		}
		readJSON(t, file, &policy)
		if policy.Version != "2012-10-17" || len(policy.Statement) == 0 {
			t.Errorf("%s: version %q with %d statements", file, policy.Version, len(policy.Statement))
		}
	}
}

// TestPolicy compares what the relay may do with the calls that it makes.
func TestPolicy(t *testing.T) {
	files, err := filepath.Glob("../../stepfunctions/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var calls []string
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range regexp.MustCompile(`s\.client\.([A-Z]\w+)\(`).FindAllSubmatch(source, -1) {
			calls = append(calls, "states:"+string(call[1]))
		}
	}
	var policy struct {
		Statement []struct {
			Effect   string
			Action   []string
			Resource string
		}
	}
	readJSON(t, "iam/relay.json", &policy)
	if len(policy.Statement) != 1 || policy.Statement[0].Effect != "Allow" || policy.Statement[0].Resource != "*" {
		t.Fatalf("statements %+v", policy.Statement)
	}
	allowed := policy.Statement[0].Action
	slices.Sort(calls)
	slices.Sort(allowed)
	if len(calls) == 0 || !slices.Equal(slices.Compact(calls), allowed) {
		t.Errorf("the relay calls %q, and may call %q", calls, allowed)
	}
}
