package flow

import (
	"cmp"
	"slices"
	"time"

	"synscope/probe"
	"synscope/probe/handshake"
)

// Close hands out the attempts that are left, in the order of their beginnings.
func (t *Table) Close() error {
	t.dropFragments()
	left := t.remaining()
	t.ending = true
	for _, r := range left {
		if f := r.ref; f.isLone() {
			t.once = true
		} else {
			t.passStranger(f)
			t.account(t.flow(f)) // before any is judged: what the capture lacks bears on all of them
		}
	}
	for _, r := range left {
		t.finish(r.ref, AtEnd)
		if t.err != nil {
			break
		}
	}
	return t.err
}

// numbered is a record and its attempt.
type numbered struct {
	number uint64
	ref    ref
}

// remaining are the connections that are followed, the oldest first.
func (t *Table) remaining() []numbered {
	all := make([]numbered, 0, t.index.used)
	for _, s := range t.index.slots {
		if s.ref != noRef {
			all = append(all, numbered{t.numberOf(s.ref), s.ref})
		}
	}
	slices.SortFunc(all, func(a, b numbered) int { return cmp.Compare(a.number, b.number) })
	return all
}

func (t *Table) numberOf(r ref) uint64 {
	if r.isLone() {
		return t.lone(r).number
	}
	return t.flow(r).number
}

// trust says how complete the capture is, as far as it has been read. Before the end,
// connections that are not over count too.
func (t *Table) trust() handshake.Trust {
	c := &t.counts
	if !t.ending && t.soFar.Loss() > c.Loss() {
		c = &t.soFar
	}
	return handshake.Trust{Gaps: c.Gaps, Loss: c.Loss(), OneWay: !t.heard, Chosen: !t.varied, NoACKs: !t.acked && t.spoken > enoughSpoken, Once: t.once}
}

// enoughSpoken is how many segments with data or a FIN a capture must have until the
// lack of any bare ACK shows that it leaves those out.
const enoughSpoken = 20

// trustOn is the same for one connection.
func (t *Table) trustOn(f *flow) handshake.Trust {
	trust := t.trust()
	trust.Silent = t.clock.watched(f.watch.Last(), f.heard)
	return trust
}

// finish hands out what is known of a connection, and forgets it.
func (t *Table) finish(r ref, why Ending) {
	if r.isLone() {
		t.finishLone(r, why)
		return
	}
	t.passStranger(r)
	f := t.flow(r)
	t.queueOf(f).remove(r, t.links)
	t.index.remove(f.hash, r)
	t.account(f)
	defer t.release(f.rival(), why)
	if f.reported == told {
		t.drop(r)
		return
	}
	f.attempt(&t.attempt, why, t.trustOn(f))
	if why == Crowded && !f.over {
		t.evict(&t.attempt)
	}
	network := f.network
	t.drop(r)
	t.hand(network)
}

// finishLone does so for a SYN that nothing has followed.
func (t *Table) finishLone(r ref, why Ending) {
	t.once = true
	l := t.lone(r)
	t.alone.remove(r, t.links)
	t.index.remove(l.hash, r)
	t.counts.Carried++
	var f flow
	f.take(l, &t.room)
	t.lones.give(uint32(r &^ loneBit))
	f.attempt(&t.attempt, why, t.trust())
	if why == Crowded {
		t.evict(&t.attempt)
	}
	t.hand(f.network)
}

// account adds what a connection misses to the counts, once.
func (t *Table) account(f *flow) {
	if f.reported != unreported {
		return
	}
	f.reported = accounted
	gaps, bytes, carried := f.watch.Gaps()
	t.counts.Gaps += uint64(gaps)
	t.counts.GapBytes += bytes
	t.counts.Carried += uint64(carried)
	if gaps > 0 {
		t.counts.Incomplete++
	}
}

// evict clears every conclusion of an attempt that was forgotten early.
func (t *Table) evict(a *Attempt) {
	t.counts.Evicted++
	a.State, a.Reason, a.Reply, a.ICMP = probe.StateUnknown, ReasonEvicted, nil, nil
	a.Close, a.Findings = handshake.CloseUnknown, nil
}

// hand gives the attempt that was written to the sink.
func (t *Table) hand(network uint32) {
	t.attempt.Network = t.names[network]
	if err := t.sink.Attempt(&t.attempt); t.err == nil {
		t.err = err
	}
}

// expire hands out what has been silent for too long.
func (t *Table) expire() {
	before := func(age time.Duration) int64 { return t.clock.now - int64(age) }
	for t.over.first != noRef && t.flow(t.over.first).heard.nanoseconds() < before(t.cfg.Linger) {
		t.finish(t.over.first, Idle)
	}
	for t.going.first != noRef && t.flow(t.going.first).heard.nanoseconds() < before(t.cfg.Idle) {
		t.finish(t.going.first, Idle)
	}
	for t.alone.first != noRef && t.lone(t.alone.first).heard.nanoseconds() < before(t.cfg.Idle) {
		t.finish(t.alone.first, Idle)
	}
}
