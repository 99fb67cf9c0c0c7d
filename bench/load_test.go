package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"callback-relay/stepfunctions/standin"
)

// TestBareHandlerUnderLoad drives the bare handler as a round does.
func TestBareHandlerUnderLoad(t *testing.T) {
	steps, stop, err := standin.New(standin.Options{AcceptAny: true}).Listen("")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	store := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	defer store.Close()
	client := sfn.New(sfn.Options{
		Region: "us-east-1", BaseEndpoint: &steps,
		Credentials: aws.NewCredentialsCache(credentials.NewStaticCredentialsProvider("test", "test", "")),
	})
	server := httptest.NewUnstartedServer(nil)
	server.Config.Handler = newBare("http://"+server.Listener.Addr().String(), store, client)
	server.Start()
	defer server.Close()

	load := newGenerator(4, &subject{register: server.URL + barePath})
	defer load.close()
	tasks := makeTasks("test", 100, payloadBytes)
	if latencies, err := load.registerAll(t.Context(), tasks); err != nil || len(latencies) != len(tasks) {
		t.Fatalf("register: %d latencies, %v", len(latencies), err)
	}
	load.takeStatuses()
	if _, err := readLedger(t.Context(), steps, tasks); err == nil {
		t.Error("the ledger was found complete before anything was answered")
	}
	if _, err := load.answerAll(t.Context(), tasks); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"delivered": len(tasks)}, load.takeStatuses()); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if effects, err := readLedger(t.Context(), steps, tasks); err != nil || len(effects) != len(tasks) {
		t.Errorf("%d effects, %v", len(effects), err)
	}
	if err := checkCalls(t.Context(), steps, len(tasks)); err != nil {
		t.Error(err)
	}
	if err := checkCalls(t.Context(), steps, len(tasks)-1); err == nil {
		t.Error("a call too many was not noticed")
	}
	if _, err := load.answerAll(t.Context(), tasks[:1]); err == nil {
		t.Error("a callback that is gone was answered")
	}
}

func TestAnyOtherStatusFails(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
			w.WriteHeader(http.StatusAccepted)
		}
		_, _ = w.Write([]byte(`{}`))
	}))
	defer server.Close()
	load := newGenerator(2, &subject{register: server.URL, apiKey: "key"})
	defer load.close()
	if _, err := load.registerAll(t.Context(), makeTasks("test", 10, payloadBytes)); err == nil || !strings.Contains(err.Error(), "want 201") {
		t.Errorf("got %v", err)
	}
}

func TestTasksHaveTheAgreedSizesAndDiffer(t *testing.T) {
	tasks := makeTasks("measured", 3, payloadBytes)
	seen := map[string]bool{}
	for _, task := range tasks {
		if len(task.token) != taskTokenBytes || len(task.output) != payloadBytes {
			t.Errorf("task token of %d bytes, payload of %d", len(task.token), len(task.output))
		}
		seen[task.token], seen[task.output] = true, true
	}
	if len(seen) != 2*len(tasks) {
		t.Error("two are alike")
	}
}

func TestCompareLedger(t *testing.T) {
	const a, b = `{"taskToken":"a","action":"SendTaskSuccess","output":"1"}`, `{"taskToken":"b","output":"2"}`
	for name, c := range map[string]struct{ ledger, want string }{
		"complete":  {b + "\n" + a, ""},
		"missing":   {a, "1 answers never reached"},
		"twice":     {a + "\n" + b + "\n" + a, "or one twice"},
		"unknown":   {a + "\n" + b + `{"taskToken":"c"}`, "was not answered"},
		"different": {a + `{"taskToken":"b","output":"3"}`, "was not posted"},
		"cut off":   {a + `{"taskTok`, "read the ledger"},
	} {
		_, err := compareLedger(strings.NewReader(c.ledger), map[string]string{"a": "1", "b": "2"})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// A generator that leaves out requests, or counts some twice, ends the run.
func TestMiscountIsNoticed(t *testing.T) {
	good := result{requests: 3, latencies: ms(1, 2, 3), statuses: map[string]int{"delivered": 2, "accepted": 1}}
	if err := good.check([]string{"delivered", "accepted"}); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*result){
		"a response too few":  func(r *result) { r.statuses = map[string]int{"delivered": 2} },
		"a response too many": func(r *result) { r.statuses = map[string]int{"delivered": 4} },
		"a latency too few":   func(r *result) { r.latencies = ms(1, 2) },
		"a latency too many":  func(r *result) { r.latencies = ms(1, 2, 3, 4) },
		"another status":      func(r *result) { r.statuses = map[string]int{"delivered": 2, "ignored": 1} },
	} {
		r := good
		change(&r)
		if err := r.check([]string{"delivered", "accepted"}); err == nil {
			t.Errorf("%s was not noticed", name)
		}
	}
}
