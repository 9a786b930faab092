package trace

import (
	"slices"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// fill sends what is due.
func (w *watcher) fill(in *wire.Receiver) {
	w.Respond()
	for !w.over() && w.failed == nil && w.Now >= w.due() && w.MaySend() {
		if w.ttl == 0 && !w.nextRound(in) {
			return
		}
		w.send()
	}
}

// nextRound begins a round, once what the last one found open is closed, however
// late this process runs: a host that holds a connection half open gives a SYN from
// the same port no SYN-ACK (RFC 9293, section 3.10.7.4).
func (w *watcher) nextRound(in *wire.Receiver) bool {
	if w.round > 0 {
		w.CatchUp(in)
		w.RespondAll()
	}
	return w.begin()
}

// due is when the next probe may leave.
func (w *watcher) due() time.Duration {
	if w.ttl == 0 && w.round > 0 {
		return max(w.next, w.began+w.cfg.Interval)
	}
	return w.next
}

// pauseLook is how often a paused run looks whether it is to go on.
const pauseLook = 100 * time.Millisecond

// begin begins a round, unless the run is paused. One that is late, since this
// machine slept or was busy, takes its time from now.
func (w *watcher) begin() bool {
	if w.cfg.Paused != nil && w.cfg.Paused() {
		w.next = w.Now + pauseLook
		return false
	}
	if due := w.began + w.cfg.Interval; w.round > 0 && w.Now-due < w.cfg.Interval {
		w.began = due
	} else {
		w.began = w.Now
	}
	w.round++
	w.ttl = 1
	return true
}

// last is the highest TTL of a round.
func (w *watcher) last() int {
	switch {
	case w.reach > 0 && w.beyond < lostEnd:
		return w.reach
	case w.round <= 1:
		return w.cfg.MaxHops
	}
	return min(max(w.routers, w.reach)+beyond, w.cfg.MaxHops)
}

// lostEnd is after how many rounds without an answer from where the way ended it is
// looked for further.
const lostEnd = 3

// send sends the round's next probe. Probes are spread over part of the interval, so
// that those of a round do not meet in one queue.
func (w *watcher) send() {
	port := w.port()
	s := &wire.Transmission{TTL: uint8(w.ttl), Index: w.ttl, N: w.round, Attempt: 1, Small: w.small}
	if err := w.Transmit(s, port); err != nil {
		w.refusedBy(err)
		return
	}
	w.refused = 0
	w.Flying.Push(s)
	w.Counters.Departed(0, w.Now)
	w.Outage.End()
	w.next = w.Now + min(max(w.cfg.Interval/time.Duration(2*w.last()), wire.Spacing), 10*time.Millisecond)
	if w.ttl++; w.ttl > w.last() {
		w.ttl = 0
	}
}

// port is the source port of the next probe. While a SYN of an earlier round that
// may have reached the target is not answered, the target may be half open for its
// port and would not answer for another: the next free one is taken then.
func (w *watcher) port() uint16 {
	ports := w.Matcher.Ports
	if w.cfg.Flow == probe.FlowVary {
		return ports[w.round%uint64(len(ports))]
	}
	if w.mayReach(w.ttl) {
		for _, port := range ports {
			if !slices.ContainsFunc(w.Flying.List, func(s *wire.Transmission) bool {
				return !s.Ended && s.N < w.round && s.Src.Port() == port && w.mayReach(int(s.TTL))
			}) {
				return port
			}
		}
	}
	return ports[0]
}

// mayReach tells whether a probe may get as far as the target.
func (w *watcher) mayReach(ttl int) bool {
	if w.reach > 0 {
		return ttl >= w.reach
	}
	return ttl > w.routers
}

// refusedBy waits before the kernel is asked again; what it never takes ends the
// run.
func (w *watcher) refusedBy(err error) {
	w.Outage.Note(err, w.Now)
	if w.cfg.Rounds > 0 && w.Outage.Certain(w.Now) {
		w.Fail(w.Outage.Error())
		return
	}
	if wait, again := wire.Backoff(err, w.refused); again {
		w.refused++
		w.next = w.Now + wait
		return
	}
	v := wire.Unsendable(w.cfg.Target, err)
	w.failed = &v
}
