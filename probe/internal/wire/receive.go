package wire

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
)

// maxOptions is the most TCP options a header can hold (RFC 9293 §3.1).
const maxOptions = 40

// Event is one packet that concerns the run, reduced to what the engine needs;
// it aliases no buffer.
type Event struct {
	answer
	At     time.Time // the kernel's stamp
	Device time.Time // the device's own
	Link   int       // the index of the interface
	reject string    // why it was rejected; then nothing else is set
	Own    bool      // our own packet, not to be counted as received
	Before bool      // an answer to the run before this one: see before.go
	Seg    craft.Segment
	ICMP   probe.ICMPCode
	Quote  craft.Quote // of ICMP errors
	From   [maxOptions]byte
	Sender netip.Addr     // of ICMP messages, without a zone
	zone   string         // of a link-local sender (RFC 4007 §6)
	Echo   craft.EchoKind // of KindEcho

	Fragment   bool           // only the first was read: see [FirstOnly]
	Translated bool           // this machine's own NAT stood in between
	Wire       netip.AddrPort // where it came from before that, if known
	Here       bool           // this machine answered itself, in the target's name
	Discarded  error          // why this machine's kernel does not take it in, where that is known
}

// Reader reads packets beside its engine, reduces each to the event that the
// engine needs of it, and passes events on in batches.
type Reader[E any] struct {
	network probe.Network
	examine func(in *netraw.Packet, ev *E) // ev is zero; it must not alias in.Data
	stamp   func(ev *E) time.Time          // when it arrived
	Full    chan []E                       // to the engine
	Empty   chan []E                       // and back
	err     error                          // why run ended, if not by request
	Gather  time.Duration                  // how long answers are let come together before they are read; 0: not at all
}

// Relabelled tells whether this machine's own NAT changed our port or our number of an echo, so
// that nobody saw where the answer came from.
func (ev *Event) Relabelled() bool { return ev.Translated && !ev.Wire.IsValid() }

// ArrivedAt tells whether a segment was sent to an address of ours from which its
// target is probed. A network may deliver others too, and they are answers to
// nothing.
func (ev *Event) ArrivedAt(source netip.Addr) bool {
	switch ev.Kind {
	case KindICMP, KindPathMTU, KindEcho: // checked with the rest of what they repeat
		return true
	}
	return ev.Seg.Dst.Addr().WithZone("") == source.WithZone("")
}

// Receiver is the reader of engines that ask a [Matcher] about each packet: the
// matching runs here, beside the engine's goroutine.
type Receiver = Reader[Event]

// Answers tells, once the event was counted, whether a probed target sent it:
// new or not.
func (ev *Event) Answers() bool {
	switch ev.reject {
	case "", RejectDuplicate, RejectAfterVerdict:
		return ev.Kind != KindNone
	}
	return false
}

// eventBatches bounds how far the reader may run ahead of the engine. Beyond
// it the kernel's buffer fills, and the kernel counts what it drops.
const eventBatches = 16

func NewReceiver(n probe.Network, m Matcher) *Receiver {
	m.Machine = NewMachine(n)
	var p craft.Packet // used again for each, since its address leaves the stack
	examine := func(in *netraw.Packet, ev *Event) { m.examine(in, &p, ev) }
	return NewReader(n, examine, func(ev *Event) time.Time { return ev.At })
}

// NewReader makes a reader with an examination of its own; stamp tells when what
// was examined arrived.
func NewReader[E any](n probe.Network, examine func(*netraw.Packet, *E), stamp func(*E) time.Time) *Reader[E] {
	r := &Reader[E]{
		network: n, examine: examine, stamp: stamp,
		Full:  make(chan []E, eventBatches),
		Empty: make(chan []E, eventBatches),
	}
	for range eventBatches {
		r.Empty <- make([]E, 0, BatchSize)
	}
	return r
}

// Run reads until stop is called or the network closes.
func (r *Reader[E]) Run() {
	defer close(r.Full)
	pkts := make([]netraw.Packet, BatchSize)
	for {
		n, err := r.network.Recv(pkts)
		if n > 0 {
			r.pass(pkts[:n])
		}
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
				r.err = err
			}
			return
		}
		if r.Gather > 0 && n < len(pkts)/2 {
			time.Sleep(r.Gather)
		}
	}
}

func (r *Reader[E]) pass(pkts []netraw.Packet) {
	var none E
	batch := (<-r.Empty)[:0]
	for i := range pkts {
		batch = append(batch, none)
		r.examine(&pkts[i], &batch[len(batch)-1])
	}
	r.Full <- batch
}

// Reason is why run ended by itself; valid after full is closed.
func (r *Reader[E]) Reason() error {
	if r.err == nil {
		return fmt.Errorf("%w: receiving stopped", probe.ErrNetworkDown)
	}
	return fmt.Errorf("%w: receiving: %w", probe.ErrNetworkDown, r.err)
}

// Stop ends run; packets that were read before are still delivered.
func (r *Reader[E]) Stop() {
	r.network.SetReadDeadline(time.Unix(1, 0))
	for batch := range r.Full {
		r.Empty <- batch
	}
	r.network.SetReadDeadline(time.Time{})
}

// catchUpLook is how often CatchUp looks whether the reader has caught up.
const catchUpLook = 50 * time.Microsecond

// CatchUp hands take every batch of packets that had arrived when it was called,
// so that nothing expires while its answer waits to be read; take tells whether
// to go on.
func (r *Reader[E]) CatchUp(take func(batch []E, ok bool) (more bool)) {
	called := time.Now()
	for {
		select {
		case batch, ok := <-r.Full:
			newer := len(batch) > 0 && r.stamp(&batch[len(batch)-1]).After(called)
			if !take(batch, ok) || newer {
				return
			}
			continue
		default:
		}
		if r.network.Quiet() && len(r.Full) == 0 {
			return
		}
		time.Sleep(catchUpLook)
	}
}

// Decode takes a packet apart, or says why it is rejected. Checksums count, unless the kernel
// vouches for them, or they are not filled in yet, as on loopback and veth. Unlike the kernel for
// its own connections, it does not reassemble fragments: the first one is read if it can repeat a
// number of ours.
func Decode(in *netraw.Packet, p *craft.Packet) (reject string) {
	switch err := p.DecodeFirst(in.Data, checksumsOf(in)); {
	case p.Fragment && err == craft.ErrUnsupported: // of UDP, say: not what a segment should have been
		return rejectUnsupported
	case p.Fragment && (err != nil || in.Outgoing || !repeats(p)):
		return RejectFragment
	case err != nil:
		return decodeRejection(err)
	case p.Fragment:
		FirstOnly(p)
	}
	return ""
}

// FirstOnly removes from a first fragment what continues in the next one: the data, a FIN behind
// it, and the options unless data follows them; and from an ICMP error what its number does not
// prove: the MTU that a router asks for, and the quote beyond its numbers.
func FirstOnly(p *craft.Packet) {
	s, q := &p.Segment, &p.ICMP.Quote
	if len(s.Payload) == 0 {
		s.Options = nil
	}
	s.Payload = nil
	s.Flags &^= craft.FIN
	p.ICMP.MTU = 0
	*q = craft.Quote{Src: q.Src, Dst: q.Dst, TTL: q.TTL, TOS: q.TOS, ID: q.ID, Seq: q.Seq, Len: min(q.Len, quotedLeast)}
}

// quotedLeast is what every quote has of TCP, in bytes: ports and sequence number
// (RFC 792).
const quotedLeast = 8

// repeats tells whether a packet is of a kind that repeats a number of what it answers. A bare ACK
// may do so too, but one that comes in fragments is data of a connection, and the first fragment
// does not tell how much.
func repeats(p *craft.Packet) bool {
	return p.Kind == craft.PacketICMPError || p.Segment.Flags.Has(craft.RST) || p.Segment.Flags.Has(craft.SYN|craft.ACK)
}

func checksumsOf(in *netraw.Packet) craft.Checksums {
	if in.Partial || in.Valid || in.Outgoing {
		return craft.TrustChecksums
	}
	return craft.VerifyChecksums
}

func (m *Matcher) examine(in *netraw.Packet, p *craft.Packet, ev *Event) {
	if reject := Decode(in, p); reject != "" {
		ev.At, ev.Device, ev.Link = in.Time, in.DeviceTime, in.IfIndex
		ev.Own, ev.reject = in.Outgoing, reject
		if TornOff(&p.Segment, reject) {
			ev.Seg = craft.Segment{Src: p.Segment.Src, Dst: p.Segment.Dst}
		}
		if reject == rejectUnsupported && !in.Outgoing {
			m.examineEchoes(in, ev)
		}
		return
	}
	ev.reject = m.Match(in, p, ev)
}

// Match fills in what a packet, already taken apart, means to the run, or says
// why it is rejected. The event owns what it keeps, and must not be copied.
func (m *Matcher) Match(in *netraw.Packet, p *craft.Packet, ev *Event) (reject string) {
	ev.At, ev.Device, ev.Link = in.Time, in.DeviceTime, in.IfIndex
	ev.Translated, ev.Wire = in.Translated, in.Wire
	ev.answer, reject = m.match(p, in.Outgoing)
	switch {
	case m.answersBefore(p, in.Outgoing, ev, reject):
		reject = RejectAfterVerdict
	case p.Fragment && (reject != "" || !m.provenByFirst(ev.Kind)): // its checksum was not verified
		ev.answer, reject = answer{}, RejectFragment
	case reject == "" && m.Machine.Rejected(in, p):
		ev.answer, reject = answer{}, RejectOwnFirewall
	case reject == "" && ev.Kind == KindSYNACK:
		ev.Here = m.Machine.Accepted(in, &p.Segment)
		ev.Discarded = m.Machine.Discards(in, &p.Segment)
	}
	if ev.Kind == KindDeparture && in.Time.IsZero() {
		ev.Kind = KindDeviceDeparture
	}
	ev.Own = in.Outgoing || ev.Kind == KindNone && reject == ""
	ev.Fragment = p.Fragment
	ev.keep(p)
	if ev.Sender.IsLinkLocalUnicast() {
		ev.zone = m.Machine.zone(ev.Sender, ev.Link)
	}
	return reject
}

// provenByFirst tells whether the number of ours in a first fragment proves what an
// answer says: not the MTU that a router wants, nor the window of an RST where that is
// the verdict.
func (m *Matcher) provenByFirst(k Kind) bool {
	switch k {
	case KindPathMTU:
		return false
	case KindReset:
		return m.Tech.Reset(0) == m.Tech.Reset(1)
	}
	return k.Verified()
}

// examineEchoes looks whether what carries no segment is a reply to an echo request, of this run or the
// one before.
func (m *Matcher) examineEchoes(in *netraw.Packet, ev *Event) {
	if m.Echoes {
		m.examineEcho(in, ev)
	}
	if b := m.Before; ev.reject != "" && b != nil && b.Echoes {
		was := ev.reject
		if b.examineEcho(in, ev); ev.reject == "" {
			ev.Before, ev.reject = true, RejectAfterVerdict
		} else {
			ev.reject = was
		}
	}
}

func (m *Matcher) examineEcho(in *netraw.Packet, ev *Event) {
	e, err := craft.DecodeEcho(in.Data, checksumsOf(in))
	if err != nil {
		ev.reject = decodeRejection(err)
		return
	}
	ev.answer, ev.reject = m.matchEcho(&e)
	ev.Echo, ev.Sender, ev.Seg.TTL = e.Kind, e.Src, e.TTL
}

// keep copies out of the receive buffer what a verdict may want as evidence.
func (ev *Event) keep(p *craft.Packet) {
	if ev.Kind == KindICMP || ev.Kind == KindPathMTU {
		ev.ICMP = probe.ICMPCode{Type: p.ICMP.Type, Code: p.ICMP.Code}
		ev.Sender = p.ICMP.Src
		ev.Seg.TTL = p.ICMP.TTL
		ev.Quote = p.ICMP.Quote
		ev.Quote.Options = ev.From[:copy(ev.From[:], p.ICMP.Quote.Options)]
		return
	}
	ev.Seg = p.Segment
	ev.Seg.Options, ev.Seg.Payload = nil, nil
	if !p.Fragment {
		ev.Seg.Options = ev.From[:copy(ev.From[:], p.Segment.Options)]
	}
}
