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
	if err := checkLedger(t.Context(), steps, tasks); err == nil {
		t.Error("the ledger was found complete before anything was answered")
	}
	if _, err := load.answerAll(t.Context(), tasks); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"delivered": len(tasks)}, load.statuses()); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if err := checkLedger(t.Context(), steps, tasks); err != nil {
		t.Error(err)
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
