package examples

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/programs"
	"callback-relay/stepfunctions/standin"
)

// input is the input of the workflows.
var input = map[string]string{
	"title": "Deploy 4.2.0?", "approver": "Dana Okafor", "email": "dana@example.com", "orderId": "42",
}

const execution = "deploy-4.2.0"

// TestExamples runs the functions with the input from the workflows.
func TestExamples(t *testing.T) {
	w := newWorld(t)
	var asks []state // in JSONata and in JSONPath
	for _, file := range []string{"workflows/approval.asl.json", "workflows/approval-jsonpath.asl.json"} {
		asks = append(asks, workflows(t)[file].States["Ask"])
	}
	for name, f := range map[string]func(*testing.T, *world) function{"python": python, "typescript": typescript} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			run := f(t, w)
			for _, ask := range asks {
				var call struct{ Payload json.RawMessage }
				taskToken := w.steps.NewTask(standin.TaskOptions{})
				if err := json.Unmarshal(w.evaluate(ask.arguments(), taskToken, input), &call); err != nil {
					t.Fatal(err)
				}
				run(call.Payload)
				link := w.wantMail(t)
				run(call.Payload) // as AWS may do
				if again := w.wantMail(t); again != link {
					t.Errorf("the second mail has the link %s, the first %s", again, link)
				}
			}
		})
	}
	t.Run("function of the README", func(t *testing.T) { w.in(t).readme(t) })
	t.Run("api gateway", func(t *testing.T) { w.in(t).gateway(t) })
}

// function invokes a function with an event.
type function func(event []byte)

// wantMail waits for a mail and opens its link.
func (w *world) wantMail(t *testing.T) (link string) {
	t.Helper()
	m := <-w.mails
	if to := m.Destination.ToAddresses; len(to) != 1 || to[0] != input["email"] || m.FromEmailAddress != mailFrom {
		t.Errorf("mail from %s to %s", m.FromEmailAddress, to)
	}
	link = regexp.MustCompile(`https://\S+`).FindString(m.Content.Simple.Body.Text.Data)
	w.wantPage(t, link)
	return link
}

// wantPage opens a link, and checks the person and the question on the page.
func (w *world) wantPage(t *testing.T, link string) {
	t.Helper()
	if page := w.open(link); !strings.Contains(page, input["title"]) || !strings.Contains(page, input["approver"]) {
		t.Errorf("the link %s leads to\n%s", link, page)
	}
}

// python returns the function in Python. It calls SES through a stand-in for
// boto3.
func python(t *testing.T, w *world) function {
	programs.Need(t, "python3")
	return w.function(t, []string{"PYTHONPATH=python:testdata"},
		"python3", "-B", "-c", "import json, sys, ask; ask.handler(json.load(sys.stdin), None)")
}

// typescript returns the function in TypeScript: its types are checked, and it
// runs with the real SDK.
func typescript(t *testing.T, w *world) function {
	dir := compiled(t)
	return w.function(t, []string{"FUNCTION=" + filepath.Join(dir, "dist", "ask.js")},
		"node", "--input-type=module", "--eval", `
			import { text } from "node:stream/consumers";
			const { handler } = await import(process.env.FUNCTION);
			await handler(JSON.parse(await text(process.stdin)));`)
}

// function returns a function that runs a command, with the environment of the
// examples' functions.
func (w *world) function(t *testing.T, settings []string, command ...string) function {
	return func(event []byte) {
		t.Helper()
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Stdin = strings.NewReader(string(event))
		cmd.Env = append([]string{
			"PATH=" + os.Getenv("PATH"),
			"RELAY_API_URL=" + w.private, "RELAY_API_KEY=" + apiKey, "MAIL_FROM=" + mailFrom,
			"AWS_ENDPOINT_URL_SESV2=" + w.mailURL,
			"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test",
		}, settings...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

// readme runs the function in the README, and answers in place of the payment
// provider that would get the URL.
func (w *world) readme(t *testing.T) {
	programs.Need(t, "python3")
	readme, err := os.ReadFile("../../README.md")
	w.must(err)
	_, rest, found := strings.Cut(string(readme), "```python\n")
	code, _, _ := strings.Cut(rest, "\n```")
	if !found {
		t.Fatal("there is none")
	}
	dir := t.TempDir()
	w.must(os.WriteFile(filepath.Join(dir, "snippet.py"), []byte(code), 0o600))
	told := filepath.Join(dir, "url")
	taskToken := w.steps.NewTask(standin.TaskOptions{})
	w.function(t, []string{"PYTHONPATH=" + dir, "TOLD=" + told}, "python3", "-B", "-c", `
import json, os, sys, snippet
snippet.ask_for_payment = lambda order, notify_url: open(os.environ["TOLD"], "w").write(notify_url)
snippet.handler(json.load(sys.stdin), None)`,
	)([]byte(`{"taskToken": "` + taskToken + `", "orderId": "42"}`))
	url, err := os.ReadFile(told)
	w.must(err)
	w.ask(http.MethodPost, w.public+strings.TrimPrefix(string(url), publicURL), `{"paid": true}`,
		http.Header{"Content-Type": {"application/json"}})
	if effects := w.steps.Effects(); len(effects) != 1 || effects[0].TaskToken != taskToken {
		t.Errorf("step functions took %+v", effects)
	}
}

// gateway makes the requests of the workflow without a function, as API Gateway
// would make them according to its definition.
func (w *world) gateway(t *testing.T) {
	branches := workflows(t)["workflows/approval-apigateway.asl.json"].States["Ask"].Branches
	var wait struct {
		Headers     map[string][]string
		RequestBody map[string]json.RawMessage
	}
	taskToken := w.steps.NewTask(standin.TaskOptions{})
	w.must(json.Unmarshal(w.evaluate(branches[0].States["Wait for the decision"].arguments(), taskToken, input), &wait))
	var look struct{ QueryParameters map[string][]string }
	w.must(json.Unmarshal(w.evaluate(branches[1].States["Look for the link"].arguments(), taskToken, input), &look))
	w.gatewayPost("/callbacks", wait.Headers, wait.RequestBody)

	get := w.integration("/callbacks", "get")
	query := "?tag=" + look.QueryParameters["tag"][0] + "&limit=" + look.QueryParameters["limit"][0]
	var list api.CallbackList
	w.must(json.Unmarshal([]byte(w.ask(http.MethodGet, w.at(get)+query, "", get.header())), &list))
	w.wantPage(t, list.Callbacks[0].Links["approver"].URL)
}

// integration is the request that API Gateway makes for one that it gets.
type integration struct {
	HTTPMethod        string
	URI               string
	RequestParameters map[string]string
	RequestTemplates  map[string]string
}

func (w *world) integration(path, method string) integration {
	w.Helper()
	var definition struct {
		Paths map[string]map[string]struct {
			Integration integration `json:"x-amazon-apigateway-integration"`
		}
	}
	readJSON(w.T, "apigateway/api.json", &definition)
	found := definition.Paths[path][method].Integration
	if found.URI == "" {
		w.Fatalf("the API has no %s %s", method, path)
	}
	return found
}

// at returns where an integration's request goes.
func (w *world) at(i integration) string {
	return w.private + strings.TrimPrefix(i.URI, "http://relay.internal:8081")
}

// header returns the headers of an integration's request.
func (i integration) header() http.Header {
	key := i.RequestParameters["integration.request.header.Authorization"]
	return http.Header{
		"Authorization": {strings.Replace(strings.Trim(key, "'"), "RELAY_API_KEY", apiKey, 1)},
		"Content-Type":  {"application/json"},
	}
}

// gatewayPost makes the request that API Gateway makes for a registration.
func (w *world) gatewayPost(path string, headers map[string][]string, body map[string]json.RawMessage) {
	w.Helper()
	post := w.integration(path, "post")
	filled := regexp.MustCompile(`\$input\.(params|json)\('(\$\.)?(\w+)'\)`).ReplaceAllStringFunc(
		post.RequestTemplates["application/json"], func(call string) string {
			name := strings.TrimSuffix(regexp.MustCompile(`\w+'`).FindString(call), "'")
			if strings.HasPrefix(call, "$input.params") {
				return headers[name][0]
			}
			return string(body[name])
		})
	w.ask(post.HTTPMethod, w.at(post), filled, post.header())
}

// evaluate computes the arguments of a state. It knows only the expressions of
// JSONata and JSONPath that the examples use: members, texts, and both joined.
func (w *world) evaluate(arguments json.RawMessage, taskToken string, input map[string]string) json.RawMessage {
	w.Helper()
	values := map[string]string{
		"$$.Task.Token": taskToken, "$states.context.Task.Token": taskToken,
		"$states.context.Execution.Name": execution,
	}
	for name, value := range input {
		values["$."+name], values["$states.input."+name] = value, value
	}
	expression := regexp.MustCompile(`(\w+)\.\$": "([^"]+)"|"\{% ([^"]+) %\}"`)
	return expression.ReplaceAllFunc(arguments, func(found []byte) []byte {
		part := expression.FindSubmatch(found)
		joined := ""
		for one := range strings.SplitSeq(string(part[2])+string(part[3]), " & ") {
			value, known := values[one]
			if text, is := strings.CutPrefix(one, "'"); is {
				value, known = strings.CutSuffix(text, "'")
			}
			if !known {
				w.Errorf("what is %s?", found)
			}
			joined += value
		}
		quoted, err := json.Marshal(joined)
		w.must(err)
		if len(part[1]) > 0 {
			return []byte(string(part[1]) + `": ` + string(quoted))
		}
		return quoted
	})
}
