package outbox

import "callback-relay/relay"

// What a delivery takes while its call is under way, in bytes. Measured with
// hundreds of calls that got no reply: 50 KiB for a small one, of which 32 are its
// stack, 24 KiB more behind a proxy, and 4.1 times the payload for a large one of
// nothing but quotation marks, each of which the request escapes. TLS takes a little more.
const (
	deliverySize  = 80 << 10
	payloadCopies = 4
)

// largestDelivery is what a delivery takes whose outcome is not known yet.
const largestDelivery = deliverySize + payloadCopies*relay.MaxOutputBytes

// sizeOf returns the memory that a delivery takes.
func sizeOf(d relay.Delivery) int64 {
	payload := len(d.Outcome.Output) + len(d.Outcome.Cause)
	return min(deliverySize+payloadCopies*int64(payload), largestDelivery)
}
