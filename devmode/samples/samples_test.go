package samples_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"callback-relay/devmode/samples"
	"callback-relay/senders"
)

// Every preset has samples, and all samples are of a preset.
func TestSamplesAreOfPresets(t *testing.T) {
	var presets, files []string
	for _, p := range senders.Presets() {
		presets = append(presets, p.Name)
	}
	names, err := filepath.Glob("*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		files = append(files, strings.TrimSuffix(name, ".txtar"))
	}
	slices.Sort(presets)
	slices.Sort(files)
	if !slices.Equal(presets, files) {
		t.Errorf("samples of %v, presets %v", files, presets)
	}
}

// Each sample has an event that ends the task, and, where its sender posts others too, one
// before it that does not.
func TestSamplesShowWhatDoesNotCount(t *testing.T) {
	onlyFinal := []string{"basic-auth", "fal"}
	for _, p := range senders.Presets() {
		sample, err := samples.Load(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		if sample.Events[0].Expected.Ends() != slices.Contains(onlyFinal, p.Name) {
			t.Errorf("%s begins with %q", p.Name, sample.Events[0].Expected.Text)
		}
		if _, found := sample.Event("no such event"); found {
			t.Errorf("%s has an event that it has not", p.Name)
		}
	}
	if _, err := samples.Load("no-such-preset"); err == nil {
		t.Error("there are samples of a preset that is not there")
	}
}

// A preset without default outcomes has a secret that is not the task's own, so the sample
// names the task's object in vars, and an outcome reads it.
func TestSamplesNameTheObject(t *testing.T) {
	without := 0
	for _, p := range senders.Presets() {
		if p.Outcomes != nil {
			continue
		}
		without++
		sample, err := samples.Load(p.Name)
		if err != nil {
			t.Fatal(err)
		}
		var registration struct {
			Links map[string]struct {
				Vars     map[string]any
				Outcomes []struct{ When string }
			}
		}
		if err := json.Unmarshal(sample.Registration, &registration); err != nil {
			t.Fatal(err)
		}
		for name, link := range registration.Links {
			if len(link.Vars) == 0 {
				t.Errorf("%s: the link %s has no vars", p.Name, name)
			}
			for of := range link.Vars {
				if !slices.ContainsFunc(link.Outcomes, func(o struct{ When string }) bool { return strings.Contains(o.When, "vars."+of) }) {
					t.Errorf("%s: no outcome of the link %s reads vars.%s", p.Name, name, of)
				}
			}
		}
	}
	if without < 30 {
		t.Errorf("only %d presets have no default outcomes", without)
	}
}

// What senders publish comes from the samples, and nothing else does.
func TestPublished(t *testing.T) {
	elsewhere := errors.New("elsewhere")
	transport, err := samples.Published(failing{elsewhere})
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: transport}
	resp, err := client.Get("https://rest.fal.ai/.well-known/jwks.json")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", resp, err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := client.Get("https://rest.fal.ai/other")
	if !errors.Is(err, elsewhere) {
		t.Errorf("another document: %v", err)
	}
	if err == nil {
		_ = other.Body.Close()
	}
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }
