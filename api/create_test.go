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

const (
	secret = "AQCEAAAAKgAAAAMAAAAAAAAAAf0vT4nN-canary"
	told   = "told-to-the-task-or-a-person" // not to be printed either
)

func fullRequest() api.CreateRequest {
	return api.CreateRequest{
		TaskToken: secret,
		ExpiresIn: "7d",
		OnExpiry:  api.OnExpiryIgnore,
		Tags:      map[string]string{"order": "42"},
		Links: map[string]api.LinkRequest{
			"progress": {Type: api.LinkHeartbeat},
			"done":     {Type: api.LinkSuccess, Output: json.RawMessage(`{"note":"` + told + `"}`)},
			"failed":   {Type: api.LinkFailure, Error: told, Cause: told},
			"dana": {
				Type: api.LinkApproval, Page: true, Approver: api.Approver{Name: told},
				Response: &api.LinkResponse{Text: told, Redirect: "https://example.com/" + told},
			},
		},
		Awaits: map[string]api.AwaitRequest{
			"paid": {
				Sender: told, Key: json.RawMessage(`"` + told + `"`), Vars: map[string]json.RawMessage{"a": json.RawMessage(`"` + told + `"`)},
				Outcomes: []api.EventOutcome{{When: "vars.a == '" + told + "'", Do: api.DoFail, Error: told}}, Otherwise: api.DoIgnore,
				Envelope: &api.Envelope{Headers: []string{told}},
			},
		},
		Approval: &api.Approval{
			Title: told, Message: told, Details: json.RawMessage(`{"Service":"` + told + `"}`),
			ApproveLabel: told, RejectLabel: told, Comment: api.CommentRequired,
			Fields:   json.RawMessage(`{"type":"object","properties":{"seats":{"type":"integer","title":"` + told + `"}}}`),
			OnReject: api.OnRejectFailure, Confirm: api.ConfirmCode, Required: 1, Rejections: 1,
		},
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
		if strings.Contains(text, told) || strings.Contains(text, fmt.Sprintf("%x", told)) {
			t.Errorf("%s shows what the links say: %s", how, text)
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
		{"32 links", func(r *api.CreateRequest) { r.Links = numbered(32, webhook) }, true},
		{"33 links", func(r *api.CreateRequest) { r.Links = numbered(33, webhook) }, false},
		{"longest link name", link("a"+strings.Repeat("-", 63), webhook), true},
		{"link name too long", link("a"+strings.Repeat("-", 64), webhook), false},
		{"link name with capitals", link("Approve", webhook), false},
		{"reserved link name", link("expiry", webhook), false},
		{"unknown link type", link("approve", api.LinkRequest{Type: "page"}), false},
		{"output that is a number", link("a", api.LinkRequest{Type: "success", Output: json.RawMessage("1")}), true},
		{"output that is null", link("a", api.LinkRequest{Type: "success", Output: json.RawMessage("null")}), true},
		{"longest error", link("a", api.LinkRequest{Type: "failure", Error: strings.Repeat("é", 256)}), true},
		{"error too long", link("a", api.LinkRequest{Type: "failure", Error: strings.Repeat("e", 257)}), false},
		{"longest cause", link("a", api.LinkRequest{Type: "failure", Error: "E", Cause: strings.Repeat("é", 32_768)}), true},
		{"cause too long", link("a", api.LinkRequest{Type: "failure", Error: "E", Cause: strings.Repeat("c", 32_769)}), false},
		{"longest approver", link("a", api.LinkRequest{Type: "approval", Approver: api.Approver{Name: strings.Repeat("é", 100)}}), true},
		{"approver too long", link("a", api.LinkRequest{Type: "approval", Approver: api.Approver{Name: strings.Repeat("a", 101)}}), false},
		{"longest response", response(api.LinkResponse{Text: strings.Repeat("é", 1000), Redirect: redirect(2048)}), true},
		{"response too long", response(api.LinkResponse{Text: strings.Repeat("t", 1001)}), false},
		{"redirect too long", response(api.LinkResponse{Redirect: redirect(2049)}), false},
		{"redirect without TLS", response(api.LinkResponse{Redirect: "http://example.com/"}), false},
		{"redirect that is a script", response(api.LinkResponse{Redirect: "javascript:alert(1)"}), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			request := fullRequest()
			test.edit(&request)
			visit(t, schema, request, test.valid)
		})
	}
}

// TestApprovalLimits does the same for what pages show and ask.
func TestApprovalLimits(t *testing.T) {
	schema := document(t).Components.Schemas["Approval"].Value
	long := func(n int) string { return strings.Repeat("é", n) }
	details := func(n, name, value int) func(*api.Approval) {
		return func(a *api.Approval) {
			all := map[string]string{}
			for i := range n {
				all[fmt.Sprintf("%0*d", name, i)] = long(value)
			}
			a.Details, _ = json.Marshal(all) // texts
		}
	}
	for _, test := range []struct {
		name  string
		edit  func(*api.Approval)
		valid bool
	}{
		{"all members", func(*api.Approval) {}, true},
		{"none", func(a *api.Approval) { *a = api.Approval{} }, true},
		{"longest title", func(a *api.Approval) { a.Title = long(200) }, true},
		{"title too long", func(a *api.Approval) { a.Title = long(201) }, false},
		{"longest message", func(a *api.Approval) { a.Message = long(5000) }, true},
		{"message too long", func(a *api.Approval) { a.Message = long(5001) }, false},
		{"longest labels", func(a *api.Approval) { a.ApproveLabel, a.RejectLabel = long(40), long(40) }, true},
		{"approve label too long", func(a *api.Approval) { a.ApproveLabel = long(41) }, false},
		{"reject label too long", func(a *api.Approval) { a.RejectLabel = long(41) }, false},
		{"most and longest details", details(20, 64, 1000), true},
		{"too many details", details(21, 2, 1), false},
		{"name of a detail too long", details(1, 65, 1), false},
		{"value of a detail too long", details(1, 1, 1001), false},
		{"detail without a name", func(a *api.Approval) { a.Details = json.RawMessage(`{" ":"x"}`) }, false},
		{"details of every kind", func(a *api.Approval) {
			a.Details = json.RawMessage(`{"n":1.5,"b":true,"l":{"text":"x","url":"mailto:kim@example.com"}}`)
		}, true},
		{"detail that is a list", func(a *api.Approval) { a.Details = json.RawMessage(`{"n":[1]}`) }, false},
		{"detail that is null", func(a *api.Approval) { a.Details = json.RawMessage(`{"n":null}`) }, false},
		{"detail without a URL", func(a *api.Approval) { a.Details = json.RawMessage(`{"l":{"text":"x"}}`) }, false},
		{"detail with a script", func(a *api.Approval) { a.Details = json.RawMessage(`{"l":{"text":"x","url":"javascript:x"}}`) }, false},
		{"longest requester", func(a *api.Approval) { a.RequestedBy = long(200) }, true},
		{"requester too long", func(a *api.Approval) { a.RequestedBy = long(201) }, false},
		{"details in a list", func(a *api.Approval) { a.Details = json.RawMessage(`[]`) }, false},
		{"fields in a list", func(a *api.Approval) { a.Fields = json.RawMessage(`[]`) }, false},
		{"unknown comment", func(a *api.Approval) { a.Comment = "always" }, false},
		{"unknown onReject", func(a *api.Approval) { a.OnReject = "ignore" }, false},
		{"unknown confirm", func(a *api.Approval) { a.Confirm = "none" }, false},
		{"most people", func(a *api.Approval) { a.Required, a.Rejections = 32, 1 }, true},
		{"too many people", func(a *api.Approval) { a.Required = 33 }, false},
		{"too many to reject", func(a *api.Approval) { a.Rejections = 33 }, false},
		{"fewer than nobody", func(a *api.Approval) { a.Required = -1 }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			approval := *fullRequest().Approval
			test.edit(&approval)
			visit(t, schema, approval, test.valid)
		})
	}
}

// TestUpdateRequestLimits: exactly one deadline must be given.
func TestUpdateRequestLimits(t *testing.T) {
	schema := document(t).Components.Schemas["UpdateRequest"].Value
	deadline := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	for _, test := range []struct {
		name    string
		request api.UpdateRequest
		valid   bool
	}{
		{"a duration", api.UpdateRequest{ExpiresIn: "7d"}, true},
		{"a time", api.UpdateRequest{ExpiresAt: &deadline}, true},
		{"both", api.UpdateRequest{ExpiresIn: "7d", ExpiresAt: &deadline}, false},
		{"neither", api.UpdateRequest{}, false},
	} {
		t.Run(test.name, func(t *testing.T) { visit(t, schema, test.request, test.valid) })
	}
}

// visit validates a value, as it is sent, against a schema.
func visit(t *testing.T, schema *openapi3.Schema, value any, valid bool) {
	t.Helper()
	err := schema.VisitJSON(asJSON(t, value), openapi3.EnableJSONSchema2020())
	if got := err == nil; got != valid {
		t.Errorf("valid = %t, want %t (%v)", got, valid, err)
	}
}

func response(told api.LinkResponse) func(*api.CreateRequest) {
	return link("a", api.LinkRequest{Type: api.LinkSuccess, Page: true, Response: &told})
}

// redirect is a URL of n characters.
func redirect(n int) string {
	const begin = "https://example.com/"
	return begin + strings.Repeat("x", n-len(begin))
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
