package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"callback-relay/api"
	"callback-relay/client"
	"callback-relay/stepfunctions/standin"
)

// rounds is how often a race is repeated, since the order is random.
const rounds = 20

// TestOneAnswerWins posts different bodies at the same instant to two
// replicas (row 14).
func TestOneAnswerWins(t *testing.T) {
	onEachRedis(t, func(t *testing.T, r redisServer) {
		w := newWorld(t, r, 2)
		for range rounds {
			task := w.register()
			got := w.atOnce(
				func() (answer, error) { return w.postAt(0, task, `"first"`) },
				func() (answer, error) { return w.postAt(1, task, `"second"`) },
			)
			winner, loser, output := got[0], got[1], `"first"`
			if winner.status != http.StatusOK {
				winner, loser, output = loser, winner, `"second"`
			}
			w.wantTaken(winner, task, api.StatusDelivered, false)
			w.wantProblem(loser, api.CodeAlreadyAnswered)
			w.wantOutput(task, output)
		}
	})
}

// TestSameAnswerTwice posts the same bytes at the same instant to two
// replicas: both get 200, and the answer is recorded once.
func TestSameAnswerTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 2)
	for range rounds {
		task := w.register()
		got := w.atOnce(
			func() (answer, error) { return w.postAt(0, task, `"same"`) },
			func() (answer, error) { return w.postAt(1, task, `"same"`) },
		)
		if got[0].status != http.StatusOK || got[1].status != http.StatusOK || got[0].Duplicate == got[1].Duplicate {
			t.Errorf("got %d %s and %d %s, want 200 twice, one of them a duplicate",
				got[0].status, got[0].body, got[1].status, got[1].body)
		}
		w.untilState(task, api.StateDelivered)
		w.wantOutput(task, `"same"`)
	}
	if got := w.steps.Calls().Of(standin.SendTaskSuccess); got != rounds {
		t.Errorf("%d calls of SendTaskSuccess, want %d", got, rounds)
	}
}

// TestCancelRacesAnswer cancels on one replica while the other takes an
// answer: one wins, and the other gets 409 or 410 (row 71).
func TestCancelRacesAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 2)
	for range rounds {
		task := w.register()
		var cancelled error
		answered := w.atOnce(
			func() (answer, error) { return w.postAt(0, task, `{}`) },
			func() (answer, error) {
				_, cancelled = w.replicas[1].client.Cancel(w.Context(), task.ID)
				return answer{}, nil
			},
		)[0]
		if cancelled == nil {
			w.wantProblem(answered, api.CodeCancelled)
			w.wantNothing(task)
			continue
		}
		if lost, ok := errors.AsType[*client.Error](cancelled); !ok || lost.StatusCode != http.StatusConflict {
			t.Errorf("cancel: %v, want 409", cancelled)
		}
		w.wantTaken(answered, task, api.StatusDelivered, false)
		w.wantOutput(task, `{}`)
	}
}

// TestRegisteredTwiceAtOnce registers one task on two replicas: both get the
// same links.
func TestRegisteredTwiceAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 2)
	for range rounds {
		request := api.CreateRequest{TaskToken: w.steps.NewTask(standin.TaskOptions{})}
		var cbs [2]api.Callback
		var created [2]bool
		register := func(i int) func() (answer, error) {
			return func() (got answer, err error) {
				cbs[i], created[i], err = w.replicas[i].client.Create(w.Context(), request)
				return answer{}, err
			}
		}
		w.atOnce(register(0), register(1))
		if cbs[0].URL != cbs[1].URL || created[0] == created[1] {
			t.Errorf("created %v with the same URL %v, want one creation and one URL", created, cbs[0].URL == cbs[1].URL)
		}
	}
}

// postAt posts to a replica.
func (w *world) postAt(i int, t task, body string) (answer, error) {
	return w.trySend(w.replicas[i].ports.public.Addr().String(), call{link: t.URL, body: strings.NewReader(body)})
}

// atOnce calls functions at the same time.
func (w *world) atOnce(do ...func() (answer, error)) []answer {
	w.Helper()
	got, errs := make([]answer, len(do)), make([]error, len(do))
	var ready, done sync.WaitGroup
	ready.Add(len(do))
	for i, f := range do {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			if got[i], errs[i] = f(); errs[i] != nil {
				errs[i] = fmt.Errorf("at once, %d: %w", i, errs[i])
			}
		})
	}
	done.Wait()
	w.must(errors.Join(errs...))
	return got
}
