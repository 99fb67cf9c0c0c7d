package senders_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"callback-relay/programs"
	"callback-relay/publickeys"
	"callback-relay/senders"
)

// snsOf is the sender of a topic that shares its keys with others.
func snsOf(t *testing.T, keys *publickeys.Cache, topic string) *senders.Sender {
	t.Helper()
	sender, err := senders.New(senders.Spec{Preset: "sns", Account: topic}, senders.WithKeys(keys))
	must(t, err)
	return sender
}

// certificateIn is the URL of a certificate in a region.
func certificateIn(region string, i int) string {
	return fmt.Sprintf("https://sns.%s.amazonaws.com/SimpleNotificationService-%d.pem", region, i)
}

// Forged posts at one link stop no fetches but their own: not those of fal, of other regions
// and of other topics, and not those of certificates that were there before.
func TestForgedPostsStopNoOthers(t *testing.T) {
	programs.Need(t, "openssl")
	key, ofFal := newSNSKey(t), newFalKey(t)
	good, post := key.notification(), ofFal.post("{}")
	const other = "arn:aws:sns:eu-west-1:123456789012:invoices"
	ofOther := good.with("TopicArn", other).signed()
	synctest.Test(t, func(t *testing.T) {
		w := newWeb()
		keys := publickeys.New(w)
		sender := snsOf(t, keys, snsTopic)
		w.put(snsCert, key.certificate)
		w.put(certificateIn("us-east-1", 1), key.certificate)
		w.put(certificateIn("eu-west-1", 1), key.certificate)
		w.put(falKeys, jwks(ofFal))
		must(t, sender.Check(t.Context(), good.request()))
		time.Sleep(time.Hour + time.Minute) // what is kept must be refreshed
		for i := range 100 {
			for _, region := range []string{"eu-west-1", fmt.Sprintf("xx-nowhere-%d", i%100)} {
				if sender.Check(t.Context(), good.with("SigningCertURL", certificateIn(region, 1000+i)).request()) == nil {
					t.Fatal("accepted")
				}
			}
		}
		if n := w.times(""); n > 1+16+32 {
			t.Errorf("%d fetches for forged posts", n-1)
		}
		if err := sender.Check(t.Context(), good.request()); err != nil || w.times(snsCert) != 2 {
			t.Errorf("a certificate that was there before: %v, fetched %d times", err, w.times(snsCert))
		}
		if err := snsOf(t, keys, other).Check(t.Context(), ofOther.with("SigningCertURL", certificateIn("eu-west-1", 1)).request()); err != nil {
			t.Errorf("another topic: %v", err)
		}
		fal, err := senders.New(senders.Spec{Preset: "fal", Account: falUser}, senders.WithKeys(keys))
		must(t, err)
		if err := fal.Check(t.Context(), post); err != nil {
			t.Errorf("fal: %v", err)
		}
		time.Sleep(10 * time.Second)
		for i := range 16 {
			_ = sender.Check(t.Context(), good.with("SigningCertURL", certificateIn("eu-west-1", 2000+i)).request())
		}
		if err := sender.Check(t.Context(), good.with("SigningCertURL", certificateIn("us-east-1", 1)).request()); err != nil {
			t.Errorf("another region: %v", err)
		}
	})
	// The fetches of forged posts take long, and others begin meanwhile.
	synctest.Test(t, func(t *testing.T) {
		w := newWeb()
		w.delay = time.Second
		keys := publickeys.New(w)
		w.put(certificateIn("eu-west-1", 1), key.certificate)
		w.put(falKeys, jwks(ofFal))
		sender := snsOf(t, keys, snsTopic)
		for i := range 100 {
			go func() {
				_ = sender.Check(t.Context(), good.with("SigningCertURL", certificateIn("eu-west-1", 1000+i)).request())
			}()
		}
		synctest.Wait()
		fal, err := senders.New(senders.Spec{Preset: "fal", Account: falUser}, senders.WithKeys(keys))
		must(t, err)
		if err := fal.Check(t.Context(), post); err != nil {
			t.Errorf("fal, meanwhile: %v", err)
		}
		synctest.Wait()
	})
}

// While a document cannot be refreshed, the last one is used for a day. It is tried again
// after ten seconds at the earliest.
func TestKeysOutliveAnOutage(t *testing.T) {
	programs.Need(t, "openssl")
	key, ofFal, next := newSNSKey(t), newFalKey(t), newFalKey(t)
	good, post, ofNext := key.notification(), ofFal.post("{}"), next.post("{}")
	synctest.Test(t, func(t *testing.T) {
		w := newWeb()
		keys := publickeys.New(w)
		sns := snsOf(t, keys, snsTopic)
		fal, err := senders.New(senders.Spec{Preset: "fal", Account: falUser}, senders.WithKeys(keys))
		must(t, err)
		w.put(snsCert, key.certificate)
		w.put(falKeys, jwks(ofFal))
		check := func(when string, available bool) {
			t.Helper()
			for name, err := range map[string]error{"sns": sns.Check(t.Context(), good.request()), "fal": fal.Check(t.Context(), post)} {
				_, unavailable := errors.AsType[*senders.UnavailableError](err)
				if available && err != nil || !available && !unavailable {
					t.Errorf("%s, %s: %v", name, when, err)
				}
			}
		}
		check("at first", true)
		w.fail(true)
		time.Sleep(time.Hour)
		before := w.times("")
		for range 5 {
			check("after an hour of an outage", true)
		}
		if n := w.times("") - before; n != 2 {
			t.Errorf("%d fetches", n)
		}
		// A new key of fal may be missing in the last list.
		if _, is := errors.AsType[*senders.UnavailableError](fal.Check(t.Context(), ofNext)); !is {
			t.Error("a post with a key that is not in the last list is not told to come again")
		}
		time.Sleep(22 * time.Hour)
		check("after 23 hours", true)
		time.Sleep(time.Hour)
		check("after a day", false)
		w.fail(false)
		time.Sleep(10 * time.Second)
		check("after the outage", true)
	})
}

// A post whose time runs out while a document is being refreshed gets the one of before.
func TestHurriedPostsUseTheLastKeys(t *testing.T) {
	programs.Need(t, "openssl")
	key := newSNSKey(t)
	good := key.notification()
	synctest.Test(t, func(t *testing.T) {
		w := newWeb()
		w.put(snsCert, key.certificate)
		sender := snsSender(t, w)
		must(t, sender.Check(t.Context(), good.request()))
		time.Sleep(time.Hour + time.Minute)
		w.delay = time.Second
		hurried, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := sender.Check(hurried, good.request()); err != nil || w.times(snsCert) != 2 {
			t.Errorf("%v, fetched %d times", err, w.times(snsCert))
		}
		time.Sleep(time.Second) // the refresh ends
		synctest.Wait()
	})
}

// Forged posts at links of many topics cause a bounded number of fetches in all, and those
// of documents that were there before go on.
func TestFetchesOfTheProcessAreBounded(t *testing.T) {
	programs.Need(t, "openssl")
	key := newSNSKey(t)
	good := key.notification()
	for name, c := range map[string]struct {
		delay time.Duration
		most  int
	}{"at once": {time.Second, 64}, "failures": {0, 256}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWeb()
				w.put(snsCert, key.certificate)
				keys := publickeys.New(w)
				sender := snsOf(t, keys, snsTopic)
				must(t, sender.Check(t.Context(), good.request()))
				time.Sleep(time.Hour + time.Minute)
				w.delay = c.delay
				for i := range 400 {
					topic := fmt.Sprintf("arn:aws:sns:eu-west-1:123456789012:topic-%d", i)
					forged := good.with("TopicArn", topic).with("SigningCertURL", certificateIn("eu-west-1", 1000+i))
					go func() { _ = snsOf(t, keys, topic).Check(t.Context(), forged.request()) }()
					if c.delay == 0 {
						synctest.Wait()
					}
				}
				synctest.Wait()
				if n := w.times("") - 1; n != c.most {
					t.Errorf("%d fetches, want %d", n, c.most)
				}
				if err := sender.Check(t.Context(), good.request()); err != nil || w.times(snsCert) != 2 {
					t.Errorf("a certificate that was there before: %v, fetched %d times", err, w.times(snsCert))
				}
				synctest.Wait()
			})
		})
	}
}
