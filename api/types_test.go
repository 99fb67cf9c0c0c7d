package api_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"callback-relay/api"
)

// bodies are the types of whole requests and answers. The types that they contain are
// found from them.
var bodies = []any{
	api.CreateRequest{},
	api.Sender{}, // the value of a link's sender, if it is not a name
	api.UpdateRequest{},
	api.AddLinkRequest{},
	api.Callback{},
	api.CallbackList{},
	api.History{},
	api.SenderList{},
	api.KeptEvents{},
	api.DroppedEvents{},
	api.AnswerResponse{},
	api.EventResponse{},
	api.Problem{},
	api.Health{},
	api.Warning{},
}

// TestTypesMatchSchemas compares Go with OpenAPI in both directions: each struct has a
// closed schema of the same name with the same fields, and there are no other schemas.
func TestTypesMatchSchemas(t *testing.T) {
	schemas := document(t).Components.Schemas

	structs := map[string]reflect.Type{}
	for _, body := range bodies {
		collectStructs(reflect.TypeOf(body), structs)
	}
	for name, typ := range structs {
		t.Run(name, func(t *testing.T) {
			ref, ok := schemas[name]
			if !ok {
				t.Fatalf("api.%s has no schema", name)
			}
			compareStruct(t, typ, ref.Value)
		})
	}
	for name, ref := range schemas {
		if len(ref.Value.Properties) > 0 && structs[name] == nil {
			t.Errorf("schema %s has no Go type that is sent or received", name)
		}
	}
}

func compareStruct(t *testing.T, typ reflect.Type, schema *openapi3.Schema) {
	t.Helper()
	if closed := schema.AdditionalProperties.Has; closed == nil || *closed {
		t.Error("the schema lacks additionalProperties: false")
	}
	var names, required []string
	for _, field := range reflect.VisibleFields(typ) {
		if field.Anonymous {
			continue // its fields are those of the whole
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
		if options == "" {
			required = append(required, name)
		}
		property, ok := schema.Properties[name]
		if !ok {
			continue // the comparison of names tells
		}
		if want := shape(field.Type); want != "" && !property.Value.Type.Is(want) {
			t.Errorf("%s is %s in Go and %v in the schema", name, want, property.Value.Type)
		}
		isTime := field.Type == timeType || field.Type == reflect.PointerTo(timeType)
		if isTime != (property.Value.Format == "date-time") {
			t.Errorf("%s: Go type %v, format %q", name, field.Type, property.Value.Format)
		}
	}
	var properties []string
	for name := range schema.Properties {
		properties = append(properties, name)
	}
	for _, list := range [][]string{names, required, properties, schema.Required} {
		slices.Sort(list)
	}
	if diff := cmp.Diff(names, properties); diff != "" {
		t.Errorf("fields (-Go +schema):\n%s", diff)
	}
	if diff := cmp.Diff(required, schema.Required); diff != "" {
		t.Errorf("fields that are always sent (-Go +schema):\n%s", diff)
	}
}

var timeType = reflect.TypeFor[time.Time]()

// collectStructs adds, by name, the wire structs that are reachable from typ.
func collectStructs(typ reflect.Type, into map[string]reflect.Type) {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		collectStructs(typ.Elem(), into)
	case reflect.Struct:
		if typ == timeType {
			return
		}
		into[typ.Name()] = typ
		for field := range typ.Fields() {
			collectStructs(field.Type, into)
		}
	}
}

// shape is the JSON Schema type of a Go type, "" for one that can be any.
func shape(typ reflect.Type) string {
	switch {
	case typ == reflect.TypeFor[json.RawMessage](), reflect.PointerTo(typ).Implements(reflect.TypeFor[json.Unmarshaler]()) && typ != timeType:
		return ""
	case typ.Kind() == reflect.Pointer:
		return shape(typ.Elem())
	case typ == timeType || typ.Kind() == reflect.String:
		return openapi3.TypeString
	case typ.Kind() == reflect.Int || typ.Kind() == reflect.Int64:
		return openapi3.TypeInteger
	case typ.Kind() == reflect.Bool:
		return openapi3.TypeBoolean
	case typ.Kind() == reflect.Slice:
		return openapi3.TypeArray
	}
	return openapi3.TypeObject
}

// TestEnums compares the constants with the values that the document lists.
func TestEnums(t *testing.T) {
	schemas := document(t).Components.Schemas
	property := func(schema, name string) *openapi3.SchemaRef { return schemas[schema].Value.Properties[name] }
	for _, test := range []struct {
		name   string
		schema *openapi3.SchemaRef
		want   []any
	}{
		{"State", schemas["State"], []any{
			api.StatePending, api.StateAnswered, api.StateDelivered,
			api.StateRefused, api.StateExpired, api.StateCancelled,
		}},
		{"OnExpiry", schemas["OnExpiry"], []any{api.OnExpiryFail, api.OnExpiryIgnore}},
		{"LinkType", schemas["LinkType"], []any{
			api.LinkWebhook, api.LinkSuccess, api.LinkFailure, api.LinkHeartbeat, api.LinkApproval,
		}},
		{"Approval.comment", property("Approval", "comment"), []any{
			api.CommentOptional, api.CommentRequired, api.CommentRequiredOnReject, api.CommentNone,
		}},
		{"Approval.onReject", property("Approval", "onReject"), []any{
			api.OnRejectSuccess, api.OnRejectFailure,
		}},
		{"Approval.verify", property("Approval", "verify"), []any{api.VerifyRequired}},
		{"Approval.confirm", property("Approval", "confirm"), []any{api.ConfirmWord, api.ConfirmCode}},
		{"Choice.style", property("Choice", "style"), []any{api.ButtonMain, api.ButtonDanger}},
		{"Outcome.type", property("Outcome", "type"), []any{
			api.OutcomeSuccess, api.OutcomeFailure,
		}},
		{"AnswerResponse.status", property("AnswerResponse", "status"), []any{
			api.StatusDelivered, api.StatusAccepted, api.StatusAlive, api.StatusIgnored,
		}},
		{"EventResponse.status", property("EventResponse", "status"), []any{
			api.EventMatched, api.EventDuplicate, api.EventKept, api.EventIgnored,
		}},
		{"EventResponse.reason", property("EventResponse", "reason"), []any{
			api.EventNotAccepted, api.EventNoKey, api.EventTooLarge, api.EventUnsupported, api.EventFailedRule,
		}},
		{"Health.status", property("Health", "status"), []any{
			api.HealthOK, api.HealthReady,
		}},
	} {
		if diff := cmp.Diff(test.want, test.schema.Value.Enum); diff != "" {
			t.Errorf("%s (-Go +schema):\n%s", test.name, diff)
		}
	}
}
