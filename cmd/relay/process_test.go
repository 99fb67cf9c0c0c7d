package main

import (
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"callback-relay/api"
	"callback-relay/stepfunctions/standin"
)

// process is a relay in its own process.
type process struct {
	cmd     *exec.Cmd
	address string // of the public listener
	private string // address of the private listener
	log     *logBuffer
	wait    func() error
}

var servingLine = regexp.MustCompile(`"msg":"serving","public":"([^"]+)","private":"([^"]+)"`)

// launch runs `relay serve` with further settings.
func (w *world) launch(settings ...string) *process {
	w.Helper()
	return w.launchBy([]string{"relay", "serve"}, settings...)
}

// launchBy is launch through another command that runs `relay serve`.
func (w *world) launchBy(command []string, settings ...string) *process {
	w.Helper()
	p := &process{cmd: exec.Command(command[0], command[1:]...), log: &logBuffer{}}
	for name, value := range serveEnv(w.server.url, w.stepsURL) {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Env = append(p.cmd.Env, settings...)
	p.cmd.Stderr = p.log
	w.must(p.cmd.Start())
	p.wait = sync.OnceValue(p.cmd.Wait)
	w.Cleanup(p.kill)
	w.eventually("the process serves", func() bool {
		found := servingLine.FindStringSubmatch(p.log.String())
		if found != nil {
			p.address, p.private = found[1], found[2]
		}
		return found != nil
	})
	return p
}

// kill ends the process as kill -9 does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	_ = p.wait()
}

// untilCalled waits until Step Functions was called n times for a task.
func (w *world) untilCalled(t task, times int) {
	w.Helper()
	w.eventually("the attempt is under way", func() bool {
		state, _ := w.steps.Task(t.token)
		return state.Calls == times
	})
}

// TestKilled kills a relay whose delivery attempt hangs. Another relay continues the
// delivery when its lease has ended, and the task is completed once (rows 53 and
// 55).
func TestKilled(t *testing.T) {
	t.Parallel()
	const payload = `{"amount": 12345678901234567890123}`
	for _, test := range []struct {
		name      string
		fault     standin.FaultKind
		wait      string // how long the sender waits
		confirmed bool
	}{
		{"after it acknowledged", standin.Hang, "0s", true},
		{"before it answered the sender", standin.Hang, "30s", true},
		{"after step functions took the outcome", standin.CommitThenHang, "30s", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, startStandalone(t), 1)
			task := w.register()
			w.must(w.replicas[0].stop())

			w.steps.Inject(standin.Fault{Kind: test.fault})
			victim := w.launch("RELAY_ANSWER_WAIT="+test.wait, "RELAY_STEP_FUNCTIONS_TIMEOUT=1s")
			sent := make(chan error, 1)
			go func() {
				got, err := w.trySend(victim.address, call{link: task.URL, body: strings.NewReader(payload)})
				if err == nil && (got.status != http.StatusOK || got.Status != api.StatusAccepted) {
					t.Errorf("sender was told %d %s", got.status, got.body)
				}
				sent <- err
			}()
			w.untilCalled(task, 1)
			acknowledged := test.wait == "0s"
			if acknowledged {
				w.must(<-sent)
			}
			victim.kill()
			if !acknowledged {
				if err := <-sent; err == nil {
					t.Error("the sender got an answer; it was to get none")
				}
			}

			w.replicas = []*replica{w.start(hasty)}
			if cb := w.get(task); cb.State != api.StateAnswered || cb.Delivery.Attempts != 1 {
				t.Fatalf("state %s, delivery %+v: not killed within the attempt", cb.State, cb.Delivery)
			}
			w.wantTaken(w.post(task.URL, payload), task, api.StatusAccepted, true) // the sender tries again
			cb := w.untilState(task, api.StateDelivered)
			if *cb.Delivery.Confirmed != test.confirmed || cb.Delivery.Attempts != 2 {
				t.Errorf("delivery %+v, confirmed %v", cb.Delivery, *cb.Delivery.Confirmed)
			}
			w.wantOutput(task, payload)
		})
	}
}

// TestPaused pauses a relay for longer than its lease, and continues it while
// another has the delivery: its late result changes nothing (row 57).
func TestPaused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 1)
	task := w.register()
	w.steps.Inject(
		standin.Fault{Kind: standin.Drop, Delay: 2 * patience}, // until the caller gives up
		standin.Fault{Kind: standin.Hang},
	)
	paused := w.launch("RELAY_ANSWER_WAIT=0s", "RELAY_STEP_FUNCTIONS_TIMEOUT=1s")
	got, err := w.trySend(paused.address, call{link: task.URL, body: strings.NewReader(`{}`)})
	w.must(err)
	w.wantTaken(got, task, api.StatusAccepted, false)
	w.untilCalled(task, 1)
	w.must(paused.cmd.Process.Signal(syscall.SIGSTOP))
	w.untilCalled(task, 2)

	w.must(paused.cmd.Process.Signal(syscall.SIGCONT))
	w.eventually("the late result is refused", func() bool { return strings.Contains(paused.log.String(), "lease lost") })
	if cb := w.get(task); cb.State != api.StateAnswered || cb.Delivery.Attempts != 2 || cb.Delivery.LastError != "" {
		t.Errorf("state %s, delivery %+v: a late result counted", cb.State, cb.Delivery)
	}
	w.steps.Release()
	if cb := w.untilState(task, api.StateDelivered); !*cb.Delivery.Confirmed || cb.Delivery.Attempts != 2 {
		t.Errorf("delivery %+v", cb.Delivery)
	}
	w.wantOutput(task, `{}`)
}

// TestTerminated sends SIGTERM while an answer is being delivered: whether or
// not its sender still waits, it is delivered before the process exits with 0
// (row 56).
func TestTerminated(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, wait, status string
	}{
		{"sender waits", "30s", api.StatusDelivered},
		{"sender was told", "0s", api.StatusAccepted},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, startStandalone(t), 1)
			task := w.register()
			w.steps.Inject(standin.Fault{Kind: standin.Hang})
			p := w.launch("RELAY_ANSWER_WAIT="+test.wait, "RELAY_STEP_FUNCTIONS_TIMEOUT=30s")
			sent := make(chan answer, 1)
			go func() {
				got, err := w.trySend(p.address, call{link: task.URL, body: strings.NewReader(`{}`)})
				if err != nil {
					t.Error(err)
				}
				sent <- got
			}()
			w.untilCalled(task, 1)
			w.must(p.cmd.Process.Signal(syscall.SIGTERM))
			w.eventually("it takes no more requests", func() bool {
				_, err := w.trySend(p.address, call{link: task.URL})
				return err != nil
			})
			w.steps.Release()
			w.wantTaken(<-sent, task, test.status, false)
			if err := p.wait(); err != nil {
				t.Errorf("exit: %v\n%s", err, p.log)
			}
			if cb := w.get(task); cb.State != api.StateDelivered || cb.Delivery.Attempts != 1 {
				t.Errorf("state %s, delivery %+v: left behind", cb.State, cb.Delivery)
			}
			w.wantOutput(task, `{}`)
		})
	}
}

// TestStoppedReplicaIsNotReady stops a replica that is still handling a request: it
// says that it is not ready.
func TestStoppedReplicaIsNotReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 1)
	r := w.replicas[0]
	task := w.register()
	w.steps.Inject(standin.Fault{Kind: standin.Hang})
	sent := make(chan answer, 1)
	go func() {
		got, err := w.postAt(0, task, `{}`)
		if err != nil {
			t.Error(err)
		}
		sent <- got
	}()
	w.untilCalled(task, 1)
	if status, body := w.private(r, "/readyz"); status != http.StatusOK {
		t.Fatalf("readyz: %d %s", status, body)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- r.stop() }()
	w.eventually("it is not ready", func() bool {
		status, body := w.private(r, "/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "relay is stopping")
	})
	w.steps.Release()
	w.wantTaken(<-sent, task, api.StatusDelivered, false)
	w.must(<-stopped)
}
