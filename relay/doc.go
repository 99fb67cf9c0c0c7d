// Package relay holds the rules of the callback relay: what a callback is, how
// it moves from state to state, how its links and secrets are made, and what
// may be asked of it. It judges with what a few small packages know: bodies,
// forms, names and senders. Redis, Step Functions and HTTP are adapters around it.
//
// # Rules that live elsewhere
//
// What was read may have changed before something is written. So the rules that
// decide whether something may be written are checked in the step that writes
// it: by the scripts in store/scripts. They are
//
//   - that a callback is still pending, and before its deadline, by the clock of
//     Redis;
//   - that its registration has the link, with this kind and generation, and that
//     the link is open and has no guard that was not passed;
//   - that nobody has decided, and no link was added, since the callback was read;
//   - that a new deadline is to come, and not too far away;
//   - that a task token has one callback, a callback one answer, and a lease one
//     holder;
//   - that the last wrong code that is allowed closes the link;
//   - what is deleted with a final state.
//
// States, bounds and names come to a script as arguments. A script that changes
// nothing reports facts, and [Facts] alone says what they mean to a caller, in
// which order. The pages ask it too. So the reasons why a callback takes no
// answer are written down once.
//
// # Words
//
// A callback is one waiting task, registered once. A link is one URL of a
// callback, with what it may do. The task token is AWS' secret. An outcome is
// what the task is told. A delivery brings an outcome to Step Functions.
//
// # States
//
//	            ┌──────── lapse (deadline, onExpiry=ignore) ──────────▶ expired
//	            │  ┌───── cancel ─────────────────────────────────────▶ cancelled
//	register ─▶ pending ── answer (the first one wins) ──▶ answered ── confirm ──▶ delivered
//	            └── expire (deadline, onExpiry=fail) ──▶ answered └── refuse ────▶ refused
//
// [Next] is this table. The last four states are final: in the step that
// enters one, the task token and the payload are wiped, and what remains
// answers late callers until the retention ends.
//
// # Guarded links
//
// A later release lets a link say who may post to it, and stores with the link
// that it is guarded. This release registers no such link and cannot check a
// guard, but during the next rollout it runs beside a release that does both. So
// it already knows that a link is guarded ([Facts.LinkGuarded]), and answers
// whatever comes through it with [ErrUnavailable]: the sender comes back, and
// reaches a replica that can check.
//
// # When things fail
//
// The process dies before the answer is recorded: nothing is stored, and the
// sender's next try is the first. It dies after: the delivery's lease ends and
// another process takes it up. It dies while an attempt is under way: the
// attempt was recorded beforehand and counts as unclear, so a later "task timed
// out" means that it probably succeeded: delivered, unconfirmed. Two processes
// work on the same delivery, one of them for too long: its lease is lost, and
// its result changes nothing. Redis cannot be asked: [ErrUnavailable], and the
// caller tries again. Step Functions cannot be asked: the answer is kept and
// tried again on the schedule of [RetryIn].
package relay
