package handshake

import (
	"cmp"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// arrival is one packet as the reader passes it on: of the connection, in
// memory of its own, or rejected, and then nothing is kept of it.
type arrival struct {
	at       time.Time // the kernel's stamp
	ifIndex  int
	outgoing bool // ours, as it left
	ignored  bool // ours, of no interest
	reject   string
	stray    wire.Stray     // what it says all the same
	closes   *craft.Segment // the RST that closes what was accepted from elsewhere; nil: nothing was
	packet   craft.Packet
}

// input is what a runner knows of where packets come from.
type input struct {
	ifIndex int // where the peer's first segment came in
}

// read makes the reader of packets between the ends of own, and of ICMP errors
// about them.
func (i *input) read(n probe.Network, own *craft.Segment) *wire.Reader[arrival] {
	here, there := own.Src, own.Dst
	machine := wire.NewMachine(n)
	examine := func(in *netraw.Packet, a *arrival) {
		a.at, a.ifIndex, a.outgoing = in.Time, in.IfIndex, in.Outgoing
		var p craft.Packet
		a.reject = wire.Decode(in, &p)
		s, q := &p.Segment, &p.ICMP.Quote
		switch {
		case wire.TornOff(s, a.reject) && s.Src == there && s.Dst == here:
			a.stray = wire.OtherNumber(s, own.Seq)
		case a.reject != "":
		case p.Kind == craft.PacketTCP && s.Src == here && s.Dst == there:
			a.ignored = !in.Outgoing // on loopback each is seen again, arriving
			a.keep(in.Data)
		case in.Outgoing, p.Kind == craft.PacketTCP && s.Src == here:
			a.ignored = true
		case p.Fragment && p.Kind == craft.PacketTCP && !answers(s, own): // nobody verified its checksum
			a.reject = wire.RejectFragment
		case p.Kind == craft.PacketTCP && s.Src == there && s.Dst == here,
			p.Kind == craft.PacketICMPError && q.Src == here && q.Dst == there:
			a.keep(in.Data)
		case p.Kind == craft.PacketICMPError:
			a.reject = wire.RejectQuote
		case p.Kind == craft.PacketTCP && s.Dst == here && s.Flags.Has(craft.ACK): // of another host or port
			a.reject = wire.RejectBadAck
			a.elsewhere(s, own)
		case p.Kind == craft.PacketTCP && s.Dst == here:
			a.reject = wire.RejectUnsolicited
		default:
			a.reject = wire.RejectForeign
		}
		if a.reject == "" && machine.Rejected(in, &p) {
			a.reject = wire.RejectOwnFirewall
		}
		a.ignored = a.ignored || in.Outgoing && a.reject != ""
	}
	return wire.NewReader(n, examine, func(a *arrival) time.Time { return a.at })
}

// elsewhere takes note of an answer of another address that acknowledges exactly our
// SYN.
func (a *arrival) elsewhere(s, own *craft.Segment) {
	if own.Flags&craft.SYN == 0 || s.Src.Addr() == own.Dst.Addr().WithZone("") || s.Ack != own.Seq.Add(own.Len()) || s.Flags&(craft.SYN|craft.RST) == 0 {
		return
	}
	a.reject = wire.RejectElsewhere
	if a.stray = wire.AcceptedElsewhere(s.Src, s.Flags); a.stray != (wire.Stray{}) {
		a.closes = &craft.Segment{Src: s.Dst, Dst: s.Src, TTL: own.TTL, TOS: own.TOS, Flags: craft.RST, Seq: s.Ack}
	}
}

// answers tells whether a segment repeats a number of what it answers.
func answers(s, own *craft.Segment) bool {
	return s.Flags.Has(craft.ACK) && s.Ack == own.Seq.Add(own.Len()) || own.Flags.Has(craft.ACK) && s.Seq == own.Ack
}

// keep takes the packet apart once more, in memory of its own.
func (a *arrival) keep(b []byte) {
	a.packet.DecodeFirst(append([]byte(nil), b...), craft.TrustChecksums)
	if a.packet.Fragment {
		wire.FirstOnly(&a.packet)
	}
}

// departure is a segment that was sent and not yet seen leaving.
type departure struct {
	segment craft.Segment
	at      time.Time // the program's clock, just before
	aside   bool      // a question, or its like: no part of the connection

	elsewhere bool // to another address than the peer's, where nobody looks for it
}

// departures are in the order of sending. A network that shows departures
// stamps them; for others the program's own time has to do.
type departures struct {
	list    []departure
	watched bool // departures have been seen
}

func (d *departures) add(x departure) { d.list = append(d.list, x) }

func (d *departures) drop(x *departure) {
	if !x.elsewhere {
		d.list = d.list[:max(0, len(d.list)-1)]
	}
}

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
		r.showOut(r.pending.list[i].at, &r.pending.list[i])
	}
	r.pending.list = r.pending.list[n:]
}

func (r *runner) showOut(at time.Time, d *departure) {
	if !d.aside {
		r.tell(r.follower.Segment(at, &d.segment))
		return
	}
	r.opening.asked = at
	r.aside(at, Client, &d.segment)
}

// showIn tells the follower of a segment of the peer's, after what left before.
func (r *runner) showIn(a *arrival) {
	at := r.stamp(a)
	r.leave(r.pending.before(at))
	line := r.follower.Segment(at, &a.packet.Segment)
	if a.packet.Fragment {
		r.follower.seen.firstOnly(at)
	}
	r.tell(line)
}

func (r *runner) showICMP(a *arrival) {
	at := r.stamp(a)
	r.leave(r.pending.before(at))
	r.tell(r.follower.ICMP(at, &a.packet.ICMP))
}

// aside shows a segment that the follower is not told of: it may be anybody's.
func (r *runner) aside(at time.Time, from Side, s *craft.Segment) {
	f := r.follower
	if from == Server {
		r.leave(r.pending.before(at))
	}
	r.tell(Line{
		Time: at, From: from, Segment: s, Client: f.Client.State(), Server: f.Server.State(),
		Seq: f.relativeSeq(from, s), Ack: f.relativeAck(from, s), Notes: NoteAside,
	})
}

func (r *runner) tell(line Line) {
	if r.cfg.OnSegment != nil {
		r.cfg.OnSegment(line)
	}
}

// take takes in one packet.
func (r *runner) take(a *arrival) {
	s := &a.packet.Segment
	switch {
	case a.ignored:
	case a.outgoing:
		r.departed(a, s)
	case a.reject != "":
		r.traffic.reject(a.reject)
		r.opening.outcome.NoteStray(a.stray)
		r.closeElsewhere(a.closes)
	case r.early(a):
		r.traffic.reject(wire.RejectUnsolicited)
	case r.input.twice(a):
		r.traffic.reject("seen-twice")
	case r.session.Done():
		r.traffic.reject(wire.RejectAfterVerdict)
	case !r.session.Server.Opened():
		r.opens(a)
	case a.packet.Kind == craft.PacketICMPError:
		r.errorArrived(a, &a.packet.ICMP)
	default:
		r.arrived(a, s)
	}
}

// departed notes the stamp of a segment of ours.
func (r *runner) departed(a *arrival, s *craft.Segment) {
	i := r.pending.find(s)
	if i < 0 {
		return
	}
	r.pending.watched = true
	r.leave(i)
	if s.Flags.Has(craft.SYN) {
		r.clock = netraw.ClockKernel
	}
	r.showOut(a.at, &r.pending.list[0])
	r.pending.list = r.pending.list[1:]
}

// twice tells whether a packet has been seen on another interface: where they
// are stacked, each shows it, and the first that did is believed.
func (i *input) twice(a *arrival) bool { return i.ifIndex != 0 && a.ifIndex != i.ifIndex }

// matched counts a packet that belongs to the connection.
func (r *runner) matched(a *arrival) {
	r.input.ifIndex = cmp.Or(r.input.ifIndex, a.ifIndex)
	r.traffic.received()
}

// arrived passes a segment of the peer on. One that acknowledges what we never
// sent, or something from before, is not the peer's: its numbers are ours to
// know.
func (r *runner) arrived(a *arrival, s *craft.Segment) {
	const kind = craft.ACK | craft.RST
	if s.Flags&kind == craft.ACK && !r.session.Client.covers(s.Ack) {
		r.traffic.reject(wire.RejectBadAck)
		return
	}
	tried := r.follower.Pair
	if tried.Observe(Server, s).Void() {
		r.strange(a, wire.RejectUnsolicited)
	} else {
		r.matched(a)
		r.showIn(a)
	}
	r.stepAt(Event{Kind: Arrive, Segment: s}, r.when(a))
}

// stamp is when a packet came.
func (r *runner) stamp(a *arrival) time.Time {
	switch {
	case a.at.IsZero():
		r.clock = netraw.ClockUser
		return time.Now().Round(0)
	case !r.pending.watched:
		r.clock = netraw.ClockKernelRx
	}
	return a.at
}

// when is the same since the start of the run, by the clock of timers: a packet
// that waited to be read counts from when it came.
func (r *runner) when(a *arrival) time.Duration {
	now := time.Now()
	if a.at.IsZero() {
		return now.Sub(r.start)
	}
	return now.Sub(r.start) - max(0, now.Round(0).Sub(a.at))
}

// errorArrived passes an ICMP error on if it quotes a segment of ours with
// numbers that are in use (RFC 5927 §4). A first fragment has to quote the one that
// waits longest for its acknowledgment, and its MTU is not believed.
func (r *runner) errorArrived(a *arrival, e *craft.ICMPError) {
	q := &e.Quote
	c := &r.session.Client
	reason, tooBig := probe.ICMPMeaning(q.Dst.Addr(), e.Type, e.Code)
	switch {
	case q.Seq.LessThan(c.Una) || c.Nxt.LessThan(q.Seq):
		r.traffic.reject(wire.RejectQuote)
	case a.packet.Fragment && (tooBig || q.Seq != c.Una):
		r.traffic.reject(wire.RejectFragment)
	case reason == "" && !tooBig:
		r.traffic.reject(wire.RejectICMPType)
	default:
		r.matched(a)
		r.showICMP(a)
		if tooBig {
			r.step(Event{Kind: TooBig, MTU: int(e.MTU)})
		}
	}
}
