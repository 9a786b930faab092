package trace

import (
	"slices"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// fill sends what is due.
func (w *watcher) fill(in *wire.Receiver) {
	defer w.Respond()
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

// probing tells whether a probe is to be sent now.
func (w *watcher) probing() bool {
	return !w.over() && w.failed == nil && w.Now >= w.due() && w.Ready()
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
	port := w.Matcher.Ports[w.port]
	if w.cfg.Flow == probe.FlowVary {
		port = w.Matcher.Ports[w.round%uint64(len(w.Matcher.Ports))]
	}
	w.clear(port)
	s := &wire.Transmission{TTL: uint8(w.ttl), Index: w.ttl, N: w.round, Attempt: 1, Small: w.small}
	if err := w.Transmit(s, port); err != nil {
		w.refusedBy(err)
		return
	}
	w.refused = 0
	w.Flying.Push(s)
	w.latest = s
	w.Counters.Departed(0, w.Now)
	w.Outage.End()
	w.next = w.Now + min(max(w.cfg.Interval/time.Duration(2*w.last()), wire.Spacing), 10*time.Millisecond)
	if w.ttl++; w.ttl > w.last() {
		w.ttl = 0
	}
}

// clear has a target that accepts forget what came before from the port and is not
// answered yet, where the round trip is longer than the interval: it would give no
// SYN-ACK to the probe that is to follow. What is on its way back counts all the same.
func (w *watcher) clear(port uint16) {
	if !w.opened || w.reach == 0 || w.ttl < w.reach {
		return
	}
	w.closeAgain()
	for _, s := range w.Table.List {
		if s.Src.Port() == port && int(s.TTL) >= w.reach && !s.Answered {
			s.Close(&w.Responses)
		}
	}
	w.RespondAll()
}

// closed is a connection that was closed, and how often it is closed again where
// packets are lost: a lost RST leaves the target with a connection half open, and SYNs
// from the same port draw nothing from it until it gives that up.
type closed struct {
	s    *wire.Transmission
	left int
}

// Bounds of what is closed again.
const (
	closings   = 2
	mostClosed = 32 // that are remembered while nothing is lost
)

// closeLater remembers a connection that the target accepted, which is closed by now.
func (w *watcher) closeLater(s *wire.Transmission) {
	w.closed = append(w.closed, closed{s, closings})
	if !w.losing {
		w.closed = w.closed[max(0, len(w.closed)-mostClosed):]
	}
}

func (w *watcher) closeAgain() {
	if !w.losing {
		return
	}
	for i := range w.closed {
		c := &w.closed[i]
		c.s.Closed = false
		c.s.Close(&w.Responses)
		c.left--
	}
	w.closed = slices.DeleteFunc(w.closed, func(c closed) bool { return c.left <= 0 })
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
	w.failed, w.Counters.Refusal = &v, err
}
