package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"callback-relay/api"
)

const callbacksPath = "/v1/callbacks"

// idChars is the length of a callback's id.
const idChars = 26

// Query chooses callbacks. The zero value chooses all.
type Query struct {
	State string // one of the api.State constants
	Tag   string // key:value
	Await string // sender:key
	// Declined selects those of which somebody said that a link is not for them.
	Declined bool
	Limit    int    // callbacks per page, 1 to 100; 0 leaves it to the relay
	Cursor   string // where to continue: the NextCursor of the previous page
}

func (q Query) encode() string {
	values := url.Values{}
	for name, value := range map[string]string{"state": q.State, "tag": q.Tag, "await": q.Await, "cursor": q.Cursor} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Declined {
		values.Set("declined", "true")
	}
	if q.Limit != 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}

// Create registers a waiting task. If its task token is already registered with the same
// settings, Create returns that callback, and created is false. JSON in the request,
// such as a link's output, is sent without insignificant blanks.
func (c *Client) Create(ctx context.Context, request api.CreateRequest) (callback api.Callback, created bool, err error) {
	status, err := c.do(ctx, http.MethodPost, callbacksPath, request, &callback)
	if err != nil {
		return api.Callback{}, false, fmt.Errorf("create callback: %w", err)
	}
	return callback, status == http.StatusCreated, nil
}

// Get looks a callback up, by its id or by the beginning of it, of at least 8 characters,
// as pages show it.
func (c *Client) Get(ctx context.Context, id string) (api.Callback, error) {
	return c.one(ctx, "get", http.MethodGet, id, "", nil)
}

// Update gives a pending callback another deadline and returns it.
func (c *Client) Update(ctx context.Context, id string, request api.UpdateRequest) (api.Callback, error) {
	return c.one(ctx, "update", http.MethodPatch, id, "", request)
}

// AddLink gives a pending callback one more link and returns it, with its URL
// and, if its page asks for one, its code. If the callback has a link of that
// name, the new one replaces it and the old one is closed for good: so do not repeat the
// call unless the answer was lost.
func (c *Client) AddLink(ctx context.Context, id string, request api.AddLinkRequest) (api.Link, error) {
	return call[api.Link](ctx, c, "add link to", http.MethodPost, id, "/links", request)
}

// RevokeLink closes one link of a callback, by its name, and returns the callback.
// Closing it again is not an error.
func (c *Client) RevokeLink(ctx context.Context, id, name string) (api.Callback, error) {
	if !isSegment(name) {
		return api.Callback{}, fmt.Errorf("revoke link: %q is not the name of a link", name)
	}
	return c.one(ctx, "revoke link of", http.MethodDelete, id, "/links/"+url.PathEscape(name), nil)
}

// History returns what was not the straight way to the outcome of a callback, oldest
// first. It takes the same ids as Get.
func (c *Client) History(ctx context.Context, id string) (api.History, error) {
	return call[api.History](ctx, c, "get the history of", http.MethodGet, id, "/history", nil)
}

// Cancel withdraws a pending callback and returns it. Cancelling it again is not an
// error; cancelling a callback that was answered or has expired is one.
func (c *Client) Cancel(ctx context.Context, id string) (api.Callback, error) {
	return c.one(ctx, "cancel", http.MethodDelete, id, "", nil)
}

// one makes a call that returns the callback.
func (c *Client) one(ctx context.Context, verb, method, id, below string, request any) (api.Callback, error) {
	return call[api.Callback](ctx, c, verb, method, id, below, request)
}

// call makes a request to the path of a callback, or to a path below it.
func call[T any](ctx context.Context, c *Client, verb, method, id, below string, request any) (T, error) {
	var answer, none T
	if !isSegment(id) {
		return none, fmt.Errorf("%s callback: %q is not a callback id", verb, id)
	}
	if _, err := c.do(ctx, method, callbacksPath+"/"+url.PathEscape(id)+below, request, &answer); err != nil {
		if len(id) > idChars {
			id = "with an id that is too long" // most likely a link, which is secret
		}
		return none, fmt.Errorf("%s callback %s: %w", verb, id, err)
	}
	return answer, nil
}

// List returns one page of callbacks.
func (c *Client) List(ctx context.Context, query Query) (api.CallbackList, error) {
	var page api.CallbackList
	if _, err := c.do(ctx, http.MethodGet, callbacksPath+query.encode(), nil, &page); err != nil {
		return api.CallbackList{}, fmt.Errorf("list callbacks: %w", err)
	}
	return page, nil
}

// All iterates over the callbacks, beginning at query.Cursor, and fetches each page when
// it is needed. An error ends the iteration and comes with the zero callback.
func (c *Client) All(ctx context.Context, query Query) iter.Seq2[api.Callback, error] {
	return func(yield func(api.Callback, error) bool) {
		for page, err := range c.Pages(ctx, query) {
			if err != nil {
				yield(api.Callback{}, err)
				return
			}
			for _, callback := range page.Callbacks {
				if !yield(callback, nil) {
					return
				}
			}
		}
	}
}

// Pages iterates over the pages, beginning at query.Cursor. A page can be empty without
// being the last one. An error ends the iteration and comes with the zero page.
func (c *Client) Pages(ctx context.Context, query Query) iter.Seq2[api.CallbackList, error] {
	return func(yield func(api.CallbackList, error) bool) {
		for query := query; ; {
			page, err := c.List(ctx, query)
			if err != nil {
				yield(api.CallbackList{}, err)
				return
			}
			if !yield(page, nil) || page.NextCursor == "" {
				return
			}
			if page.NextCursor == query.Cursor {
				yield(api.CallbackList{}, errors.New("list callbacks: the next page is the same page"))
				return
			}
			query.Cursor = page.NextCursor
		}
	}
}
