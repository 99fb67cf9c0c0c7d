package main

import (
	"strings"
	"testing"
	"time"
)

func TestParseCPU(t *testing.T) {
	if got, err := parseCPU("1680000000 187909740 1364\n"); err != nil || got != 1680*time.Millisecond {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "x 1 2"} {
		if _, err := parseCPU(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// The time of all threads counts, of this process and of others.
func TestCPUOf(t *testing.T) {
	needLinux(t)
	before, err := cpuOf("self")
	if err != nil {
		t.Fatal(err)
	}
	var sum byte
	for began := time.Now(); time.Since(began) < 50*time.Millisecond; { // work, and no waiting
		for i := range 1 << 16 {
			sum += byte(i)
		}
	}
	if after, err := cpuOf("self"); err != nil || after <= before {
		t.Errorf("%v, then %v, %v (%d)", before, after, err, sum)
	}
	if _, err := cpuOf("0"); err == nil {
		t.Error("a process that does not exist has a time")
	}
}

func TestParsePeakMemory(t *testing.T) {
	if got, err := parsePeakMemory("Name:\tx\nVmHWM:\t   20480 kB\nVmRSS:\t 1 kB\n"); err != nil || got != 20<<20 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := parsePeakMemory("Name:\tx\n"); err == nil {
		t.Error("read where there was none")
	}
}

func TestInfoField(t *testing.T) {
	info := "# Memory\r\nused_memory:1048576\r\nused_memory_human:1.00M\r\n"
	if got, err := infoField(info, "used_memory"); err != nil || got != 1<<20 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := infoField(info, "mem_clients_normal"); err == nil {
		t.Error("read where there was none")
	}
}

func TestMachine(t *testing.T) {
	if got := cpuModel("processor\t: 0\nmodel name\t: Some CPU @ 2GHz\n"); got != "Some CPU @ 2GHz" {
		t.Errorf("CPU: %q", got)
	}
	if got := redisVersion("Redis server v=7.0.15 sha=0:0 malloc=x\n"); got != "Redis 7.0.15" {
		t.Errorf("Redis: %q", got)
	}
}

// What scripts run is not counted: clients did not send it.
func TestSentByClient(t *testing.T) {
	for line, want := range map[string]bool{
		`+1339518083.107412 [0 127.0.0.1:60866] "evalsha" "a" "0"`:  true,
		`+1339518083.107412 [0 unix:/tmp/redis.sock] "ping"`:        true,
		`+1339518083.107412 [0 lua] "hget" "x" "[0 127.0.0.1:1] y"`: false,
		"+OK": false,
	} {
		if got := sentByClient(line); got != want {
			t.Errorf("%s: got %t", line, got)
		}
	}
}

func TestCommandsPerRequest(t *testing.T) {
	if got := perRequest(1_020, 10, 2*time.Second, 500); got != 2 {
		t.Errorf("got %v, want 1,000 commands in 500 requests", got)
	}
	if got := perRequest(15, 10, 2*time.Second, 500); got != 0 {
		t.Errorf("got %v, want none: an idle relay sends more", got)
	}
}

func TestShowErrors(t *testing.T) {
	var shown strings.Builder
	const good, bad = `{"level":"WARN","msg":"slow"}` + "\n", `{"level":"ERROR","msg":"broken"}` + "\n"
	showErrors(strings.NewReader(good+bad+strings.Repeat("x", 100<<10)+"\n"+good+bad), &shown)
	if want := bad + bad; shown.String() != want {
		t.Errorf("got %q", shown.String())
	}
}
