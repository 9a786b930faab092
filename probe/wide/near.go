package wide

import (
	"cmp"
	"net/netip"
	"time"

	"synscope/probe/internal/wire"
)

// DefaultLeastTimeout leaves room for a queue on the way that fills while a run lasts, and
// for an answer that comes three times as late as the latest before it.
const DefaultLeastTimeout = 300 * time.Millisecond

// near knows how long the answers of every address of a plan take, where plan and
// addresses are few. Only then is silence of a few round trips silence: an address that
// has not answered yet may be further away than all others. The zero value never knows.
type near struct {
	plan    TargetIndexer
	silent  map[netip.Addr]bool // addresses that have not answered
	closed  map[netip.Addr]bool // addresses of which no SYN-ACK has told how far they are
	slowest time.Duration       // the longest round trip of any answer, or more
}

// What a plan may have at most to be looked at that way: to walk it takes ten milliseconds.
const (
	nearTargets   = 1 << 16
	nearAddresses = 1 << 10
)

func newNear(c *Config) (n near) {
	plan, known := c.Plan.(TargetIndexer)
	count := c.Plan.Count()
	if !known || c.LeastTimeout <= 0 || c.LeastTimeout >= c.Timeout || count > nearTargets {
		return n
	}
	n = near{plan: plan, silent: map[netip.Addr]bool{}, closed: map[netip.Addr]bool{}}
	for i := range count {
		a := c.Plan.At(i).Addr().Unmap()
		if !a.IsValid() || n.silent[a] {
			continue
		}
		if len(n.silent) == nearAddresses {
			return near{}
		}
		n.silent[a], n.closed[a] = true, true
	}
	return n
}

// knows tells whether every address has answered as a listener or as a closed port does.
func (n *near) knows() bool { return n.plan != nil && len(n.silent) == 0 && n.slowest > 0 }

// timeNear takes in a verified answer, and how long it took: by the time stamp that it
// echoes, which may be an older one, and since its probe left.
func (w *run) timeNear(ev *wire.Event, rtt time.Duration) {
	n := &w.near
	if n.plan == nil || ev.Kind.Rank() < wire.RankReset {
		return
	}
	if since := w.since(ev); rtt == 0 || since > 0 {
		rtt = min(cmp.Or(rtt, since), since)
	}
	if rtt == 0 || wire.Repeats(rtt, w.quickest) {
		return
	}
	delete(n.silent, ev.Target.Addr())
	if ev.Kind.Rank() == wire.RankOpen {
		delete(n.closed, ev.Target.Addr())
	}
	n.slowest = max(n.slowest, rtt)
}

// since is how long ago the probe that is answered left, or a little more; 0 where that
// is not known.
func (w *run) since(ev *wire.Event) time.Duration {
	sent, ok := w.sentAt(ev.Target, ev.Attempt)
	if !ok {
		return 0
	}
	return max(w.now-sent, time.Millisecond)
}

// sentAt is when an attempt at a target left, or a little before; ok is false where that
// is not known.
func (w *run) sentAt(target netip.AddrPort, attempt int) (sent time.Duration, ok bool) {
	plan, known := w.cfg.Plan.(TargetIndexer)
	if !known {
		return 0, false
	}
	i, planned := plan.Index(target)
	if !planned {
		return 0, false
	}
	return w.sender.sentAt(attempt, i)
}

// timeout is how long an answer is waited for: three times the longest round trip, where
// all round trips are known.
func (w *run) timeout() time.Duration {
	if !w.near.knows() {
		return w.cfg.Timeout
	}
	return min(max(3*w.near.slowest, w.cfg.LeastTimeout), w.cfg.Timeout)
}

// lookEvery is how often a run looks at its sender.
func (w *run) lookEvery() time.Duration { return min(wire.LookEvery, w.timeout()/4) }

// watch is how long an answer that a better one may contradict is watched, as a scan that
// keeps state does: 200 ms, or less where every address has answered a SYN.
func (w *run) watch() time.Duration {
	if w.near.knows() && len(w.near.closed) == 0 {
		return wire.Grace(wire.RankReset, w.near.slowest, w.near.slowest, w.cfg.Timeout)
	}
	return max(leastWatch, 3*w.slowest)
}
