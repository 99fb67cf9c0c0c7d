package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ms returns durations in milliseconds.
func ms(values ...int) []time.Duration {
	durations := make([]time.Duration, len(values))
	for i, v := range values {
		durations[i] = time.Duration(v) * time.Millisecond
	}
	return durations
}

func TestPercentile(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(i + 1)
	}
	for _, c := range []struct {
		sorted []time.Duration
		p      int
		want   time.Duration
	}{
		{hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100}, {hundred, 0, 1},
		{ms(3), 99, 3 * time.Millisecond}, {ms(1, 2, 3), 50, 2 * time.Millisecond}, {nil, 50, 0},
	} {
		if got := percentile(c.sorted, c.p); got != c.want {
			t.Errorf("percentile %d of %d values: got %v, want %v", c.p, len(c.sorted), got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	of := func(r result) float64 { return r.pendingBytes }
	three := []result{{pendingBytes: 9}, {pendingBytes: 1}, {pendingBytes: 2}}
	if got := median(three, of); got != 2 {
		t.Errorf("of three: %v", got)
	}
	if got := median(three[:2], of); got != 5 {
		t.Errorf("of two: %v", got)
	}
}

func TestWhole(t *testing.T) {
	for value, want := range map[float64]string{
		0: "0", 999.6: "1,000", 1234567: "1,234,567", 12: "12", 123456: "123,456", -1234: "-1,234", -123: "-123",
	} {
		if got := whole(value); got != want {
			t.Errorf("%v: got %s, want %s", value, got, want)
		}
	}
}

func TestParseCPU(t *testing.T) {
	stat := "42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 123 45 0 0 20 0 7 0 100 1000 200"
	if got, err := parseCPU(stat); err != nil || got != 1680*time.Millisecond {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"", "42 (a) S 1", "42 (a) S 1 2 3 4 5 6 7 8 9 10 x y 13"} {
		if _, err := parseCPU(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
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
		err := compareLedger(strings.NewReader(c.ledger), map[string]string{"a": "1", "b": "2"})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// measured is a report of round numbers.
func measured() report {
	round := func(second, pending float64) result {
		p := phase{
			requests: 1000, took: time.Duration(float64(1000*time.Second) / second),
			latencies: ms(1, 2, 3, 40), cpu: 100 * time.Millisecond, redisCPU: 10 * time.Millisecond, totalCPU: 200 * time.Millisecond,
		}
		return result{p, p, p, p, map[string]int{"delivered": 1000}, 32 << 20, pending}
	}
	return report{
		plan:    plan{rounds: 1, clients: 64, callbacks: 1000},
		machine: "A machine.",
		bare:    []result{round(4000, 860)}, relay: []result{round(3000, 1500)},
	}
}

func TestText(t *testing.T) {
	var out strings.Builder
	if err := measured().text(&out); err != nil {
		t.Fatal(err)
	}
	want := `
Medians of 1 round each, taken in turn; in each 1,000 callbacks, 64 clients, payloads of 300 bytes, task tokens of 700.
A machine.

                                                     bare handler   relay   ratio   aim
answers per second                                   4,000          3,000   0.75    at least 0.80   missed
CPU µs per answer                                    100            100     1.00
CPU µs per answer, Redis                             10             10      1.00
CPU µs per answer, all processes                     200            200     1.00
answer p50, ms                                       2.0            2.0     1.00
answer p99, ms                                       40.0           40.0    1.00
registrations per second                             4,000          3,000   0.75    at least 0.70   met
CPU µs per registration                              100            100     1.00
CPU µs per registration, Redis                       10             10      1.00
CPU µs per registration, all processes               200            200     1.00
registration p50, ms                                 2.0            2.0     1.00
registration p99, ms                                 40.0           40.0    1.00
unwanted events per second                           4,000          3,000   0.75    at least 0.80   missed
CPU µs per unwanted event                            100            100     1.00
CPU µs per unwanted event, all processes             200            200     1.00
events that nobody awaits per second                 4,000          3,000   0.75    at least 0.80   missed
CPU µs per event that nobody awaits                  100            100     1.00
CPU µs per event that nobody awaits, all processes   200            200     1.00
peak memory, MiB                                     32.0           32.0    1.00
Redis bytes per pending callback                     860            1,500   1.74    at most 1,550   met

answers of the relay by status: 1,000 delivered
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMarkdownGoesBetweenItsMarks(t *testing.T) {
	page := "before\n" + beginMark + "\nold\n" + endMark + "\nafter\n"
	text := measured().markdown()
	if !strings.Contains(text, "| answers per second | 4,000 | 3,000 | 0.75 | at least 0.80 | missed |\n") {
		t.Errorf("the table: %s", text)
	}
	got, err := splice([]byte(page), text)
	if err != nil {
		t.Fatal(err)
	}
	want := "before\n" + beginMark + "\n\n" + text + "\n" + endMark + "\nafter\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again, err := splice(got, text); err != nil || string(again) != string(got) {
		t.Errorf("a second time it changed, or %v", err)
	}
	if _, err := splice([]byte("before\n"+beginMark), text); err == nil {
		t.Error("a page without the second mark was taken")
	}
}

func TestDrawingIsXML(t *testing.T) {
	d := xml.NewDecoder(strings.NewReader(measured().drawing()))
	bars := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "rect" {
			bars++
		}
	}
	if bars != 1+5*2 { // a background, and two bars for each of the five aims
		t.Errorf("%d rectangles", bars)
	}
}

func TestPlan(t *testing.T) {
	p, err := parsePlan([]string{"-rounds", "5", "-svg", "x.svg"}, io.Discard)
	if want := (plan{rounds: 5, clients: 64, callbacks: 20_000, warmUp: 3_000, svg: "x.svg"}); err != nil || p != want {
		t.Errorf("got %+v, %v", p, err)
	}
	for _, bad := range [][]string{{"-rounds", "0"}, {"x"}, {"-clients", "-1"}, {"-nonsense"}} {
		if _, err := parsePlan(bad, io.Discard); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestSizesTable(t *testing.T) {
	got := sizesTable([]size{{"pending", 1509.4}, {"delivered", 700}}, "A machine.")
	want := `| a callback that is | takes in Redis, bytes |
|---|--:|
| pending | 1,509 |
| delivered | 700 |

Task tokens of 700 bytes; 1,000 of each kind. A machine.
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
