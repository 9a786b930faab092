package handshake

import (
	"fmt"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// outbox holds the segments that wait to be sent: those that the kernel refused
// for now, and those after them.
type outbox struct {
	list    []departure
	due     time.Time     // when the first is sent anew
	gap     time.Duration // between two segments; 0: none
	turn    time.Time     // until when the gap lasts
	refused int           // how often it was refused
	since   time.Time     // when it was refused first
	waited  time.Duration
	outage  wire.Outage
	unsent  *probe.Verdict // of a segment that was refused for good
	replay  bool           // what the session sends has left already, as a question
}

// mostWaiting bounds the outbox; what is too much is lost like any packet.
const mostWaiting = 64

// send hands a segment to the network as soon as it takes it.
func (r *runner) send(s *craft.Segment, aside bool) {
	if r.outbox.replay {
		r.follower.Segment(r.opening.asked, s)
		return
	}
	r.post(departure{segment: *s, aside: aside})
}

// post puts a segment behind those that wait.
func (r *runner) post(next departure) {
	o := &r.outbox
	switch last := len(o.list) - 1; {
	case last >= 0 && o.list[last].acknowledges() && next.acknowledges():
		o.list[last] = next // which acknowledges as much, and more
	case len(o.list) < mostWaiting:
		if o.list = append(o.list, next); last < 0 {
			r.flush()
		}
	}
}

// acknowledges tells whether a segment does that for the connection, and nothing else.
func (d *departure) acknowledges() bool {
	return !d.aside && !d.elsewhere && d.segment.Flags&(craft.SYN|craft.FIN|craft.RST) == 0 && len(d.segment.Payload) == 0
}

// next is when the first may be sent.
func (o *outbox) next() time.Time {
	if o.turn.After(o.due) {
		return o.turn
	}
	return o.due
}

// flush sends what waits, if it is time.
func (r *runner) flush() {
	o := &r.outbox
	for len(o.list) > 0 && o.unsent == nil && r.failure == nil && !time.Now().Before(o.next()) {
		if err := r.transmit(&o.list[0]); err != nil {
			r.refused(err)
			return
		}
		r.departedFrom(o)
	}
}

// transmit hands one segment over.
func (r *runner) transmit(d *departure) error {
	b, err := d.segment.AppendTo(nil)
	if err != nil {
		return err
	}
	reading := r.clocks.Read()
	d.at = reading.Wall
	if d.segment.Flags.Has(craft.SYN) {
		r.opening.left(reading, time.Since(r.start))
	}
	if !d.elsewhere {
		r.pending.add(*d)
	}
	if _, err = wire.SendOn(r.network, [][]byte{b}, []int{linkOf(r.cfg.Target.Addr(), r.route)}); err != nil {
		r.pending.drop(d)
	}
	return err
}

// linkOf is the interface that packets to an address in a zone must leave through,
// 0 for any.
func linkOf(dst netip.Addr, route netraw.Route) int {
	if dst.Zone() == "" {
		return 0
	}
	return route.IfIndex
}

// departedFrom counts a segment that left. The time it waited is none of the
// connection's.
func (r *runner) departedFrom(o *outbox) {
	r.traffic.sent(&o.list[0].segment)
	o.list = o.list[1:]
	if o.refused > 0 {
		waited := time.Since(o.since)
		o.waited += waited
		for t := range r.timers {
			if !r.timers[t].IsZero() {
				r.timers[t] = r.timers[t].Add(waited)
			}
		}
	}
	o.refused = 0
	o.turn = time.Now().Add(o.gap)
	o.outage.End()
}

// refused lets a segment that the kernel did not take wait for another try, or
// ends the connection.
func (r *runner) refused(err error) {
	o := &r.outbox
	if o.refused == 0 {
		o.since = time.Now()
	}
	now := time.Since(r.start)
	if o.outage.Note(err, now); o.outage.Certain(now) {
		r.fail(o.outage.Error())
		return
	}
	wait, again := wire.Backoff(err, o.refused)
	if again {
		o.refused++
		o.due = time.Now().Add(wait)
		return
	}
	r.traffic.refusal = err
	v := wire.Unsendable(r.cfg.Target, err)
	o.unsent = &v
	if wire.RefusalOf(err) == wire.RefusedForNow { // for as long as a run waits
		r.fail(o.outage.Error())
		return
	}
	if v.Reason != probe.ReasonLocalFirewall && v.Reason != probe.ReasonNoNeighbour {
		r.fail(fmt.Errorf("send: %w", err))
	}
}
