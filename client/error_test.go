package client_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/api"
	"callback-relay/client"
)

func TestErrors(t *testing.T) {
	const problemType = "application/problem+json; charset=utf-8"
	document := func(code api.Code, detail string, errs ...api.FieldError) string {
		problem := api.NewProblem(code, detail)
		problem.RequestID, problem.Errors = "5HGW", errs
		body, err := json.Marshal(problem)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}

	for _, test := range []struct {
		name              string
		status            int
		contentType, body string
		want              string // without what Get puts in front
		code              api.Code
	}{
		{
			"title alone", 404, problemType, document(api.CodeNotFound, ""),
			"Not found (404 not-found, request 5HGW)", api.CodeNotFound,
		},
		{
			"detail", 409, problemType, document(api.CodeSettingsDiffer, "another onExpiry"),
			"another onExpiry (409 settings-differ, request 5HGW)", api.CodeSettingsDiffer,
		},
		{
			"mistakes", 400, problemType,
			document(api.CodeInvalidRequest, "",
				api.FieldError{Field: "limit", Detail: "too large"}, api.FieldError{Field: "tag", Detail: "no colon"}),
			"limit: too large; tag: no colon (400 invalid-request, request 5HGW)", api.CodeInvalidRequest,
		},
		{
			"a problem of someone else", 402, problemType, `{"type":"about:blank","title":"Pay","status":402}`,
			"Pay (402)", "about:blank",
		},
		{"members nobody knows yet", 410, problemType, `{"type":"urn:callback-relay:expired","title":"Late","new":1}`,
			"Late (410 expired)", api.CodeExpired},
		{"a page", 502, "text/html", "<h1>" + apiKey + "</h1>", "Bad Gateway (502)", ""},
		{"plain JSON", 500, "application/json", document(api.CodeInternal, "x"), "Internal Server Error (500)", ""},
		{"not JSON after all", 500, problemType, "{", "Internal Server Error (500)", ""},
		{"wrong types", 500, problemType, `{"title":"x","status":"y"}`, "Internal Server Error (500)", ""},
		{"nothing", 503, "", "", "Service Unavailable (503)", ""},
		{"a status without a name", 599, "", "", "an answer without a problem document (599)", ""},
		{"a redirect", 304, "", "", "a redirect, which is not followed (304)", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			_, err := c.Get(t.Context(), "k5f2")
			var failure *client.Error
			if !errors.As(err, &failure) {
				t.Fatalf("error %v is no *client.Error", err)
			}
			if diff := cmp.Diff("get callback k5f2: "+test.want, err.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
			if failure.StatusCode != test.status || failure.Problem.Type != test.code {
				t.Errorf("status %d, code %q", failure.StatusCode, failure.Problem.Type)
			}
		})
	}
}

// TestErrorTooLarge reads a problem document that does not end.
func TestErrorTooLarge(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", api.ProblemMediaType)
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.Copy(w, io.MultiReader(strings.NewReader(`{"title":"big"}`), io.LimitReader(repeat(' '), 1<<20)))
	})
	_, err := c.Get(t.Context(), "k5f2")
	var failure *client.Error
	if !errors.As(err, &failure) || failure.StatusCode != http.StatusInternalServerError || failure.Problem.Title != "" {
		t.Errorf("error %v, want the status alone", err)
	}
}

func TestRetryAfter(t *testing.T) {
	const date = "Sun, 01 Mar 2026 09:30:00 GMT"
	for _, test := range []struct {
		name, retryAfter, date string
		want                   time.Duration
	}{
		{"none", "", date, 0},
		{"seconds", "2", date, 2 * time.Second},
		{"a date", "Sun, 01 Mar 2026 09:31:30 GMT", date, 90 * time.Second},
		{"a date that has passed", "Sun, 01 Mar 2026 09:29:00 GMT", date, 0},
		{"a date without a date to compare", "Sun, 01 Mar 2026 09:31:30 GMT", "today", 0},
		{"negative", "-5", date, 0},
		{"beyond any use", "99999999999999999999", date, 0},
		{"nonsense", "soon", date, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", test.date)
				if test.retryAfter != "" {
					w.Header().Set("Retry-After", test.retryAfter)
				}
				w.WriteHeader(http.StatusServiceUnavailable)
			})
			_, err := c.List(t.Context(), client.Query{})
			var failure *client.Error
			if !errors.As(err, &failure) {
				t.Fatal(err)
			}
			if failure.RetryAfter != test.want {
				t.Errorf("RetryAfter = %s, want %s", failure.RetryAfter, test.want)
			}
			if named := strings.Contains(err.Error(), "retry after"); named != (test.want > 0) {
				t.Errorf("message: %v", err)
			}
		})
	}
}
