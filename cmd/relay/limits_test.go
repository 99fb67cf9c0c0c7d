package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"callback-relay/api"
	"callback-relay/config"
	"callback-relay/programs"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

// TestBodyAcrossTheDeadline sends half of a body before the deadline and the
// rest after it (row 37): the time of recording decides.
func TestBodyAcrossTheDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 1)
	task := w.register(shortLived)
	link, err := url.Parse(task.URL)
	w.must(err)
	conn, err := net.Dial("tcp", w.replicas[0].ports.public.Addr().String())
	w.must(err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 8\r\nExpect: 100-continue\r\n\r\n", link.Path)
	w.must(err)
	answers := bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("not invited to send the body: %q, %v", line, err)
	}
	_, err = answers.ReadString('\n')
	w.must(err)
	_, err = conn.Write([]byte(`{"a"`))
	w.must(err)
	w.untilOverdue(task)
	_, err = conn.Write([]byte(`: 1}`))
	w.must(err)
	got, err := http.ReadResponse(answers, nil)
	w.must(err)
	defer got.Body.Close()
	if got.StatusCode != http.StatusGone {
		t.Errorf("got %s, want 410", got.Status)
	}
	w.eventually("the workflow is told", func() bool { return len(w.effects(task)) > 0 })
	if took := w.effects(task)[0]; took.Error != "Callback.Expired" {
		t.Errorf("step functions took %+v", took)
	}
}

// TestForgotten looks a callback up after its retention (row 42): it no longer
// exists.
func TestForgotten(t *testing.T) {
	t.Parallel()
	programs.Need(t, "redis-server") // the in-process Redis removes nothing by itself
	w := newWorld(t, startStandalone(t), 0)
	w.replicas = append(w.replicas, w.start(func(s *config.Settings) { s.Retention = "1ms" }))
	task := w.register()
	w.wantTaken(w.post(task.URL, `{}`), task, api.StatusDelivered, false)
	w.eventually("it is forgotten", func() bool { return w.post(task.URL, `{}`).status == http.StatusNotFound })
	w.wantProblem(w.post(task.URL, `{}`), api.CodeNotFound)
	w.wantProblem(w.post(task.Links["progress"].URL, ``), api.CodeNotFound)
	w.wantOutput(task, `{}`)
}

// TestRedisTooLate has a Redis that responds after the relay has stopped waiting
// (row 58): the sender gets 503, tries again, and finds its answer stored.
func TestRedisTooLate(t *testing.T) {
	t.Parallel()
	if !redistest.Available(t) {
		return
	}
	server := redistest.Start(t)
	w := newWorld(t, redisServer{store.ModeStandalone, server.URL, server.Kill}, 2)
	w.post(w.register().URL, `{}`) // the first one loads the script
	task := w.register()
	server.Pause()
	w.wantProblem(w.post(task.URL, `{"n": 1}`), api.CodeUnavailable)
	server.Resume() // now it runs the script that it received before
	w.eventually("it is recorded", func() bool { return w.get(task).State != api.StatePending })
	if got := w.post(task.URL, `{"n": 1}`); got.status != http.StatusOK || !got.Duplicate {
		t.Errorf("the sender comes again: %d %s", got.status, got.body)
	}
	w.wantProblem(w.post(task.URL, `{"n": 2}`), api.CodeAlreadyAnswered)
	w.untilState(task, api.StateDelivered) // when the lease of the first try has ended
	w.wantOutput(task, `{"n": 1}`)
}

// TestWithoutADisk runs a relay that can write to no file, and has no folder for
// temporary files (row 74): it needs none, whatever is posted.
func TestWithoutADisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, startStandalone(t), 1)
	program, err := exec.LookPath("relay")
	w.must(err)
	p := w.launchBy([]string{"sh", "-c", `ulimit -f 0; exec "$0" serve`, program}, "TMPDIR=/nowhere", "HOME=/nowhere")
	large := strings.Repeat("x", 200_000)
	for contentType, body := range map[string]string{
		"application/json":                  `"` + large + `"`,
		"text/plain":                        large,
		"application/x-www-form-urlencoded": "a=" + large,
		"multipart/form-data; boundary=XX":  "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n" + large + "\r\n--XX--\r\n",
	} {
		task := w.register()
		got, err := w.trySend(p.address, call{link: task.URL, contentType: contentType, body: strings.NewReader(body)})
		w.must(err)
		if got.status != http.StatusOK {
			t.Errorf("%s: %d %s", contentType, got.status, got.body)
		}
		w.untilState(task, api.StateDelivered)
		if size := len(w.effects(task)[0].Output); size < len(large) {
			t.Errorf("%s: %d bytes delivered", contentType, size)
		}
	}
	// Check that the limit works: a command that writes a file fails.
	if err := exec.Command("sh", "-c", "ulimit -f 0; echo x > "+t.TempDir()+"/x").Run(); err == nil {
		t.Error("a file was written in spite of the limit")
	}
}
