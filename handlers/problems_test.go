package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"callback-relay/api"
	"callback-relay/bodies"
	"callback-relay/relay"
	"callback-relay/senders"
)

// domainErrors has the code that a caller gets for every exported error of package relay,
// by the error's name.
var domainErrors = map[string]struct {
	err  error
	code api.Code
}{
	"ErrNotFound":              {relay.ErrNotFound, api.CodeNotFound},
	"ErrAlreadyAnswered":       {relay.ErrAlreadyAnswered, api.CodeAlreadyAnswered},
	"ErrExpired":               {relay.ErrExpired, api.CodeExpired},
	"ErrCancelled":             {relay.ErrCancelled, api.CodeCancelled},
	"ErrLinkClosed":            {relay.ErrLinkClosed, api.CodeLinkClosed},
	"ErrMeanwhile":             {relay.ErrMeanwhile, api.CodeUnavailable}, // the service looks again, and never says so
	"FormError":                {&relay.FormError{Stale: true}, api.CodeInvalidRequest},
	"ErrTaskClosed":            {relay.ErrTaskClosed, api.CodeTaskClosed},
	"ErrRefused":               {relay.ErrRefused, api.CodeRefused},
	"ErrSettingsDiffer":        {relay.ErrSettingsDiffer, api.CodeSettingsDiffer},
	"ErrRegistrationCancelled": {relay.ErrRegistrationCancelled, api.CodeAlreadyCancelled},
	"ErrTooManyLinks":          {relay.ErrTooManyLinks, api.CodeTooManyLinks},
	"ErrLinksUsedUp":           {relay.ErrLinksUsedUp, api.CodeTooManyLinks},
	"ErrNoHook":                {relay.ErrNoHook, api.CodeNotFound},
	"ErrTooManyWaiters":        {relay.ErrTooManyWaiters, api.CodeTooManyWaiters},
	"ErrTooManyToSearch":       {relay.ErrTooManyToSearch, api.CodeTooManyToSearch},
	"AmbiguousError":           {&relay.AmbiguousError{}, api.CodeAmbiguousID},
	"TooManyWaitersError":      {&relay.TooManyWaitersError{}, api.CodeTooManyWaiters},
	"ErrUnavailable":           {relay.ErrUnavailable, api.CodeUnavailable},
	"ErrOverloaded":            {relay.ErrOverloaded, api.CodeOverloaded},
	"ErrSealed":                {relay.ErrSealed, api.CodeUnavailable},
	"TooLargeError":            {&bodies.TooLargeError{Limit: 1, Actual: 2}, api.CodeTooLarge},
	"UnsupportedError":         {&bodies.UnsupportedError{Problem: "bad"}, api.CodeUnsupportedMediaType},
	"InvalidError":             {&bodies.InvalidError{Problem: "bad"}, api.CodeInvalidBody},
	"InvalidFieldError":        {&relay.InvalidFieldError{Field: "f", Problem: "is bad"}, api.CodeInvalidRequest},
	"GuardedError":             {&relay.GuardedError{}, api.CodeUnavailable}, // the service checks the guard, and never says so
	"UnprovenError":            {&relay.UnprovenError{Reason: senders.Signature, Detail: "bad"}, api.CodeUnproven},
	"BarredError":              {&relay.BarredError{}, api.CodeNotApprover},
	"RuleError":                {&relay.RuleError{Detail: "bad"}, api.CodeRuleFailed},
	// The service always says which of the above a failed call amounts to.
	"SendError": {&relay.SendError{Class: relay.SendNever, Code: "InvalidToken", Err: errors.New("no")}, api.CodeInternal},
}

func TestEveryErrorHasItsProblem(t *testing.T) {
	names, ofBodies := errorNames(t, "../relay"), errorNames(t, "../bodies")
	if len(names) < 10 || len(ofBodies) < 3 {
		t.Fatalf("found only %q in package relay, and %q in package bodies", names, ofBodies)
	}
	names = append(names, ofBodies...)
	for _, name := range names {
		want, ok := domainErrors[name]
		if !ok {
			t.Errorf("%s is new: say what callers are told of it", name)
			continue
		}
		for _, err := range []error{want.err, fmt.Errorf("answer k5f2: %w", want.err)} {
			if p := problemOf(err); p.Type != want.code {
				t.Errorf("%s is answered with %s, want %s", name, p.Type, want.code)
			}
		}
	}
}

// errorNames returns the exported errors of a package, from its source: the
// variables Err… and the types …Error.
func errorNames(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.ValueSpec:
				for _, name := range node.Names {
					if strings.HasPrefix(name.Name, "Err") {
						names = append(names, name.Name)
					}
				}
			case *ast.TypeSpec:
				if node.Name.IsExported() && strings.HasSuffix(node.Name.Name, "Error") {
					names = append(names, node.Name.Name)
				}
			}
			// Neither is declared inside a function, and constants such as
			// relay.ErrorExpired are names for workflows.
			decl, isDecl := node.(*ast.GenDecl)
			_, isFunc := node.(*ast.FuncDecl)
			return !isFunc && !(isDecl && decl.Tok == token.CONST)
		})
	}
	return names
}

func TestProblems(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want string // the document
	}{
		{
			"unknown is silent", errors.New("dial redis:6379: secret"),
			`{"type":"urn:callback-relay:internal","title":"Internal error","status":500}`,
		},
		{
			"trouble comes first", fmt.Errorf("%w: %w", relay.ErrNotFound, relay.ErrUnavailable),
			`{"type":"urn:callback-relay:unavailable","title":"Temporarily unavailable","status":503,"detail":"Nothing is wrong with the request. Send it again in a moment."}`,
		},
		{
			"both sizes", &bodies.TooLargeError{Limit: 10, Actual: 11},
			`{"type":"urn:callback-relay:too-large","title":"Too large","status":413,"detail":"At most 10 bytes are allowed.","limitBytes":10,"actualBytes":11}`,
		},
		{
			"size not known", &bodies.TooLargeError{Limit: 10},
			`{"type":"urn:callback-relay:too-large","title":"Too large","status":413,"detail":"At most 10 bytes are allowed.","limitBytes":10}`,
		},
		{
			"offset zero is told", &bodies.InvalidError{Problem: "not one JSON value"},
			`{"type":"urn:callback-relay:invalid-body","title":"The body cannot be read","status":400,"detail":"The body is not one JSON value (at byte 0).","offset":0}`,
		},
		{
			"fields, however joined", errors.Join(
				&relay.InvalidFieldError{Field: "a", Problem: "is bad"},
				errors.Join(fmt.Errorf("x: %w", &relay.InvalidFieldError{Field: "b", Problem: "too"}))),
			`{"type":"urn:callback-relay:invalid-request","title":"The request is not valid","status":400,"detail":"a is bad.","errors":[{"field":"a","detail":"is bad"},{"field":"b","detail":"too"}]}`,
		},
		{
			"kind of body", &bodies.UnsupportedError{Problem: "files are not accepted"},
			`{"type":"urn:callback-relay:unsupported-media-type","title":"Unsupported media type","status":415,"detail":"Files are not accepted."}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := json.Marshal(problemOf(c.err))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	for err, want := range map[error]api.Code{
		errUnauthorized: api.CodeUnauthorized,
		errSlow:         api.CodeUnavailable, errNoCallback: api.CodeNotFound, errNoReference: api.CodeNotFound,
		echo.ErrNotFound: api.CodeNotFound, echo.ErrMethodNotAllowed: api.CodeMethodNotAllowed,
		echo.ErrTeapot: api.CodeInternal,
	} {
		if p := problemOf(err); p.Type != want {
			t.Errorf("%v is answered with %s, want %s", err, p.Type, want)
		}
	}
}
