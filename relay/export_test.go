package relay

// ForgeLinkKey returns the key that a link would have, even that of an await, with an
// authentic MAC.
func (r *KeyRing) ForgeLinkKey(id CallbackID, link Link) string {
	raw, _ := decodeBase32(string(id), idChars)
	raw = append(append(raw, link.Number), link.Generation.raw()...)
	return base32Lower.EncodeToString(append(raw, r.keys[0].linkMAC(link.LinkKind, id, link.Number, link.Generation)...))
}

// MaxJudged is how many events that are given are judged at the same time.
const MaxJudged = maxJudged
