package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
	"callback-relay/store"
	"callback-relay/store/redistest"
)

const (
	maxExpiry = 365 * 24 * time.Hour
	retention = 192 * time.Hour
	lease     = time.Minute
)

// redisUnderTest is one server with a store on it, and what a test needs to inspect
// the server itself.
type redisUnderTest struct {
	*store.Store
	t      *testing.T
	client redis.UniversalClient
	keys   *relay.KeyRing

	durability store.Durability // of the stores that are made from now on
}

// conformance are the tests that every kind of Redis must pass.
var conformance = map[string]func(*testing.T, *redisUnderTest){
	"EarlierRegistration":                testEarlierRegistration,
	"EventAndRegistration":               testEventAndRegistration,
	"EventIsSealed":                      testEventIsSealed,
	"SeveralWait":                        testSeveralWait,
	"UsedEvents":                         testUsedEvents,
	"MatchesAreTakenOver":                testMatchesAreTakenOver,
	"HookCensus":                         testHookCensus,
	"AwaitedSenders":                     testAwaitedSenders,
	"AwaitsEnd":                          testAwaitsEnd,
	"BoundsOfAwaits":                     testBoundsOfAwaits,
	"FloodOfOneKey":                      testFloodOfOneKey,
	"FloodOfEvents":                      testFloodOfEvents,
	"ScriptsOfAwaitsRepeat":              testScriptsOfAwaitsRepeat,
	"AwaitsInARollout":                   testAwaitsInARollout,
	"ApprovalsInARollout":                testApprovalsInARollout,
	"Choice":                             testChoice,
	"Decline":                            testDecline,
	"DeclineRefused":                     testDeclineRefused,
	"DeclineEnds":                        testDeclineEnds,
	"DeclineAtOnce":                      testDeclineAtOnce,
	"ManyDeclines":                       testManyDeclines,
	"ListOfDeclined":                     testListOfDeclined,
	"AwaitsAreKept":                      testAwaitsAreKept,
	"DamagedEvents":                      testDamagedEvents,
	"EventExcept":                        testEventExcept,
	"GuardedLink":                        testGuardedLink,
	"UnguardedBesideGuarded":             testUnguardedBesideGuarded,
	"ApprovalsAreClosedToTheEarlier":     testApprovalsAreClosedToTheEarlier,
	"GuardStays":                         testGuardStays,
	"GuardComesFirst":                    testGuardComesFirst,
	"GuardThatIsNotThere":                testGuardThatIsNotThere,
	"GuardsInARollout":                   testGuardsInARollout,
	"LaterGuardsInARollout":              testLaterGuardsInARollout,
	"OtherGuard":                         testOtherGuard,
	"SameEvent":                          testSameEvent,
	"OtherKind":                          testOtherKind,
	"WithoutGeneration":                  testWithoutGeneration,
	"GenerationsInARollout":              testGenerationsInARollout,
	"Create":                             testCreate,
	"CreateJudgesDeadlinesByRedisTime":   testCreateJudgesDeadlinesByRedisTime,
	"KeyRotation":                        testKeyRotation,
	"Answer":                             testAnswer,
	"Refusals":                           testRefusals,
	"View":                               testView,
	"Remains":                            testRemains,
	"RemainsOfAddedLinks":                testRemainsOfAddedLinks,
	"Forgets":                            testForgets,
	"Reference":                          testReference,
	"CommentsBesideThePreviousRelease":   testCommentsBesideThePreviousRelease,
	"OtherContent":                       testOtherContent,
	"Decide":                             testDecide,
	"DecideAtOnce":                       testDecideAtOnce,
	"Guess":                              testGuess,
	"Revoke":                             testRevoke,
	"RepeatedAfterRevocation":            testRepeatedAfterRevocation,
	"ReplaceLink":                        testReplaceLink,
	"AddLinks":                           testAddLinks,
	"AddLinkRefused":                     testAddLinkRefused,
	"AddLinksAtOnce":                     testAddLinksAtOnce,
	"Reschedule":                         testReschedule,
	"MissingAndUnprepared":               testMissingAndUnprepared,
	"EveryStateAndEvent":                 testEveryStateAndEvent,
	"NothingInTheClear":                  testNothingInTheClear,
	"ClaimTakesWhatNobodyHolds":          testClaimTakesWhatNobodyHolds,
	"LostClaim":                          testLostClaim,
	"SettledTwice":                       testSettledTwice,
	"LeasesBesideThePreviousRelease":     testLeasesBesideThePreviousRelease,
	"WhatThePreviousReleaseStored":       testWhatThePreviousReleaseStored,
	"SettleForAnotherAttempt":            testSettleForAnotherAttempt,
	"ScriptsCanBeRepeated":               testScriptsCanBeRepeated,
	"Expire":                             testExpire,
	"ClaimTakesTheOldestOfAllPartitions": testClaimTakesTheOldestOfAllPartitions,
	"OnlyOneWins":                        testOnlyOneWins,
	"Census":                             testCensus,
	"Timings":                            testTimings,
	"TraceContexts":                      testTraceContexts,
	"Watch":                              testWatch,
	"StrayMembers":                       testStrayMembers,
	"StraysAreSetAside":                  testStraysAreSetAside,
	"SetsOfAnotherType":                  testSetsOfAnotherType,
	"DamagedCallbacksAreSetAside":        testDamagedCallbacksAreSetAside,
	"SettleOfDamagedCounts":              testSettleOfDamagedCounts,
	"BrokenSealGoesOn":                   testBrokenSealGoesOn,
	"Replicas":                           testReplicas,
	"Trim":                               testTrim,
	"TrimMany":                           testTrimMany,
	"HashIsGone":                         testHashIsGone,
	"ListByState":                        testListByState,
	"ListOfEqualTimes":                   testListOfEqualTimes,
	"ListCursors":                        testListCursors,
	"ListWhileMigrating":                 testListWhileMigrating,
	"ListBesideAReplicaBehind":           testListBesideAReplicaBehind,
	"ListTellsWhenCallbacksEnded":        testListTellsWhenCallbacksEnded,
	"ListUnevenly":                       testListUnevenly,
	"ListByTagIsBounded":                 testListByTagIsBounded,
	"ListCost":                           testListCost,
	"List":                               testList,
	"ForgottenScripts":                   testForgottenScripts,
	"SharedPipelines":                    testSharedPipelines,
}

func TestOnMiniredis(t *testing.T) {
	conform(t, store.ModeStandalone, "redis://"+miniredis.RunT(t).Addr())
}

func TestOnRedisServer(t *testing.T) {
	if redistest.Available(t) {
		conform(t, store.ModeStandalone, redistest.Start(t).URL)
	}
}

func TestOnSentinel(t *testing.T) {
	if redistest.Available(t) {
		conform(t, store.ModeSentinel, redistest.StartSentinel(t).URL)
	}
}

// A cluster of one node refuses scripts whose keys are in several slots; miniredis
// does not.
func TestOnCluster(t *testing.T) {
	if redistest.Available(t) {
		conform(t, store.ModeCluster, redistest.StartCluster(t).URL)
	}
}

// A durable store promises more, and must pass the same tests.
func TestOnReplicated(t *testing.T) {
	if redistest.Available(t) {
		primary := redistest.Start(t)
		redistest.StartReplica(t, primary)
		conform(t, store.ModeStandalone, primary.URL, store.Durability{Replicas: 1})
	}
}

// Valkey, with WAITAOF: Redis has that from 7.2.
func TestOnValkey(t *testing.T) {
	if redistest.AvailableValkey(t) {
		server := redistest.StartValkey(t, "--appendonly", "yes", "--appendfsync", "always")
		conform(t, store.ModeStandalone, server.URL, store.Durability{AOF: true, Local: 1})
	}
}

// conform runs the whole suite on one server, each test on an empty keyspace.
func conform(t *testing.T, mode, url string, durability ...store.Durability) {
	t.Helper()
	for name, test := range conformance {
		t.Run(name, func(t *testing.T) {
			r := onURL(t, mode, patiently(url), durability...)
			r.must(r.client.FlushAll(t.Context()).Err())
			r.must(r.client.Set(t.Context(), "relay:schema", "2", 0).Err())
			test(t, r)
		})
	}
}

// patiently gives a client long timeouts. Otherwise, on a slow machine, it could
// repeat a command that has already run.
func patiently(url string) string {
	separator := "?"
	if strings.Contains(url, separator) {
		separator = "&"
	}
	return url + separator + "dial_timeout=30s&read_timeout=30s&write_timeout=30s"
}

// onURL returns a store on the server at the URL.
func onURL(t *testing.T, mode, url string, durability ...store.Durability) *redisUnderTest {
	t.Helper()
	client, err := store.Open(mode, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	r := &redisUnderTest{t: t, client: client}
	for _, d := range durability {
		r.durability = d
	}
	r.useKeys(newKeys(t, "k1"))
	return r
}

// useKeys puts a new store with other master keys on the same server.
func (r *redisUnderTest) useKeys(keys *relay.KeyRing) {
	r.keys = keys
	r.Store = store.New(r.client, store.Options{Keys: keys, Lease: lease, Retention: retention, Durability: r.durability})
}

// newKeys makes a key ring with these names, newest first. The same name gives the
// same key.
func newKeys(t *testing.T, names ...string) *relay.KeyRing {
	t.Helper()
	var entries []string
	for _, name := range names {
		// 32 bytes made of the name, in base64.
		entries = append(entries, name+":"+encode32(name))
	}
	keys, err := relay.ParseKeyRing(strings.Join(entries, ","))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// Create prepares a registration, and stores it.
func (r *redisUnderTest) Create(ctx context.Context, reg relay.Registration, maxExpiry time.Duration) (relay.Callback, bool, error) {
	return r.Store.Create(ctx, relay.Prepare(r.keys, reg, maxExpiry))
}

// register stores a callback with default settings and the given task token.
func (r *redisUnderTest) register(task relay.TaskToken, change ...func(*relay.Registration)) relay.Callback {
	r.t.Helper()
	reg := registration(task, change...)
	cb, _, err := r.Create(r.t.Context(), reg, maxExpiry)
	if err != nil {
		r.t.Fatalf("register: %v", err)
	}
	return cb
}

func registration(task relay.TaskToken, change ...func(*relay.Registration)) relay.Registration {
	reg := relay.Registration{
		TaskToken: task,
		Expires:   relay.Expires{In: time.Hour},
		OnExpiry:  relay.OnExpiryFail,
		Tags:      map[string]string{"order": "42"},
		Links: map[string]relay.LinkRequest{
			"default": {LinkKind: relay.LinkKind{Type: relay.LinkWebhook}}, "progress": {LinkKind: relay.LinkKind{Type: relay.LinkHeartbeat}},
		},
	}
	for _, c := range change {
		c(&reg)
	}
	return reg
}

func ignoring(reg *relay.Registration) { reg.OnExpiry = relay.OnExpiryIgnore }

// link resolves the callback's link of this name, as its URL would.
func (r *redisUnderTest) link(cb relay.Callback, name string) relay.LinkRef {
	r.t.Helper()
	for _, l := range cb.Links {
		if l.Name == name {
			ref, err := r.keys.Resolve(r.keys.LinkKey(cb.ID, l, cb.Key).Reveal(), []relay.LinkKind{l.LinkKind})
			if err != nil {
				r.t.Fatal(err)
			}
			return ref
		}
	}
	r.t.Fatalf("no link %q", name)
	return relay.LinkRef{}
}

func success(output string) relay.Outcome {
	return relay.Outcome{Type: relay.OutcomeSuccess, Output: relay.Payload(output)}
}

// answer records an outcome that must be accepted.
func (r *redisUnderTest) answer(cb relay.Callback, output string) relay.Delivery {
	r.t.Helper()
	got, err := withOutcome(success(output))(r.Answer(r.t.Context(), r.link(cb, "default"), success(output), nil))
	if err != nil || got.Delivery == nil {
		r.t.Fatalf("answer: %+v, %v", got, err)
	}
	return *got.Delivery
}

// withOutcome adds an outcome to the lease that the store returned for it.
func withOutcome(o relay.Outcome) func(relay.Recorded, error) (relay.Recorded, error) {
	return func(got relay.Recorded, err error) (relay.Recorded, error) {
		if got.Delivery != nil {
			got.Delivery.Outcome = o
		}
		return got, err
	}
}

// settle settles a delivery whose lease must still hold.
func (r *redisUnderTest) settle(d relay.Delivery, end relay.Settlement) {
	r.t.Helper()
	if held, err := r.Settle(r.t.Context(), d, end); err != nil || !held {
		r.t.Fatalf("settle: held %v, %v", held, err)
	}
}

// claimOne claims the one delivery that is due.
func (r *redisUnderTest) claimOne() relay.Delivery {
	r.t.Helper()
	got, err := r.Claim(r.t.Context(), 10)
	if err != nil || len(got) != 1 {
		r.t.Fatalf("claimed %d deliveries, want 1 (%v)", len(got), err)
	}
	return got[0]
}

// claimNone checks that nothing is due.
func (r *redisUnderTest) claimNone() {
	r.t.Helper()
	if got, err := r.Claim(r.t.Context(), 10); err != nil || len(got) != 0 {
		r.t.Fatalf("claimed %d deliveries, want none (%v)", len(got), err)
	}
}

// pass makes a callback's deadline, next attempt or end of lease a past one. Redis's
// own clock cannot be moved.
func (r *redisUnderTest) pass(cb relay.Callback) {
	r.t.Helper()
	ctx, past := r.t.Context(), float64(time.Now().Add(-time.Second).UnixMilli())
	if r.hash(cb)["state"] == "pending" {
		part := strings.SplitN(r.hash(cb)["registration"], " ", 3)
		part[1] = fmt.Sprintf("%.0f", past)
		r.must(r.client.HSet(ctx, r.key(cb), "registration", strings.Join(part, " ")).Err())
		r.must(r.client.ZAddXX(ctx, r.set(cb, "deadline"), redis.Z{Score: past, Member: string(cb.ID)}).Err())
		return
	}
	r.must(r.client.ZAddXX(ctx, r.set(cb, "due"), redis.Z{Score: past, Member: string(cb.ID)}).Err())
}

// key and set repeat the names of keys, so that a change of the keyspace fails a
// test.
func (r *redisUnderTest) key(cb relay.Callback) string { return r.set(cb, "cb:"+string(cb.ID)) }

func (r *redisUnderTest) set(cb relay.Callback, name string) string {
	return fmt.Sprintf("relay:v1:{%02d}:%s", cb.ID.Partition(), name)
}

func (r *redisUnderTest) hash(cb relay.Callback) map[string]string {
	r.t.Helper()
	fields, err := r.client.HGetAll(context.Background(), r.key(cb)).Result()
	r.must(err)
	return fields
}

// inSet returns whether a callback is in one of its partition's sorted sets.
func (r *redisUnderTest) inSet(cb relay.Callback, name string) bool {
	r.t.Helper()
	_, err := r.client.ZScore(context.Background(), r.set(cb, name), string(cb.ID)).Result()
	if errors.Is(err, redis.Nil) {
		return false
	}
	r.must(err)
	return true
}

func (r *redisUnderTest) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}
