package main

import (
	"fmt"
	"slices"
	"strings"
)

// scalingInputs are the figures of the benchmark that docs/scaling.md is computed
// from, rounded as docs/benchmarks.md shows them, so that anybody can compute them again.
type scalingInputs struct {
	answer, register            costs
	pendingBytes, finishedBytes float64
}

// costs are microseconds of processor time for one request.
type costs struct{ server, redis float64 }

// inputs takes them from a report that has all scenarios.
func (r report) inputs() (in scalingInputs, err error) {
	answers, answersOK := find(r.compared, mainAnswers)
	registrations, registrationsOK := find(r.compared, registrationsName)
	if !answersOK || !registrationsOK {
		return in, fmt.Errorf("the run has no %q or no %q", mainAnswers, registrationsName)
	}
	costsOf := func(c compared) costs {
		return costs{shown(whole, median(c.relay, serverCPU)), shown(whole, median(c.relay, redisCPU))}
	}
	bytes := func(of func(result) float64) float64 { return shown(whole, median(registrations.relay, of)) }
	return scalingInputs{costsOf(answers), costsOf(registrations), bytes(pendingBytes), bytes(finishedBytes)}, nil
}

// callback returns what one callback costs: its registration and its answer.
func (in scalingInputs) callback() costs {
	return costs{in.answer.server + in.register.server, in.answer.redis + in.register.redis}
}

// What docs/scaling.md assumes, and says that it assumes.
const (
	busy       = 0.7 // of a core, so that there is room for peaks
	partitions = 64  // of the relay's keys
	quota      = 500 // calls a second, in the large regions
	retention  = 8   // days that a finished callback is remembered, by default

	hoursPerMonth = 730
	vCPUHour      = 0.04048  // dollars, Fargate, Linux/x86, us-east-1
	gigabyteHour  = 0.004445 // the same, of memory
	nodeHour      = 0.437    // dollars, ElastiCache, Redis OSS, cache.r7g.xlarge, us-east-1
	nodeGiB       = 26.32
	nodeUsable    = 0.75  // ElastiCache reserves the rest
	fillUntil     = 0.85  // of maxmemory; the relay accepts no registrations beyond
	transitions   = 0.025 // dollars for 1,000 state transitions of a standard workflow
)

// markdown returns the generated part of docs/scaling.md.
func (in scalingInputs) markdown() string {
	var b strings.Builder
	one := in.callback()
	fmt.Fprintf(&b, "By [benchmarks.md](benchmarks.md), an answer takes %s µs of the relay's processor time and %s µs of that of Redis; a registration takes %s and %s. So one callback, registered and answered, takes %s and %s. It occupies %s bytes of Redis while it waits, and %s once it is delivered.\n\n",
		whole(in.answer.server), whole(in.answer.redis), whole(in.register.server), whole(in.register.redis),
		whole(one.server), whole(one.redis), whole(in.pendingBytes), whole(in.finishedBytes))
	b.WriteString(in.capacity().markdown())
	fmt.Fprintf(&b, "\nAt %d callbacks a second, the relay uses %s%% of one core (answers alone: %s%%), and Redis %s%%.\n\n",
		quota, percentOfCore(one.server), percentOfCore(in.answer.server), percentOfCore(one.redis))
	b.WriteString(in.memory().markdown())
	b.WriteString("\n")
	b.WriteString(prices().markdown())
	return b.String()
}

// percentOfCore returns the share of a core that requests at the quota use, each of so
// many microseconds.
func percentOfCore(each float64) string { return whole(quota * each / 1e4) }

// capacity says how many callbacks a second each part carries.
func (in scalingInputs) capacity() table {
	t := table{head: []string{"what", "callbacks a second", "how it is computed"}, left: 1, right: 1}
	row := func(what string, carries float64, how string, args ...any) {
		t.rows = append(t.rows, []string{what, whole(carries), fmt.Sprintf(how, args...)})
	}
	one := in.callback()
	row("AWS' quota in most regions", 300, "[quotas](procedures.md#quotas)")
	row("AWS' quota in us-east-1, us-west-2 and eu-west-1", quota, "[quotas](procedures.md#quotas)")
	replica := busy * 1e6 / one.server
	row("one replica, on one core", replica, "%v × 1,000,000 / %s", busy, whole(one.server))
	row("ten replicas, each on one core", 10*replica, "10 × one replica")
	primary := busy * 1e6 / one.redis
	row("one Redis", primary, "%v × 1,000,000 / %s; one thread runs all scripts", busy, whole(one.redis))
	for _, n := range []int{3, 6, 10, 16} {
		most := busiest(n)
		row(fmt.Sprintf("a cluster of %d primaries", n), primary*partitions/float64(most), "one Redis × %d / %d; the busiest primary has %d of %d partitions", partitions, most, most, partitions)
	}
	return t
}

// memory says how much of Redis callbacks take, and what that costs with one replica.
func (in scalingInputs) memory() table {
	t := table{head: []string{"callbacks in Redis", "GiB", "dollars a month", "how both are computed"}, left: 1, right: 2}
	row := func(what string, bytes float64, how string, args ...any) {
		gib, room := bytes/(1<<30), nodeGiB*nodeUsable*fillUntil
		t.rows = append(t.rows, []string{
			what, oneDigit(gib), whole(2 * gib / room * nodeHour * hoursPerMonth),
			fmt.Sprintf(how, args...) + fmt.Sprintf("; 2 × %s / %s × %v × %d", oneDigit(gib), oneDigit(room), nodeHour, hoursPerMonth),
		})
	}
	for _, n := range []float64{1e6, 1e7, 1e8} {
		row(whole(n)+" pending", n*in.pendingBytes, "%s × %s", whole(n), whole(in.pendingBytes))
	}
	for _, perSecond := range []float64{10, quota} {
		row(fmt.Sprintf("delivered, remembered for %d days, %v a second", retention, perSecond), perSecond*86_400*retention*in.finishedBytes,
			"%v × 86,400 × %d × %s", perSecond, retention, whole(in.finishedBytes))
	}
	return t
}

// slots is how many a Redis Cluster has.
const slots = 16_384

// busiest returns how many partitions the primary with the most of them has, in a
// cluster of n whose slots are divided evenly.
func busiest(n int) int {
	counts := make([]int, n)
	for i := range partitions {
		counts[slot(fmt.Sprintf("%02d", i))*n/slots]++
	}
	return slices.Max(counts)
}

// slot returns the slot of a hash tag: its CRC-16 in the variant of XMODEM, as the
// specification of Redis Cluster says.
func slot(tag string) int {
	crc := uint16(0)
	for _, b := range []byte(tag) {
		crc ^= uint16(b) << 8
		for range 8 {
			carry := crc & 0x8000
			crc <<= 1
			if carry != 0 {
				crc ^= 0x1021
			}
		}
	}
	return int(crc) % slots
}

// prices says what the other parts cost in a month.
func prices() table {
	t := table{head: []string{"what else", "dollars a month", "how it is computed"}, left: 1, right: 1}
	row := func(what string, dollars float64, how string, args ...any) {
		t.rows = append(t.rows, []string{what, whole(dollars), fmt.Sprintf(how, args...)})
	}
	for _, n := range []float64{1, 2, 10} {
		row(fmt.Sprintf("replicas: %v, each with 1 vCPU and 1 GB", n), n*(vCPUHour+gigabyteHour)*hoursPerMonth, "%v × (%v + %v) × %d", n, vCPUHour, gigabyteHour, hoursPerMonth)
	}
	row(fmt.Sprintf("Step Functions: %d waiting states a second", quota), quota*3600*hoursPerMonth/1000*transitions, "%d × 3,600 × %d / 1,000 × %v", quota, hoursPerMonth, transitions)
	return t
}
