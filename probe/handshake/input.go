package handshake

import (
	"errors"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
)

// batchSize is how many packets are read at once.
const batchSize = 16

// input is what a runner reads packets with.
type input struct {
	packets [batchSize]netraw.Packet
	decoded craft.Packet
	ifIndex int // where the peer's first segment came in
}

// departure is a segment that was sent and not yet seen leaving.
type departure struct {
	segment craft.Segment
	at      time.Time // the program's clock, just before
}

// departures are in the order of sending. A network that shows departures
// stamps them; for others the program's own time has to do.
type departures struct {
	list    []departure
	watched bool // departures have been seen
}

func (d *departures) add(s *craft.Segment) {
	d.list = append(d.list, departure{*s, time.Now().Round(0)})
}

func (d *departures) drop() { d.list = d.list[:max(0, len(d.list)-1)] }

// find is the place of the segment among those not yet seen, or -1.
func (d *departures) find(s *craft.Segment) int {
	for i := range d.list {
		o := &d.list[i].segment
		if o.Seq == s.Seq && o.Flags == s.Flags && o.Ack == s.Ack && len(o.Payload) == len(s.Payload) {
			return i
		}
	}
	return -1
}

// before counts the departures that cannot be later than an arrival.
func (d *departures) before(t time.Time) (n int) {
	for n < len(d.list) && (d.list[n].at.Before(t) || !d.watched && d.list[n].at.Equal(t)) {
		n++
	}
	return n
}

// leave tells the follower of the first n departures, by the program's clock.
func (r *runner) leave(n int) {
	for i := range r.pending.list[:n] {
		d := &r.pending.list[i]
		r.show(d.at, &d.segment)
	}
	r.pending.list = r.pending.list[n:]
}

func (r *runner) show(at time.Time, s *craft.Segment) {
	r.tell(r.follower.Segment(at, s))
}

func (r *runner) tell(line Line) {
	if r.cfg.OnSegment != nil {
		r.cfg.OnSegment(line)
	}
}

// checksumsOf says whether a packet's checksum is worth verifying.
func checksumsOf(in *netraw.Packet) craft.Checksums {
	if in.Partial || in.Valid || in.Outgoing {
		return craft.TrustChecksums
	}
	return craft.VerifyChecksums
}

// take takes in one packet.
func (r *runner) take(in *netraw.Packet) {
	p := &r.input.decoded
	err := p.Decode(in.Data, checksumsOf(in))
	s := &p.Segment
	switch {
	case err == nil && p.Kind == craft.PacketTCP && s.Src == r.plan.SYN.Src && s.Dst == r.plan.SYN.Dst:
		r.departed(in, s)
	case in.Outgoing:
	case err != nil:
		r.traffic.reject(rejection(err))
	case p.Kind == craft.PacketICMPError:
		r.refused(in, &p.ICMP)
	case s.Src != r.plan.SYN.Dst || s.Dst != r.plan.SYN.Src:
		r.traffic.reject("foreign")
	default:
		r.arrived(in, s)
	}
}

// departed notes the stamp of a segment of ours. On loopback each is seen a
// second time, arriving.
func (r *runner) departed(in *netraw.Packet, s *craft.Segment) {
	if !in.Outgoing {
		return
	}
	i := r.pending.find(s)
	if i < 0 {
		return
	}
	r.pending.watched = true
	r.leave(i)
	if s.Flags.Has(craft.SYN) {
		r.clock = netraw.ClockKernel
	}
	r.show(in.Time, &r.pending.list[0].segment)
	r.pending.list = r.pending.list[1:]
}

// twice tells whether a packet has been seen on another interface: where they
// are stacked, each shows it, and the first that did is believed.
func (i *input) twice(in *netraw.Packet) bool {
	if i.ifIndex == 0 {
		i.ifIndex = in.IfIndex
	}
	return in.IfIndex != i.ifIndex
}

// arrived passes a segment of the peer on.
func (r *runner) arrived(in *netraw.Packet, s *craft.Segment) {
	if r.input.twice(in) {
		r.traffic.reject("seen-twice")
		return
	}
	r.traffic.received()
	at := r.stamp(in)
	r.leave(r.pending.before(at))
	r.show(at, s)
	r.step(Event{Kind: Arrive, Segment: s})
}

// stamp is when a packet came.
func (r *runner) stamp(in *netraw.Packet) time.Time {
	switch {
	case in.Time.IsZero():
		r.clock = netraw.ClockUser
		return time.Now().Round(0)
	case !r.pending.watched:
		r.clock = netraw.ClockKernelRx
	}
	return in.Time
}

// refused passes an ICMP error on if it quotes a segment of ours with numbers
// that are in use (RFC 5927 §4).
func (r *runner) refused(in *netraw.Packet, e *craft.ICMPError) {
	q := &e.Quote
	c := &r.session.Client
	if q.Src != r.plan.SYN.Src || q.Dst != r.plan.SYN.Dst || q.Seq.LessThan(c.Una) || c.Nxt.LessThan(q.Seq) {
		r.traffic.reject("foreign-quote")
		return
	}
	r.traffic.received()
	at := r.stamp(in)
	r.leave(r.pending.before(at))
	r.tell(r.follower.ICMP(at, e))
	switch reason, tooBig := probe.ICMPMeaning(q.Dst.Addr(), e.Type, e.Code); {
	case tooBig:
		r.step(Event{Kind: TooBig, MTU: int(e.MTU)})
	case reason != "":
		r.step(Event{Kind: Refuse})
	}
}

// rejection names why a packet could not be read.
func rejection(err error) string {
	switch {
	case errors.Is(err, craft.ErrTruncated):
		return "truncated"
	case errors.Is(err, craft.ErrFragment):
		return "fragment"
	case errors.Is(err, craft.ErrChecksum):
		return "bad-checksum"
	case errors.Is(err, craft.ErrUnsupported):
		return "unsupported"
	}
	return "malformed"
}
