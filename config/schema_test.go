package config

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"callback-relay/rules"
	"callback-relay/senders"
)

// The schema has every field of the file, and no other.
func TestSchemaHasEveryField(t *testing.T) {
	type object struct {
		Properties map[string]json.RawMessage
	}
	var schema struct {
		object
		Definitions map[string]object
	}
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	within := func(o object, name string) object {
		var found object
		if err := json.Unmarshal(o.Properties[name], &found); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return found
	}
	sender, proof := schema.Definitions["sender"], schema.Definitions["proof"]
	for of, described := range map[reflect.Type]object{
		reflect.TypeFor[fileContent]():       schema.object,
		reflect.TypeFor[fileSender]():        sender,
		reflect.TypeFor[reference]():         schema.Definitions["reference"],
		reflect.TypeFor[fileHook]():          schema.Definitions["hook"],
		reflect.TypeFor[senders.Proof]():     proof,
		reflect.TypeFor[senders.Timestamp](): within(proof, "timestamp"),
		reflect.TypeFor[rules.EventSpec]():   within(sender, "event"),
	} {
		want := slices.Sorted(slices.Values(fieldsOf(of)))
		got := slices.Sorted(maps.Keys(described.Properties))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: fields (-) and schema (+):\n%s", of, diff)
		}
	}
}
