// Package relay holds the rules of the callback relay: what a callback is, how
// it moves from state to state, how its links and secrets are made, and what
// may be asked of it. A few small packages help it to judge: bodies, forms, names
// and senders. Redis, Step Functions and HTTP are adapters around it.
//
// # Rules that live elsewhere
//
// What was read may have changed before something is written. So the rules about
// what may be written are checked in the step that writes, by the scripts in
// store/scripts. These rules are
//
//   - that a callback is still pending, and that its deadline has not passed by
//     the clock of Redis;
//   - that its registration has the link, with this kind and generation, and that
//     the link is open and has no guard that was not passed;
//   - that nobody has decided, and no link was added, since the callback was read;
//   - that a new deadline lies in the future, and not too far away;
//   - that a task token has one callback, a callback one answer, and a lease one
//     holder;
//   - that the link closes after the last wrong code that is allowed;
//   - what is deleted when a callback enters a final state.
//
// A script gets states, bounds and names as arguments. A script that changes
// nothing reports facts. [Facts] alone says what they mean to a caller, and which
// fact counts first; the pages ask it too. So the reasons why a callback takes no
// answer are written down once.
//
// # Words
//
// A callback is one waiting task, registered once. A link is one URL of a
// callback, together with what that URL may do. The task token is AWS' secret. An
// outcome is what the relay sends to the task. A delivery brings an outcome to Step
// Functions.
//
// # States
//
//	            ┌──────── lapse (deadline, onExpiry=ignore) ──────────▶ expired
//	            │  ┌───── cancel ─────────────────────────────────────▶ cancelled
//	register ─▶ pending ── answer (the first one wins) ──▶ answered ── confirm ──▶ delivered
//	            └── expire (deadline, onExpiry=fail) ──▶ answered └── refuse ────▶ refused
//
// [Next] is this table. The last four states are final: the step that enters one
// deletes the task token and the payload. What remains answers late callers until
// the retention ends.
//
// # Guarded links
//
// A link can say who may post to it, and which events count: it has a [Guard]. A later
// release may have guards that this one cannot check, and runs beside it during a rollout.
// Every request through such a link ([Facts.LinkGuarded]) gets [ErrUnavailable]: the sender
// tries again, and then reaches a replica that can check.
//
// # When things fail
//
//   - The process dies before the answer is recorded: nothing is stored, and the
//     sender's next try counts as the first.
//   - It dies afterwards: the delivery's lease ends, and another process takes
//     over.
//   - It dies during an attempt: the attempt was recorded beforehand and counts as
//     unclear. If Step Functions later says "task timed out", that attempt
//     probably succeeded: delivered, unconfirmed.
//   - Two processes work on the same delivery because one took too long: that one
//     has lost its lease, and its result changes nothing.
//   - Redis is unavailable: [ErrUnavailable], and the caller tries again.
//   - Step Functions is unavailable: the answer is kept, and sent again on the
//     schedule of [RetryIn].
package relay
