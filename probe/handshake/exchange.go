package handshake

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// ExchangeConfig says what [Exchange] sends.
type ExchangeConfig struct {
	// Segment is sent as it is, whatever it says. Its source must be an
	// address of this machine and a port that the network holds.
	Segment craft.Segment
	Link    int           // index of the interface, for a destination in a zone; 0 is any
	Count   int           // how often; 0 is once
	Wait    time.Duration // for answers to each; 0 is DefaultTimeout. Of a second or more: see [Exchange]
	// OnSegment is told of what leaves and what comes back, with numbers as
	// they are on the wire. The line is valid during the call.
	OnSegment func(Line)
	// MaxSegments bounds how many answers OnSegment is told of; the others are
	// counted. 0 is DefaultMaxSegments, below 0 no limit.
	MaxSegments int
}

// Exchange sends a segment and listens to what comes back from its destination
// to its source, and to ICMP errors that quote it. It sends nothing else: what
// it has stirred up is left as it is. Where nothing came from behind a router, it listens until that has asked in
// vain for the link address of the destination, 3.25 s after the start, unless Wait is below a second. Errors are [probe.ErrInterrupted],
// [probe.ErrNetworkDown], [ErrLocalFirewall], and those of a segment that can
// never be sent.
func Exchange(ctx context.Context, n probe.Network, cfg ExchangeConfig) (probe.Summary, error) {
	cfg.Wait = cmp.Or(cfg.Wait, DefaultTimeout)
	setLimit(&cfg.MaxSegments, DefaultMaxSegments)
	cfg.Segment.Src, cfg.Segment.Dst = wire.Unmapped(cfg.Segment.Src), wire.Unmapped(cfg.Segment.Dst)
	packet, err := cfg.Segment.AppendTo(nil)
	if err != nil {
		return probe.Summary{}, fmt.Errorf("building the segment: %w", err)
	}
	x := &exchange{cfg: &cfg, network: n, start: time.Now(), clocks: wire.NewClocks(n), traffic: newTraffic(n.Stats())}
	x.reader = x.input.read(n, &cfg.Segment)
	go x.reader.Run()
	defer x.reader.Stop()
	for range max(cfg.Count, 1) {
		if err = x.once(ctx, packet); err != nil {
			break
		}
	}
	if err == nil {
		err = x.unresolved(ctx)
	}
	return x.summary(err), err
}

// unresolved waits, where nothing came, for the word of the last router before the destination, who asks for
// its link address in vain if nobody has it. A wait below a second is none for that.
func (x *exchange) unresolved(ctx context.Context) error {
	route, err := x.network.Route(x.cfg.Segment.Dst.Addr())
	if err != nil || !route.NextHop.IsValid() || x.cfg.Wait < DefaultTimeout {
		return nil
	}
	x.ends = func() bool { return x.shown > 0 }
	return x.listen(ctx, wire.UnresolvedAfter-time.Since(x.start))
}

type exchange struct {
	cfg     *ExchangeConfig
	network probe.Network
	reader  *wire.Reader[arrival]
	start   time.Time
	clocks  wire.Clocks
	input   input
	traffic traffic
	waiting bool         // for the departure of the last one
	begun   bool         // the first was handed over
	handed  wire.Reading // when
	left    time.Time
	shown   int // answers
	failure error
	ends    func() bool // the listening; nil: nothing but its time does
}

// once sends the packet and listens for as long as configured.
func (x *exchange) once(ctx context.Context, packet []byte) error {
	if err := x.send(ctx, packet); err != nil {
		return err
	}
	x.traffic.sent(&x.cfg.Segment)
	if err := x.listen(ctx, x.cfg.Wait); err != nil {
		return err
	}
	x.reader.CatchUp(func(batch []arrival, ok bool) bool { return x.takeAll(batch, ok) })
	x.departed(x.left)
	return x.failure
}

// send hands the packet to the network, again and again while that is no more
// than a delay.
func (x *exchange) send(ctx context.Context, packet []byte) error {
	var outage wire.Outage
	if x.traffic.out > 0 {
		outage.End()
	}
	for refused := 0; ; refused++ {
		reading := x.clocks.Read()
		if !x.begun {
			x.begun, x.handed = true, reading
		}
		x.left, x.waiting = reading.Wall, true
		_, err := wire.SendOn(x.network, [][]byte{packet}, []int{x.cfg.Link})
		if err == nil {
			return nil
		}
		x.waiting = false
		if outage.Note(err, time.Since(x.start)); outage.Certain(time.Since(x.start)) {
			return fmt.Errorf("send to %s: %w", x.cfg.Segment.Dst, outage.Error())
		}
		wait, again := wire.Backoff(err, refused)
		if !again {
			x.traffic.refusal = err
		}
		switch {
		case again:
		case wire.RefusalOf(err) == wire.RefusedByFirewall:
			return fmt.Errorf("send to %s: %w", x.cfg.Segment.Dst, firewallError{err})
		case wire.RefusalOf(err) == wire.RefusedForNow: // for as long as a run waits
			return fmt.Errorf("send to %s: %w", x.cfg.Segment.Dst, outage.Error())
		default:
			return fmt.Errorf("send to %s: %w", x.cfg.Segment.Dst, err)
		}
		if err := x.listen(ctx, wait); err != nil {
			return err
		}
	}
}

// listen takes in what arrives.
func (x *exchange) listen(ctx context.Context, wait time.Duration) error {
	alarm := time.NewTimer(wait)
	defer alarm.Stop()
	for x.failure == nil && (x.ends == nil || !x.ends()) {
		select {
		case batch, ok := <-x.reader.Full:
			x.takeAll(batch, ok)
		case <-alarm.C:
			return nil
		case <-ctx.Done():
			return probe.ErrInterrupted
		}
	}
	return x.failure
}

func (x *exchange) takeAll(batch []arrival, ok bool) bool {
	if !ok {
		x.failure = x.reader.Reason()
		return false
	}
	for i := range batch {
		x.take(&batch[i])
	}
	x.reader.Empty <- batch
	return true
}

// departed shows the segment as it leaves, once.
func (x *exchange) departed(at time.Time) {
	if x.waiting {
		x.waiting = false
		x.show(Line{Time: at, From: Client, Segment: &x.cfg.Segment})
	}
}

func (x *exchange) show(l Line) {
	if l.Segment != nil {
		l.Seq, l.Ack = uint32(l.Segment.Seq), uint32(l.Segment.Ack)
	}
	if x.cfg.OnSegment != nil {
		x.cfg.OnSegment(l)
	}
}

func (x *exchange) take(a *arrival) {
	p := &a.packet
	switch {
	case a.ignored:
	case a.outgoing:
		x.departed(a.at)
	case a.reject != "":
		x.traffic.reject(a.reject)
	case x.early(a):
		x.traffic.reject(wire.RejectUnsolicited)
	case x.input.twice(a):
		x.traffic.reject("seen-twice")
	case p.Kind == craft.PacketICMPError && p.ICMP.Quote.Seq != x.cfg.Segment.Seq:
		x.traffic.reject(wire.RejectQuote)
	case p.Kind == craft.PacketICMPError:
		x.answer(a, Line{ICMP: &p.ICMP})
	default:
		l := Line{Segment: &p.Segment}
		switch {
		case x.ours(&p.Segment):
		case p.Segment.Flags.Has(craft.SYN | craft.ACK):
			x.aside(a, l, wire.RejectBadAck)
			return
		default:
			l.Notes = NoteAside
		}
		x.answer(a, l)
	}
}

// ours tells whether a segment carries a number that whoever sent it had from our
// segment: it acknowledges it, a SYN to the full (RFC 9293 §3.10.7.3), or begins where
// that said that it should.
func (x *exchange) ours(s *craft.Segment) bool {
	sent := &x.cfg.Segment
	first := sent.Seq
	if sent.Flags.Has(craft.SYN) {
		first = first.Add(1)
	}
	return s.Flags.Has(craft.ACK) && s.Ack.InRange(first, sent.Seq.Add(sent.Len()+1)) ||
		sent.Flags.Has(craft.ACK) && s.Seq == sent.Ack
}

// aside shows a segment that is rejected.
func (x *exchange) aside(a *arrival, l Line, why string) {
	l.Notes = NoteAside
	x.traffic.reject(why)
	x.showAnswer(a, l)
}

// early tells whether a packet had arrived before the segment left.
func (x *exchange) early(a *arrival) bool {
	return !x.begun || !a.at.IsZero() && a.at.Before(x.handed.Wall) && !x.handed.Stepped(x.clocks.Read())
}

func (x *exchange) answer(a *arrival, l Line) {
	x.input.ifIndex = cmp.Or(x.input.ifIndex, a.ifIndex)
	x.traffic.received()
	x.showAnswer(a, l)
}

// showAnswer shows what came in, as far as the limit goes.
func (x *exchange) showAnswer(a *arrival, l Line) {
	if x.shown++; x.cfg.MaxSegments > 0 && x.shown > x.cfg.MaxSegments {
		return
	}
	x.departed(x.left)
	l.Time, l.From = a.at, Server
	if l.Time.IsZero() {
		l.Time = time.Now().Round(0)
	}
	x.show(l)
}

func (x *exchange) summary(err error) probe.Summary {
	return x.traffic.totals(x.network, x.start, err == nil)
}
