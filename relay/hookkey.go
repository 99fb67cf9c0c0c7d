package relay

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
	"strings"
)

// HookKey is the last segment of a hook's URL: 52 characters a-z and 2-7. It tells
// nothing about the sender. For senders without a proof it is the only secret, so it
// prints as "[redacted]".
type HookKey string

// HookKeyChars is the length of a [HookKey]: 32 bytes of a MAC over the sender's name.
const HookKeyChars = 52

// Reveal returns the key itself, to be put into a URL.
func (k HookKey) Reveal() string { return string(k) }

// Format implements [fmt.Formatter], so that no verb prints the secret.
func (HookKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue implements [slog.LogValuer].
func (HookKey) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler], and so covers JSON.
func (HookKey) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// HookKey returns the key of a sender's hook under the newest master key. Nothing is
// stored, so it stays the same as long as that master key and the name do.
func (r *KeyRing) HookKey(sender string) HookKey { return r.keys[0].hookKey(sender) }

// ParseHookKey returns which of these senders has the hook with this key, or
// [ErrNotFound]. A key that was made with any master key of the ring counts, so a
// rotation does not change URLs that senders already have. It needs no look-up: a forged
// key costs one MAC for each sender and master key.
func (r *KeyRing) ParseHookKey(text string, senders []string) (sender string, err error) {
	// Check the length first, as for a link key.
	if len(text) != HookKeyChars {
		return "", ErrNotFound
	}
	text = strings.ToLower(text)
	got, ok := decodeBase32(text, HookKeyChars)
	if !ok {
		return "", ErrNotFound
	}
	for _, key := range r.keys {
		for _, name := range senders {
			if subtle.ConstantTimeCompare(got, key.hook.mac([]byte(name))) == 1 {
				return name, nil
			}
		}
	}
	return "", ErrNotFound
}

func (k *masterKey) hookKey(sender string) HookKey {
	return HookKey(base32Lower.EncodeToString(k.hook.mac([]byte(sender))))
}
