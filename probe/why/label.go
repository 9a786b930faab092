package why

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
	"time"
)

// An instrument says what it saw in one trial. This file compares that with the other
// trials: how far away the host is, how fast it usually answers, what a trace should show.

// label refines the outcomes of all trials.
func (k *Knowledge) label() {
	for i := range k.Log {
		k.Log[i].Outcome, k.Log[i].unplaced = k.raw[i], false
	}
	k.labelTimes()
	k.labelDirections()
	for i := range k.Log {
		switch t := &k.Log[i]; {
		case t.Kind == SYN && t.Outcome == SYNACK, t.opens(t.Role) && t.Outcome == Reset:
			k.place(t)
		case t.Kind == Trace:
			t.far, _ = k.traceDistance(t)
			t.Outcome = k.readTrace(t)
		}
	}
}

func (k *Knowledge) tells() bool {
	return k.count(func(t *Trial) bool { return t.Kind == Connect && t.Reply.Duplicates > 0 }) > 0
}

// directionUnknown reports whether connections had losses, and the host did not show in which direction.
func (k *Knowledge) directionUnknown() bool {
	return !k.tells() && k.count(func(t *Trial) bool { return t.Kind == Connect && t.Outcome == Lossy }) > 0
}

// labelDirections takes the direction out of losses of connections, where the host has never
// reported a duplicate (D-SACK): not all hosts do.
func (k *Knowledge) labelDirections() {
	tells := k.tells()
	k.each(func(t *Trial) bool { return t.Kind == Connect }, func(t *Trial) {
		t.directionUnknown = !tells
		if !tells && (t.Outcome == LossyThere || t.Outcome == LossyBack) {
			t.Outcome = Lossy
		}
	})
}

// Bounds of what is slow: a SYN-ACK that took so much longer than the fastest
// ones, and one that is so late that the host has retransmitted it (RFC 6298 §2.1: 1 s).
const (
	slowFactor = 4
	slowBy     = 80 * time.Millisecond
	lateBy     = 800 * time.Millisecond
)

// labelTimes says what is slow or late, against the fastest answers of all, or of
// its own batch if that was slow as a whole: a busy minute is no slow backend.
func (k *Knowledge) labelTimes() {
	for addr := range max(1, len(k.Addrs)) {
		usual := quantile(k.rtts(addr, anyTrial), fast)
		batches := map[string]time.Duration{}
		k.each(func(t *Trial) bool { return t.Addr == addr && t.Kind == SYN && t.Role == Target && t.Outcome == SYNACK }, func(t *Trial) {
			own, known := batches[t.batch]
			if !known {
				own = max(usual, quantile(k.rtts(addr, func(o *Trial) bool { return o.batch == t.batch }), fast))
				batches[t.batch] = own
			}
			switch {
			case t.Reply.RTT > usual+lateBy && own < usual+lateBy/2:
				t.Outcome = Late
			case t.Reply.RTT > slowFactor*own+slowBy:
				t.Outcome = SlowSYNACK
			}
		})
	}
	k.forgiveStalls()
}

// Bounds of a stall: answers to SYNs that left so far apart came so close together.
const (
	stallApart = 20 * time.Millisecond
	stallClose = 8 * time.Millisecond
)

// forgiveStalls does not count answers as slow that a stall of the network or of this
// machine held up. They come all at once when it ends, whereas those of a slow host come
// as far apart as their SYNs were sent.
func (k *Knowledge) forgiveStalls() {
	var slow []*Trial
	k.each(func(t *Trial) bool { return t.Outcome == SlowSYNACK }, func(t *Trial) { slow = append(slow, t) })
	stalled := map[*Trial]bool{}
	for i, a := range slow {
		for _, b := range slow[i+1:] {
			left, came := (b.At - a.At).Abs(), (b.At + b.Reply.RTT - a.At - a.Reply.RTT).Abs()
			if left >= stallApart && came < min(stallClose, left/3) {
				stalled[a], stalled[b] = true, true
			}
		}
	}
	for t := range stalled {
		t.Outcome = SYNACK
	}
}

// fast is the quantile that stands for the fastest answers.
const fast = 0.15

func anyTrial(*Trial) bool { return true }

// place tells an answer of the host from one of somebody nearer, by the TTL.
func (k *Knowledge) place(t *Trial) {
	if t.Outcome == SYNACK && t.Reply.Window == 0 {
		t.Outcome = Near
		return
	}
	if t.Role != Target && t.Role != Closed {
		return
	}
	host, known := k.hostDistance(t)
	switch {
	case !known || t.Reply.TTL == 0:
		t.unplaced = true
	case distance(t.Reply.TTL) >= host:
	case t.Outcome == Reset:
		t.Outcome = ResetNear
	default:
		t.Outcome = Near
	}
}

// vague reports whether it is unknown how far away a trial's answer came from.
func (t *Trial) vague() bool { return t.unplaced }

// distance is how many hops away the sender of a packet is, if it began with a
// TTL that stacks begin with: 64, 128 or 255. A neighbour's is 1.
func distance(ttl uint8) int {
	for _, initial := range []int{64, 128, 255} {
		if int(ttl) <= initial {
			return initial - int(ttl) + 1
		}
	}
	return 0
}

// witnesses of the host's distance, the most trustworthy first: each answers from
// the host for another reason than the trial in question.
var witnesses = []func(t *Trial) bool{
	func(t *Trial) bool { return t.Kind == Echo && t.Outcome == EchoReply },
	func(t *Trial) bool { return t.Kind == SYN && t.Role == Closed && t.Outcome == Reset },
	func(t *Trial) bool { return t.Kind == SYN && t.Role == Served && t.Outcome == SYNACK },
	func(t *Trial) bool { return t.opens(Target) && t.Outcome.answered() && t.Kind != Kernel },
}

// hostDistance is how far away a trial's host is, by the other trials.
func (k *Knowledge) hostDistance(of *Trial) (hops int, known bool) {
	for _, w := range witnesses {
		var seen []int
		k.each(func(t *Trial) bool {
			return t.Addr == of.Addr && w(t) && t.Reply.TTL != 0 && !(t.opens(of.Role) && of.opens(of.Role) && t.Outcome.answered() == of.Outcome.answered())
		}, func(t *Trial) { seen = append(seen, distance(t.Reply.TTL)) })
		if len(seen) > 0 {
			slices.Sort(seen)
			return seen[len(seen)/2], true
		}
	}
	return 0, false
}

// readTrace compares a trace with the host's distance.
func (k *Knowledge) readTrace(t *Trial) Outcome {
	last, answered := t.reach()
	host, known := k.traceDistance(t)
	switch {
	case answered > 0 && (known && answered < min(host, k.leastDistance(t)) || k.routerAt(t) >= answered):
		return TraceNear
	case answered > 0:
		return TraceReaches
	case len(t.loop()) > 0:
		return TraceLoops
	case t.refusedAt() > 0:
		return TraceRefused
	case last == 0 && k.routerAt(t) > 0 && (!known || host > 1):
		return TraceDies
	case last == 0 && (!known || host > 1):
		return TraceSilent
	case !known:
		return TraceEnds
	case last >= host-1:
		return TraceReaches
	case k.forks(t):
		return TraceForks
	}
	return TraceDies
}

// leastRepeats is how many hops of a trace have to show a router that an earlier one
// showed: one may, where ways of different length are balanced by packet.
const leastRepeats = 2

// loop is the part of a trace in which routers repeat; empty where none do.
func (t *Trial) loop() (list []Hop) {
	repeats, seen := 0, map[netip.Addr]int{}
	for i, h := range t.Reply.Path {
		if !h.Addr.IsValid() || h.Target || h.Refuses {
			continue
		}
		first, known := seen[h.Addr]
		if !known {
			seen[h.Addr] = i
		}
		if known && i > first+1 {
			if repeats++; repeats == 1 {
				list = t.Reply.Path[first:i]
			}
		}
	}
	if repeats < leastRepeats {
		return nil
	}
	return list
}

// refusedAt is the hop of a router that says it cannot reach the target where the TTL
// ends at that router: its routes say so. One that asks in vain for the link address
// of the target looks at the TTL before that. 0: there is none.
func (t *Trial) refusedAt() int {
	for n, h := range t.Reply.Path {
		if h.Refuses {
			if n > 0 && (!t.Reply.Path[n-1].Addr.IsValid() || t.Reply.Path[n-1].Addr == h.Addr) {
				return 0
			}
			return h.TTL
		}
	}
	return 0
}

// routerAt is the furthest hop at which another trace to the same address saw a router.
func (k *Knowledge) routerAt(t *Trial) (hop int) {
	k.each(func(o *Trial) bool { return o.Kind == Trace && o != t && o.Addr == t.Addr }, func(o *Trial) {
		last, _ := o.reach()
		hop = max(hop, last)
	})
	return hop
}

// reach is the last hop at which a router answered, and the first at which
// somebody did in the target's name; 0 for none.
func (t *Trial) reach() (last, answered int) {
	for _, h := range t.Reply.Path {
		if !h.Addr.IsValid() || h.Refuses {
			continue
		}
		if h.Target {
			answered = cmp.Or(answered, h.TTL)
			continue
		}
		last = max(last, h.TTL)
	}
	return last, answered
}

// traceDistance is how far the host is by the TTLs of its answers, or by traces
// that reached it with another flow or port.
func (k *Knowledge) traceDistance(t *Trial) (hops int, known bool) {
	reached := 0
	k.eachReached(t, func(_, answered int) { reached = max(reached, answered) })
	if reached > 0 {
		return reached, true
	}
	return k.hostDistance(&Trial{Kind: Trace, Addr: t.Addr})
}

// eachReached goes through the traces of another flow or port that reached the address of a
// trial: the last hop at which a router answered, and the first at which the host did.
func (k *Knowledge) eachReached(t *Trial, f func(last, answered int)) {
	k.each(func(o *Trial) bool {
		return o != t && o.Kind == Trace && o.Addr == t.Addr && (o.Role != Target || o.Flow != t.Flow)
	}, func(o *Trial) {
		if last, answered := o.reach(); answered > 0 {
			f(last, answered)
		}
	})
}

// leastDistance is how far the host is at least by the traces that reached it: one that
// met silence before it may have been answered further on than where the host is.
func (k *Knowledge) leastDistance(t *Trial) int {
	least := 0
	k.eachReached(t, func(last, _ int) { least = max(least, last+1) })
	if least == 0 {
		return math.MaxInt
	}
	return least
}

// forks reports whether a trace shows another router than one of a flow that passes.
func (k *Knowledge) forks(t *Trial) bool {
	hops := map[int]map[netip.Addr]bool{}
	k.each(func(o *Trial) bool { return o.Kind == Trace && o != t && o.Addr == t.Addr }, func(o *Trial) {
		if _, answered := o.reach(); answered == 0 {
			return
		}
		for _, h := range o.Reply.Path {
			if h.Addr.IsValid() && !h.Target && !h.Refuses {
				if hops[h.TTL] == nil {
					hops[h.TTL] = map[netip.Addr]bool{}
				}
				hops[h.TTL][h.Addr] = true
			}
		}
	})
	return slices.ContainsFunc(t.Reply.Path, func(h Hop) bool {
		return h.Addr.IsValid() && !h.Target && !h.Refuses && hops[h.TTL] != nil && !hops[h.TTL][h.Addr]
	})
}
