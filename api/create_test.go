package api_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"callback-relay/api"
)

const secret = "AQCEAAAAKgAAAAMAAAAAAAAAAf0vT4nN-canary"

func fullRequest() api.CreateRequest {
	return api.CreateRequest{
		TaskToken: secret,
		ExpiresIn: "7d",
		OnExpiry:  api.OnExpiryIgnore,
		Tags:      map[string]string{"order": "42"},
		Links:     map[string]api.LinkRequest{"progress": {Type: api.LinkHeartbeat}},
	}
}

func TestCreateRequestHidesTaskToken(t *testing.T) {
	request := fullRequest()
	nested := struct{ Request api.CreateRequest }{request}

	printed := map[string]string{
		"String":   request.String(),
		"GoString": request.GoString(),
		"LogValue": request.LogValue().String(),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
		printed[verb] = fmt.Sprintf(verb, request)
		printed[verb+" pointer"] = fmt.Sprintf(verb, &request)
		printed[verb+" nested"] = fmt.Sprintf(verb, nested)
		printed[verb+" slice"] = fmt.Sprintf(verb, []api.CreateRequest{request})
	}
	for name, handler := range map[string]func(*strings.Builder) slog.Handler{
		"slog text": func(b *strings.Builder) slog.Handler { return slog.NewTextHandler(b, nil) },
		"slog json": func(b *strings.Builder) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var log strings.Builder
		slog.New(handler(&log)).Info("create", "request", request, "pointer", &request)
		printed[name] = log.String()
	}

	for how, text := range printed {
		if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
			t.Errorf("%s shows the task token: %s", how, text)
		}
		for _, want := range []string{"[redacted]", "7d", "ignore", "order", "42", "heartbeat"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q: %s", how, want, text)
			}
		}
	}
}

func TestCreateRequestSendsTaskToken(t *testing.T) {
	body, err := json.Marshal(fullRequest())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(body), `"taskToken":"`+secret+`"`) {
		t.Errorf("the JSON lacks the task token: %s", body)
	}
}

// TestCreateRequestLimits tries the bounds that the schema promises.
func TestCreateRequestLimits(t *testing.T) {
	schema := document(t).Components.Schemas["CreateRequest"].Value
	deadline := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

	for _, test := range []struct {
		name  string
		edit  func(*api.CreateRequest)
		valid bool
	}{
		{"all fields", func(*api.CreateRequest) {}, true},
		{"task token alone", func(r *api.CreateRequest) { *r = api.CreateRequest{TaskToken: "x"} }, true},
		{"no task token", func(r *api.CreateRequest) { r.TaskToken = "" }, false},
		{"longest task token", func(r *api.CreateRequest) { r.TaskToken = strings.Repeat("x", 2048) }, true},
		{"task token too long", func(r *api.CreateRequest) { r.TaskToken = strings.Repeat("x", 2049) }, false},
		{"deadline as a time", func(r *api.CreateRequest) { r.ExpiresIn, r.ExpiresAt = "", &deadline }, true},
		{"two deadlines", func(r *api.CreateRequest) { r.ExpiresAt = &deadline }, false},
		{"unknown onExpiry", func(r *api.CreateRequest) { r.OnExpiry = "retry" }, false},
		{"16 tags", func(r *api.CreateRequest) { r.Tags = numbered[string](16, "v") }, true},
		{"17 tags", func(r *api.CreateRequest) { r.Tags = numbered[string](17, "v") }, false},
		{"longest tag", tag(strings.Repeat("k", 64), strings.Repeat("é", 256)), true},
		{"tag key too long", tag(strings.Repeat("k", 65), "v"), false},
		{"tag value too long", tag("k", strings.Repeat("v", 257)), false},
		{"tag key with a colon", tag("a:b", "v"), false},
		{"16 links", func(r *api.CreateRequest) { r.Links = numbered(16, webhook) }, true},
		{"17 links", func(r *api.CreateRequest) { r.Links = numbered(17, webhook) }, false},
		{"longest link name", link("a"+strings.Repeat("-", 31), webhook), true},
		{"link name too long", link("a"+strings.Repeat("-", 32), webhook), false},
		{"link name with capitals", link("Approve", webhook), false},
		{"reserved link name", link("expiry", webhook), false},
		{"unknown link type", link("approve", api.LinkRequest{Type: "page"}), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := fullRequest()
			test.edit(&request)
			err := schema.VisitJSON(asJSON(t, request), openapi3.EnableJSONSchema2020())
			if valid := err == nil; valid != test.valid {
				t.Errorf("valid = %t, want %t (%v)", valid, test.valid, err)
			}
		})
	}
}

var webhook = api.LinkRequest{Type: api.LinkWebhook}

func tag(key, value string) func(*api.CreateRequest) {
	return func(r *api.CreateRequest) { r.Tags = map[string]string{key: value} }
}

func link(name string, request api.LinkRequest) func(*api.CreateRequest) {
	return func(r *api.CreateRequest) { r.Links = map[string]api.LinkRequest{name: request} }
}

// numbered returns a map of n entries k0, k1, ….
func numbered[V any](n int, value V) map[string]V {
	m := make(map[string]V, n)
	for i := range n {
		m[fmt.Sprintf("k%d", i)] = value
	}
	return m
}

func asJSON(t *testing.T, value any) any {
	t.Helper()
	body, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var decoded any
	if err := json.Unmarshal(body, &decoded); err != nil {
		t.Fatal(err)
	}
	return decoded
}
