package main

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"callback-relay/relay"
)

// referenceRequests are the exchanges that name a callback by the beginning of its id.
func (c *contract) referenceRequests() []exchange {
	c.Helper()
	at := func(t task, below string) string { return "/v1/callbacks/" + t.ID[:8] + below }
	twice := c.register()
	c.repeat(twice)
	return []exchange{
		{method: "GET", target: at(c.pending, ""), want: 200},
		{method: "GET", target: at(c.pending, "/history"), want: 200},
		{method: "GET", target: "/v1/callbacks/22222222", want: 404},
		{method: "GET", target: at(twice, ""), want: 409},
		{method: "GET", target: at(twice, "/history"), want: 409},
		invalid(exchange{method: "DELETE", target: at(c.pending, ""), want: 400}),
		invalid(exchange{method: "DELETE", target: at(c.pending, "/links/progress"), want: 400}),
	}
}

// repeat stores a callback once more, under an id that begins like its own.
func (c *contract) repeat(t task) {
	c.Helper()
	last := map[bool]string{true: "b", false: "a"}[t.ID[24] == 'a']
	other := t.ID[:24] + last + t.ID[25:]
	partition := fmt.Sprintf("relay:v1:{%02d}:", relay.CallbackID(t.ID).Partition())
	hash, err := c.redis.HGetAll(c.Context(), partition+"cb:"+t.ID).Result()
	c.must(err)
	c.must(c.redis.HSet(c.Context(), partition+"cb:"+other, hash).Err())
	c.must(c.redis.ZAdd(c.Context(), partition+"created", redis.Z{Member: other}).Err())
}
