package sample

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/isn"
)

// ending says how an exchange ended. The zero ending is none yet.
type ending uint8

const (
	underWay    ending = iota
	answered           // a SYN-ACK for exactly our ISN
	refused            // an RST for exactly our ISN
	unreachable        // an ICMP error that quotes our ISN
	challenged         // an ACK of something else: an old connection stands in the way
	lost               // nothing in time
	unsent             // the kernel did not take it
	cancelled
)

// exchange is one SYN and what came back.
type exchange struct {
	step   isn.Step
	src    netip.AddrPort
	client craft.Seq
	asked  time.Time     // the wall clock when it was handed to the network
	left   time.Time     // the tap's stamp of its departure, zero if not seen
	came   time.Time     // the stamp of its answer
	offset time.Duration // of the clocks when it was handed over
	end    ending
	answer craft.Segment // of answered, or of challenged; owns its options
	reset  bool          // an RST came that has no number of ours
	icmp   probe.ICMPCode
	sender netip.Addr
	err    error
}

// exchange sends the SYN of a step and waits until it has ended, by an answer
// or by the time-out.
func (w *walker) exchange(ctx context.Context, step isn.Step, attempt int) *exchange {
	x := w.begin(step)
	if !w.idle(ctx, w.run.pace.book(time.Now())) {
		x.end = cancelled
		return x
	}
	if x.err = w.launch(x, attempt); x.err != nil {
		x.end = unsent
		return x
	}
	w.await(ctx, x)
	return x
}

// begin chooses the numbers of an exchange.
func (w *walker) begin(step isn.Step) *exchange {
	x := &exchange{step: step, src: w.source(step), client: w.random()}
	if step.SameISN {
		x.client = w.ladder
	}
	return x
}

// launch sends the SYN.
func (w *walker) launch(x *exchange, attempt int) error {
	tsval := w.tsBase
	if !x.step.SameISN {
		tsval += uint32(time.Since(w.run.counters.start) / time.Millisecond)
	}
	x.asked, x.offset = w.run.line.read()
	if name := (sent{x.src, x.client}); !w.past[name].ok {
		w.past[name] = taken{}
	}
	if err := w.send(w.run.cfg.syn(x.src, w.res.Target, x.client, x.step.Offer, tsval)); err != nil {
		return err
	}
	w.run.counters.count(func(s *probe.Summary) {
		s.Sent++
		if attempt > 0 {
			s.Retransmitted++
		}
	})
	return nil
}

// await reads the box until the exchange has ended.
func (w *walker) await(ctx context.Context, x *exchange) {
	alarm := time.NewTimer(w.timeout())
	defer alarm.Stop()
	for x.end == underWay {
		select {
		case l := <-w.box:
			w.read(l, x)
		case <-alarm.C:
			x.end = lost
			if x.reset {
				x.end = refused
			}
		case <-ctx.Done():
			x.end = cancelled
		case <-w.run.desk.ended:
			x.end, x.err = unsent, w.run.desk.failure()
		}
	}
}

// idle waits between exchanges, and meanwhile answers what still comes for the
// earlier ones. It reports whether ctx lasted.
func (w *walker) idle(ctx context.Context, d time.Duration) bool {
	alarm := time.NewTimer(d)
	defer alarm.Stop()
	for {
		select {
		case l := <-w.box:
			w.read(l, nil)
			continue
		default:
		}
		if d <= 0 {
			return ctx.Err() == nil
		}
		select {
		case l := <-w.box:
			w.read(l, nil)
		case <-alarm.C:
			return true
		case <-ctx.Done():
			return false
		case <-w.run.desk.ended:
			return true
		}
	}
}

// read decides what a letter means to the exchange that is waited for, nil
// between two.
func (w *walker) read(l *letter, x *exchange) {
	switch {
	case l.own:
		if x != nil && l.seg.Flags == craft.SYN && l.seg.Src == x.src && l.seg.Seq == x.client && x.left.IsZero() {
			x.left = l.at
		}
	case l.icmp:
		w.readError(l, x)
	case x == nil || l.seg.Dst != x.src:
		w.readStray(l)
	default:
		w.readAnswer(l, x)
	}
}

// readError takes an ICMP error that quotes the SYN waited for.
func (w *walker) readError(l *letter, x *exchange) {
	if x == nil || l.quote.Src != x.src || l.quote.Seq != x.client {
		w.run.counters.reject(rejectQuote)
		return
	}
	w.run.counters.match()
	x.end, x.icmp, x.sender = unreachable, l.code, l.sender
}

// readAnswer takes a segment for the tuple that an exchange uses.
func (w *walker) readAnswer(l *letter, x *exchange) {
	const kind = craft.SYN | craft.RST | craft.ACK | craft.FIN
	ours := l.seg.Ack == x.client.Add(1)
	switch flags := l.seg.Flags & kind; {
	case flags == craft.SYN|craft.ACK && ours && w.repeated(l, x):
		w.run.counters.reject(rejectDuplicate)
	case flags == craft.SYN|craft.ACK && ours:
		w.conclude(x, l, answered)
	case flags == craft.RST|craft.ACK && ours:
		w.conclude(x, l, refused)
	case flags == craft.RST || flags == craft.RST|craft.ACK && l.seg.Ack == x.client:
		x.reset = true
		w.run.counters.reject(rejectUnconfirmed)
	case flags == craft.ACK && !ours:
		w.conclude(x, l, challenged)
	default:
		w.readStray(l)
	}
}

func (w *walker) conclude(x *exchange, l *letter, how ending) {
	w.run.counters.match()
	x.end, x.came, x.answer = how, l.at, l.seg
	x.answer.Options = slices.Clone(l.seg.Options)
	if x.came.IsZero() {
		x.came, _ = w.run.line.read()
	}
}

// repeated tells a copy of the last answer, which the network made, from an
// answer to the same SYN sent anew: it is the same to the last bit and comes
// sooner than any answer could.
func (w *walker) repeated(l *letter, x *exchange) bool {
	last, now := w.last, l.seg
	return x.step.SameISN && last != nil && w.answers > 0 &&
		last.Seq == now.Seq && last.ID == now.ID && last.Window == now.Window && last.TTL == now.TTL &&
		slices.Equal(last.Options, now.Options) && l.at.Sub(x.asked) < w.shortest/2
}

// readStray takes what belongs to no SYN that is waited for. A SYN-ACK for an
// earlier ISN of ours is a copy, or comes from a half-open connection that our
// RST has not reached: the RST is sent again. With another number than the first
// it tells that a copy of the SYN made the host draw once more.
func (w *walker) readStray(l *letter) {
	s := &l.seg
	if !s.Flags.Has(craft.SYN | craft.ACK) {
		w.run.counters.reject(rejectFlags)
		return
	}
	before, known := w.past[sent{s.Dst, s.Ack.Add(^uint32(0))}]
	switch {
	case !known:
		w.run.counters.reject(rejectAck)
		return
	case before.ok && before.isn == s.Seq:
		w.run.counters.reject(rejectDuplicate)
	case before.ok:
		w.run.counters.reject(rejectDuplicate)
		w.gap(l)
	default:
		w.run.counters.reject(rejectLate)
	}
	w.abort(s.Dst, s.Ack)
}

// gap notes a number that the host drew between two samples: its place in the
// order is known, what asked for it is not worth knowing.
func (w *walker) gap(l *letter) {
	s := isn.Sample{Series: "copy", Src: l.seg.Dst.Addr(), SrcPort: isn.Some(l.seg.Dst.Port()), ClientISN: isn.Some(l.seg.Ack.Add(^uint32(0)))}
	if _, offset := w.run.line.read(); !l.at.IsZero() {
		s.Sent = isn.Some(stamp(l.at, offset))
	}
	w.res.Samples = append(w.res.Samples, s)
	w.run.sample(w.res.Target, s)
}

// abort closes a half-open connection. An RST that cannot be sent is lost like
// one that the network loses.
func (w *walker) abort(src netip.AddrPort, seq craft.Seq) {
	if w.send(w.run.cfg.rst(src, w.res.Target, seq)) == nil {
		w.run.counters.count(func(s *probe.Summary) { s.Resets++ })
	}
}

// send hands one segment to the network.
func (w *walker) send(s craft.Segment) error {
	b, err := s.AppendTo(w.buf[:0])
	if err != nil {
		return err
	}
	w.buf = b
	_, err = w.run.network.Send([][]byte{b})
	return err
}
