package handlers_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"callback-relay/api"
	"callback-relay/forms"
	"callback-relay/handlers"
	"callback-relay/pages"
	"callback-relay/relay"
)

// withChoices is an approval with two further answers.
const withChoices = `{"title":"Deploy?","choices":[{"value":"ask-finance","label":"Ask finance first"},{"value":"halt","label":"Stop everything","style":"danger"}]}`

// Somebody chooses another answer: the workflow gets its value, and so does everybody who
// asks the API.
func TestChoice(t *testing.T) {
	n := start(t)
	k := n.register("links", `{"dana":{"type":"approval","approver":"Dana"},"lee":{"type":"approval","approver":"Lee"}}`, "approval", withChoices)
	_, nonce := k.open("dana")
	_, ofLee := k.open("lee")
	form := url.Values{"nonce": {nonce}, "decision": {"ask-legal"}}
	k.submit("dana", form).is(http.StatusBadRequest)
	if got := k.got(); len(got) > 0 {
		t.Fatalf("Step Functions got %q", got)
	}
	form.Set("decision", "ask-finance")
	k.submit("dana", form).is(http.StatusOK)
	k.submit("dana", form).is(http.StatusOK)
	form.Set("decision", "halt")
	k.submit("dana", form).is(http.StatusConflict)
	k.submit("lee", url.Values{"nonce": {ofLee}, "decision": {"ask-finance"}}).is(http.StatusConflict)

	var output struct {
		Decision, Comment string
		By                api.Decider
	}
	got := k.got()
	if len(got) != 1 {
		t.Fatalf("Step Functions got %q", got)
	}
	must(t, json.Unmarshal([]byte(got[0]), &output))
	if output.Decision != "ask-finance" || output.By.Approver != "Dana" {
		t.Errorf("the workflow got %s", got[0])
	}
	var cb api.Callback
	n.call(http.MethodGet, "/v1/callbacks/"+k.ID, "").decode(&cb)
	if len(cb.Decisions) != 1 || cb.Decisions[0].Decision != "ask-finance" {
		t.Errorf("decisions %+v", cb.Decisions)
	}
}

// The page has a button for each answer, and says later which was chosen.
func TestChoicesOnPages(t *testing.T) {
	link := relay.LinkRef{LinkKind: relay.LinkKind{Type: relay.LinkApproval, Page: true}}
	form := handlers.FormOf(link, &relay.Form{Choices: []relay.Choice{{Value: "ask-finance", Label: "Ask finance first"}, {Value: "halt", Label: "Stop", Style: relay.ButtonDanger}}}, nil)
	if diff := cmp.Diff([]pages.Answer{{Value: "ask-finance", Label: "Ask finance first"}, {Value: "halt", Label: "Stop", Style: "danger"}}, form.Answers); diff != "" {
		t.Errorf("answers (-want +got)\n%s", diff)
	}
	page := handlers.PageOf(relay.LinkPage{Steps: []relay.Step{{Type: relay.LinkApproval, Approved: true, Choice: "Stop"}}})
	if page.Decisions[0].Choice != "Stop" {
		t.Errorf("decision %+v", page.Decisions[0])
	}
}

// A registration is refused if a label equals one that the page has by itself. So the rules
// must know these labels.
func TestDefaultLabels(t *testing.T) {
	n := start(t)
	page, _ := n.register("links", `{"dana":{"type":"approval","title":"Deploy?"}}`).open("dana")
	for value, field := range map[string]string{"approved": "approval.choices[0].label", "rejected": "approval.choices[1].label"} {
		label := regexp.MustCompile(`value="?` + value + `"?[^>]*>([^<]*)<`).FindStringSubmatch(page)
		if label == nil {
			t.Fatalf("no button %s: %s", value, page)
		}
		labels := map[string]string{"approved": "A", "rejected": "B", value: label[1]}
		n.refuses(`{"taskToken":"t","links":{"dana":{"type":"approval"}},"approval":{"title":"Deploy?","choices":[`+
			`{"value":"a","label":`+quoted(labels["approved"])+`},{"value":"b","label":`+quoted(labels["rejected"])+`}]}}`,
			http.StatusBadRequest, "invalid-request", field)
	}
}

// Everything that was ticked is shown again, and nothing that the page does not have.
func TestTickedIsKept(t *testing.T) {
	form := &relay.Form{Inputs: map[string]relay.Input{"field.areas": {Chars: 4, Values: 3}, "field.n": {Chars: 4, Values: 1}}}
	shown := handlers.FormOf(relay.LinkRef{}, form, url.Values{
		"field.areas": {`"db"`, "much too long", `"ui"`, `"up"`}, "field.n": {"1", "2"}, "field.other": {"x"},
	})
	if diff := cmp.Diff(url.Values{"field.areas": {`"db"`, "much", `"ui"`}, "field.n": {"1"}}, shown.Values); diff != "" {
		t.Errorf("values (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]pages.Problem{{Input: "field.areas", Kind: "cut", Limit: "4"}}, shown.Problems); diff != "" {
		t.Errorf("problems (-want +got)\n%s", diff)
	}
}

// A form with every choice of every field can be read, and so can one with the longest
// choices.
func TestManyTicked(t *testing.T) {
	n := start(t)
	for text, fields := range map[string]int{"1": forms.MaxFields, strings.Repeat("\u00e4", 180): 1} {
		var properties, options []string
		for i := range forms.MaxChoices {
			options = append(options, quoted(fmt.Sprint(text, i)))
		}
		form := url.Values{"decision": {"approved"}}
		for i := range fields {
			name := fmt.Sprintf("%s%02d", strings.Repeat("f", 62), i)
			properties = append(properties, quoted(name)+`:{"type":"array","items":{"enum":[`+strings.Join(options, ",")+`]}}`)
			form["field."+name] = options
		}
		k := n.register("links", `{"dana":{"type":"approval","approver":"Dana"}}`, "approval",
			`{"title":"Deploy?","comment":"none","fields":{"type":"object","properties":{`+strings.Join(properties, ",")+`}}}`)
		link, err := n.service.Resolve(strings.TrimPrefix(k.path("dana"), "/a/"), relay.PageLinks)
		must(t, err)
		form.Set("nonce", link.NewNonce(time.Now()))
		k.submit("dana", form).is(http.StatusOK)
		if got := k.got(); len(got) != 1 || strings.Count(got[0], options[forms.MaxChoices-1]) != fields {
			t.Errorf("%d fields: the workflow got %.300q", fields, got)
		}
	}
}
