package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"callback-relay/api"
)

const sendersPath = "/v1/senders"

// nameChars is how long the name of a sender may be.
const nameChars = 64

// Senders returns the senders of the relay's configuration file, with the URLs of their
// hooks.
func (c *Client) Senders(ctx context.Context) (list api.SenderList, err error) {
	if _, err := c.do(ctx, http.MethodGet, sendersPath, nil, &list); err != nil {
		return api.SenderList{}, fmt.Errorf("list senders: %w", err)
	}
	return list, nil
}

// Events returns up to limit events of a sender's hook that nobody has used, the one that
// ends next first. With a limit of 0, the relay decides how many; 100 is the highest.
func (c *Client) Events(ctx context.Context, sender string, limit int) (kept api.KeptEvents, err error) {
	query := ""
	if limit != 0 {
		query = "?limit=" + strconv.Itoa(limit)
	}
	err = c.ofSender(ctx, "list events", http.MethodGet, sender, query, &kept)
	return kept, err
}

// DropEvents drops up to 100 events of a sender's hook that nobody has used, for good. Repeat
// it until none is left.
func (c *Client) DropEvents(ctx context.Context, sender string) (dropped api.DroppedEvents, err error) {
	err = c.ofSender(ctx, "drop events", http.MethodDelete, sender, "", &dropped)
	return dropped, err
}

// DropEvent drops one of them, by the members Key and Event of an [api.KeptEvent].
func (c *Client) DropEvent(ctx context.Context, sender, key, event string) error {
	if !isSegment(key) || !isSegment(event) {
		return errors.New("drop event: the key and the event of a kept event are required")
	}
	return c.ofSender(ctx, "drop event", http.MethodDelete, sender, "/"+url.PathEscape(key)+"/"+url.PathEscape(event), nil)
}

// ofSender makes a request to the path of a sender's events, or to a path below it.
func (c *Client) ofSender(ctx context.Context, verb, method, sender, below string, answer any) error {
	if !isSegment(sender) {
		return fmt.Errorf("%s: %q is not the name of a sender", verb, sender) // empty, or dots
	}
	if _, err := c.do(ctx, method, sendersPath+"/"+url.PathEscape(sender)+"/events"+below, nil, answer); err != nil {
		if len(sender) > nameChars {
			sender = "with a name that is too long" // most likely a URL, which is secret
		}
		return fmt.Errorf("%s of sender %s: %w", verb, sender, err)
	}
	return nil
}

// isSegment tells whether a text can be a segment of a path. An empty one, or dots that a
// proxy resolves, would make this another route.
func isSegment(text string) bool { return strings.Trim(text, ".") != "" }
