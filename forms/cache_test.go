package forms_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"callback-relay/forms"
)

// schemaOf returns a different small schema for each n.
func schemaOf(n int) []byte {
	return []byte(form(fmt.Sprintf(`"a":{"type":"string","maxLength":%d}`, n+1)))
}

// A schema is parsed only when its page is first opened.
func TestSecondViewParsesNothing(t *testing.T) {
	cache, parsed := forms.NewCache(1<<20), 0
	cache.CountParses(func() { parsed++ })
	first := cache.Form(schemaOf(7))
	for range 10 {
		if again := cache.Form(schemaOf(7)); again != first {
			t.Fatal("the same schema has another form")
		}
	}
	if parsed != 1 || first.Fields()[0].MaxLength != 8 {
		t.Errorf("parsed %d times, fields %+v", parsed, first.Fields())
	}
	if other := cache.Form(schemaOf(8)); parsed != 2 || other == first || other.Fields()[0].MaxLength != 9 {
		t.Errorf("another schema has the fields %+v", other.Fields())
	}
	if none := cache.Form(nil); none != nil || none.Fields() != nil {
		t.Error("no schema has a form")
	}
}

// The most recently used forms stay, and a cache never exceeds its limit.
func TestCacheDropsWhatIsNotUsed(t *testing.T) {
	cache, parsed := forms.NewCache(200_000), 0
	cache.CountParses(func() { parsed++ })
	const many = 100
	for n := range many {
		cache.Form(schemaOf(n))
		cache.Form(schemaOf(0)) // somebody opens this one again and again
	}
	if parsed != many {
		t.Errorf("%d schemas were parsed %d times", many, parsed)
	}
	if kept, bytes := cache.Kept(); kept < 2 || kept >= many || bytes > 200_000 {
		t.Errorf("%d forms of %d bytes are kept", kept, bytes)
	}
	cache.Form(schemaOf(1))
	if parsed != many+1 {
		t.Error("a form that was not used for long is kept")
	}
}

// A form that would take much of the cache does not evict all the others.
func TestCacheKeepsNoGiant(t *testing.T) {
	cache, parsed := forms.NewCache(100_000), 0
	cache.CountParses(func() { parsed++ })
	cache.Form(schemaOf(0))
	giant := cache.Form([]byte(costly["empty schemas"](0)))
	if len(giant.Fields()) != 1 {
		t.Errorf("its fields are %+v", giant.Fields())
	}
	cache.Form(schemaOf(0))
	if kept, _ := cache.Kept(); kept != 1 || parsed != 2 {
		t.Errorf("%d forms are kept, and %d were parsed", kept, parsed)
	}
}

// costly are schemas that take much memory for their length.
var costly = map[string]func(n int) string{
	"patterns": func(n int) string {
		properties := make([]string, 20)
		for i := range properties {
			properties[i] = fmt.Sprintf(`"a%d":{"type":"string","maxLength":50,"pattern":"%d(a|b){400}"}`, i, n)
		}
		return form(strings.Join(properties, ","))
	},
	"classes": func(n int) string {
		return form(fmt.Sprintf(`"a":{"type":"string","maxLength":50,"pattern":"^\\pL{90}%d"}`, n))
	},
	"empty schemas": func(n int) string {
		return form(`"a":{"type":"string"}`, `,"title":"`, fmt.Sprint(n), `","allOf":[`, strings.TrimSuffix(strings.Repeat(`{},`, 900), ","), `]`)
	},
	"values": func(n int) string {
		return form(`"a":{"type":"string"}`, `,"title":"`, fmt.Sprint(n), `","enum":[`, strings.TrimSuffix(strings.Repeat(`{},`, 5000), ","), `]`)
	},
	"fields": func(n int) string {
		properties := make([]string, 20)
		for i := range properties {
			properties[i] = fmt.Sprintf(`"a%d":{"enum":["%d"]}`, i, n)
		}
		return form(strings.Join(properties, ","))
	},
}

// A cache that is full of the costliest forms takes no more memory than it has counted.
func TestCacheIsBounded(t *testing.T) {
	const most = 32 << 20
	for name, schema := range costly {
		var before, after runtime.MemStats
		cache := forms.NewCache(most)
		for n := range 3 { // what is allocated once is there
			cache.Form([]byte(schema(-n)))
		}
		cache = forms.NewCache(most)
		runtime.GC()
		runtime.ReadMemStats(&before)
		if _, mistakes := forms.Parse([]byte(schema(0))); mistakes != nil {
			t.Fatalf("%s: %v", name, mistakes)
		}
		for n := range 40 {
			cache.Form([]byte(schema(n)))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		kept, reckoned := cache.Kept()
		took := int(after.HeapAlloc) - int(before.HeapAlloc)
		t.Logf("%s: %d forms take %d bytes of %d reckoned with", name, kept, took, reckoned)
		if took > reckoned || reckoned > most {
			t.Errorf("%s: %d forms take %d bytes, and are reckoned with %d of %d", name, kept, took, reckoned, most)
		}
		runtime.KeepAlive(cache)
	}
}

// Many open pages at once.
func TestCacheForMany(t *testing.T) {
	cache := forms.NewCache(50_000)
	var parsed atomic.Int64
	cache.CountParses(func() { parsed.Add(1) })
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 50 {
				of := (n + i) % 20
				if got := cache.Form(schemaOf(of)).Fields(); len(got) != 1 || got[0].MaxLength != of+1 {
					t.Errorf("schema %d has the fields %+v", of, got)
				}
			}
		})
	}
	all.Wait()
	if _, bytes := cache.Kept(); bytes > 50_000 {
		t.Errorf("%d bytes are kept", bytes)
	}
}

// BenchmarkView shows what a cached form saves.
func BenchmarkView(b *testing.B) {
	schema := []byte(form(`"amount":{"type":"number","minimum":1,"maximum":1000},"note":{"type":"string","pattern":"^[a-z ]*$"},"ok":{"type":"boolean"}`))
	b.Run("parsed each time", func(b *testing.B) {
		for b.Loop() {
			forms.NewCache(1 << 20).Form(schema)
		}
	})
	b.Run("cached", func(b *testing.B) {
		cache := forms.NewCache(1 << 20)
		for b.Loop() {
			cache.Form(schema)
		}
	})
}
