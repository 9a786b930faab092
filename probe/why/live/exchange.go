package live

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
	"synscope/probe/why"
)

// exchange is a SYN or a connection of ours, and what answers it.
type exchange struct {
	in       *Instrument
	src, dst netip.AddrPort
	look     why.Look
	mtu      int
	ttl      uint8
	tos      uint8
	isn      craft.Seq
	next     craft.Seq // SND.NXT
	acked    craft.Seq // RCV.NXT, once there was a SYN-ACK
	tsval    uint32    // what its SYN said
	ts       bool      // timestamps were negotiated
	echoed   uint32    // the peer's newest
	mss      int       // the peer's
	left     time.Time // when its SYN left
	events   chan event
	numbers  numbers // what its segments said; under the instrument's mu
}

// event is one packet that concerns an exchange.
type event struct {
	at      time.Time
	seg     craft.Segment // without payload and options
	len     int
	mss     uint16
	doubt   bool      // it carries no number of ours
	of      *exchange // that it is for
	tsval   uint32
	hasTS   bool
	twice   craft.Seq // right edge of what the peer says it had already; 0: it says nothing
	icmp    *craft.ICMPError
	echoTTL uint8

	fragment   bool // only the first was read
	elsewhere  bool // it carries our number and comes from another address
	translator netip.AddrPort
}

// ours reports whether it carries a number of ours, and comes from whom was asked.
func (ev *event) ours() bool { return !ev.doubt && !ev.elsewhere }

// newExchange begins an exchange from a trial's flow.
func (i *Instrument) newExchange(t *why.Trial, dst netip.AddrPort) *exchange {
	r := i.route(dst.Addr())
	k := &exchange{in: i, src: i.source(t, dst.Addr()), dst: dst, look: t.Look, mtu: r.MTU, isn: craft.Seq(rand.Uint32()), events: make(chan event, 64)}
	if k.mtu == 0 || k.mtu > 1500 {
		k.mtu = 1500
	}
	k.dress()
	k.next = k.isn
	i.mu.Lock()
	if isn, silent := i.silent[k.tuple()]; silent && t.Kind != why.Trace && t.Kind != why.ACK && t.Kind != why.FIN && t.Kind != why.Echo {
		k.isn, k.next = isn, isn
	}
	i.exchanges[k.src.Port()] = append(i.exchanges[k.src.Port()], k)
	i.mu.Unlock()
	t.Reply.Port = k.src.Port()
	return k
}

// dress gives an exchange what its look says of its packets.
func (k *exchange) dress() {
	k.tsval, k.ttl = k.in.timestamp(k.look), 64
	switch k.look {
	case why.TOS:
		k.tos = 0xb8
	case why.HighTTL:
		k.ttl = 255
	}
}

// renumber gives an exchange another number, before its SYN leaves.
func (k *exchange) renumber(isn craft.Seq) {
	k.in.mu.Lock()
	defer k.in.mu.Unlock()
	k.isn, k.next = isn, isn
}

// end forgets an exchange.
func (k *exchange) end() {
	k.in.mu.Lock()
	defer k.in.mu.Unlock()
	port := k.src.Port()
	k.in.exchanges[port] = slices.DeleteFunc(k.in.exchanges[port], func(o *exchange) bool { return o == k })
	k.in.remember(k)
}

// old and newer timestamps are half a day away: far more than any host's own clock
// tolerates as disorder, far less than what would count as the other side (RFC 7323 §5.2).
const apart = 50_000_000

// timestamp is in milliseconds, as Linux has them.
func (i *Instrument) timestamp(l why.Look) uint32 {
	now := i.key + uint32(time.Since(i.start).Milliseconds())
	switch l {
	case why.OldTimestamp:
		return now - apart
	case why.NewTimestamp:
		return now + apart
	}
	return now
}

// segment is one of the exchange's.
func (k *exchange) segment(f craft.Flags, seq, ack craft.Seq) craft.Segment {
	s := craft.Segment{Src: k.src, Dst: netip.AddrPortFrom(k.dst.Addr().WithZone(""), k.dst.Port()), TTL: k.ttl, TOS: k.tos,
		DF: k.src.Addr().Is4(), Seq: seq, Ack: ack, Flags: f, Window: 502}
	if k.ts && f&craft.RST == 0 {
		s.Options, _ = craft.NewOptions(craft.NOP(), craft.NOP(), craft.Timestamps(k.in.timestamp(k.look), k.echoed))
	}
	return s
}

// open sends the SYN, with a TTL of its own unless that is 0.
func (k *exchange) open(ttl uint8) error {
	s := k.syn(ttl)
	k.next, k.left = k.isn+1, time.Now()
	return k.send(&s)
}

// send sends one of the exchange's segments, and notes its numbers.
func (k *exchange) send(s *craft.Segment) error {
	k.in.mu.Lock()
	k.numbers.said(s)
	k.in.mu.Unlock()
	return k.in.send(s)
}

// syn is the exchange's SYN.
func (k *exchange) syn(ttl uint8) craft.Segment {
	s := k.segment(craft.SYN, k.isn, 0)
	s.Window = 64240
	s.Options = k.options()
	switch k.look {
	case why.ECN:
		s.Flags |= craft.ECE | craft.CWR
	case why.AccECN:
		s.Flags |= craft.ECE | craft.CWR | craft.AE
	}
	if ttl != 0 {
		s.TTL = ttl
	}
	return s
}

// unassigned is an option kind that IANA assigns to nobody for use, RFC 3692's
// experiments being 253 and 254.
const unassigned = craft.OptionKind(77)

// options are those of the exchange's look, in the order of Linux.
func (k *exchange) options() craft.Options {
	header := 40
	if k.src.Addr().Is6() {
		header = 60
	}
	mss, sack, ts := craft.MSS(uint16(k.mtu-header)), craft.SACKPermitted(), craft.Timestamps(k.tsval, 0)
	scale := []craft.Option{craft.NOP(), craft.WindowScale(7)}
	list := append([]craft.Option{mss, sack, ts}, scale...)
	switch k.look {
	case why.Bare:
		list = nil
	case why.MSSOnly:
		list = []craft.Option{mss}
	case why.NoTimestamps:
		list = append([]craft.Option{mss, craft.NOP(), craft.NOP(), sack}, scale...)
	case why.NoSACK:
		list = append([]craft.Option{mss, craft.NOP(), craft.NOP(), ts}, scale...)
	case why.NoScale:
		list = []craft.Option{mss, sack, ts}
	case why.FastOpen:
		list = append(list, craft.FastOpen(nil), craft.NOP(), craft.NOP())
	case why.MPTCP: // MP_CAPABLE of version 1, with checksums off and HMAC-SHA256: RFC 8684 §3.1
		list = append(list, craft.MPTCP([]byte{0x01, 0x01}))
	case why.Unassigned:
		list = append(list, craft.RawOption(unassigned, []byte{0, 0}))
	}
	options, _ := craft.NewOptions(list...)
	return options
}

// wait is the next packet for the exchange within a time; ok is false where none came.
func (k *exchange) wait(ctx context.Context, d time.Duration) (ev event, ok bool) {
	if d <= 0 {
		select {
		case ev = <-k.events:
			return ev, true
		default:
			return ev, false
		}
	}
	alarm := time.NewTimer(d)
	defer alarm.Stop()
	select {
	case ev = <-k.events:
		return ev, true
	case <-ctx.Done():
		return ev, false
	case <-alarm.C:
	}
	k.in.catchUp(ctx)
	return k.wait(ctx, 0)
}

// catchUp waits until what has arrived by now is handed to its exchange: on a busy machine an
// alarm may ring before that.
func (i *Instrument) catchUp(ctx context.Context) {
	for range mostLooks {
		if i.network.Quiet() || !sleep(ctx, lookAgain) {
			return
		}
	}
}

// Bounds of catchUp.
const (
	mostLooks = 200
	lookAgain = 2 * time.Millisecond
)

// rtt is the time from the SYN to an answer.
func (k *exchange) rtt(ev *event) time.Duration {
	k.in.mu.Lock()
	defer k.in.mu.Unlock()
	return max(ev.at.Sub(k.left), time.Microsecond)
}

// reset closes what an exchange has opened, with the exact number.
func (k *exchange) reset() {
	s := k.segment(craft.RST, k.next, 0)
	k.send(&s)
	k.in.ended(s, halfOpen)
}

// accept takes in a SYN-ACK.
func (k *exchange) accept(ev *event) {
	k.in.mu.Lock()
	_, silent := k.in.silent[k.tuple()]
	k.in.lossy = k.in.lossy || silent
	k.in.mu.Unlock()
	k.acked = ev.seg.Seq + 1
	k.ts, k.echoed = ev.hasTS && k.look.Timestamps(), ev.tsval
	k.mss = int(ev.mss)
}

// translator is who sent an answer that this machine's own NAT translated into one from src:
// unspecified where that was not seen, nobody else where only our own end was translated.
func translator(in *netraw.Packet, src netip.AddrPort) netip.AddrPort {
	switch {
	case in.Translated && !in.Wire.IsValid():
		return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	case in.Wire == src:
		return netip.AddrPort{}
	}
	return in.Wire
}

// take hands one packet to the exchange that it concerns.
func (i *Instrument) take(in *netraw.Packet, p *craft.Packet) {
	if wire.Decode(in, p) != "" {
		i.takeEcho(in)
		return
	}
	ev := event{at: in.Time, fragment: p.Fragment, translator: translator(in, p.Segment.Src)}
	if ev.at.IsZero() {
		ev.at = time.Now()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case in.Outgoing:
		i.departed(p, ev.at)
	case p.Kind == craft.PacketICMPError:
		i.takeICMP(p.ICMP, ev)
	case p.Kind == craft.PacketTCP:
		i.takeSegment(&p.Segment, ev)
	}
}

func (i *Instrument) takeICMP(icmp craft.ICMPError, ev event) {
	icmp.Quote.Options = nil
	ev.icmp = &icmp
	q := &icmp.Quote
	for _, k := range i.exchanges[q.Src.Port()] {
		if q.Src == k.src && q.Dst == netip.AddrPortFrom(k.dst.Addr().WithZone(""), k.dst.Port()) && k.numbers.sent(q.Seq) {
			k.deliver(ev)
			return
		}
	}
	i.tooLate(&icmp)
}

func (i *Instrument) takeSegment(s *craft.Segment, ev event) {
	ev.seg, ev.len = *s, len(s.Payload)
	ev.mss, _ = s.Options.MSS()
	ev.tsval, _, ev.hasTS = s.Options.Timestamps()
	ev.twice = duplicate(s)
	ev.seg.Options, ev.seg.Payload = nil, nil
	k, verified := i.concerned(s)
	switch {
	case k == nil:
		if k = i.misdirected(s); k != nil && !ev.fragment {
			ev.elsewhere = true
			k.deliver(ev)
			return
		}
		late := i.lateAnswer(s, &ev)
		i.straggler(s, knowing(!late))
	case verified:
		k.numbers.heard(s)
		k.deliver(ev)
	case ev.fragment: // it proves nothing
	case !k.numbers.doubted: // one is enough: a flood of them is no more
		k.numbers.doubted, ev.doubt = true, true
		k.deliver(ev)
	}
}

// tooLate takes in an ICMP error about a SYN that was given up. Routers that ask for the
// link address of a host in vain say so after some seconds (RFC 1122 §2.3.2.2; 3 s on Linux).
func (i *Instrument) tooLate(e *craft.ICMPError) {
	meaning, _ := probe.ICMPMeaning(e.Quote.Dst.Addr(), e.Type, e.Code)
	if !unreachable[meaning] || e.Src == e.Quote.Src.Addr() {
		return
	}
	for t, isn := range i.silent {
		if t.src.Port() == e.Quote.Src.Port() && t.dst.Port() == e.Quote.Dst.Port() && e.Quote.Seq == isn {
			i.late = e.Src
		}
	}
}

// duplicate is the right edge of a segment that its receiver had already: the first
// block of a SACK option that is not beyond the acknowledgement (RFC 2883 §4).
func duplicate(s *craft.Segment) craft.Seq {
	if blocks := s.Options.SACK(); len(blocks) > 0 && !s.Ack.LessThan(blocks[0][1]) {
		return blocks[0][1]
	}
	return 0
}

// concerned is the exchange that a segment is for, and whether it carries a number of
// ours. One that does not is about the newest of its ports, if it may be one at all.
func (i *Instrument) concerned(s *craft.Segment) (k *exchange, verified bool) {
	var last *exchange
	for _, o := range i.exchanges[s.Dst.Port()] {
		if s.Dst.Addr() != o.src.Addr() || s.Src.Port() != o.dst.Port() || s.Src.Addr() != o.dst.Addr().WithZone("") {
			continue
		}
		if last = o; k == nil && o.numbers.answeredBy(s) {
			k = o
		}
	}
	switch {
	case last == nil:
		return nil, false
	case challenges(s) && !last.numbers.open && (k != nil && k.numbers.open || i.old[flow{last.src, last.dst}].acknowledgedBy(s)):
		return last, true // what the host holds of an older one answers
	case k != nil:
		return k, true
	case opens(s) && i.old[flow{last.src, last.dst}].acknowledgedBy(s):
		return nil, false // it answers an older one, late
	case s.Flags.Has(craft.SYN|craft.ACK) && last.numbers.flags.Has(craft.SYN) && !last.numbers.open:
		return last, false // its number is wrong
	case s.Flags.Has(craft.SYN), last.numbers.open:
		return nil, false
	}
	return last, false
}

// departed corrects when a SYN left by the kernel's stamp.
func (i *Instrument) departed(p *craft.Packet, at time.Time) {
	s := &p.Segment
	if p.Kind != craft.PacketTCP || !s.Flags.Has(craft.SYN) {
		return
	}
	if i.cfg.SeenPort != 0 && s.Src.Port() == i.cfg.SeenPort {
		i.seen = &craft.Segment{Src: s.Src, Dst: s.Dst, TTL: s.TTL, DF: s.DF, Seq: s.Seq + 1, Flags: craft.RST}
		return
	}
	for _, k := range i.exchanges[s.Src.Port()] {
		if k.isn == s.Seq {
			k.left = at
		}
	}
}

// deliver drops what an exchange is too slow to take: it has more than enough then.
func (k *exchange) deliver(ev event) {
	ev.of = k
	select {
	case k.events <- ev:
	default:
	}
}

func (i *Instrument) takeEcho(in *netraw.Packet) {
	e, err := craft.DecodeEcho(in.Data, craft.TrustChecksums)
	if err != nil || e.Kind != craft.EchoReply || in.Outgoing {
		return
	}
	at := in.Time
	if at.IsZero() {
		at = time.Now()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, k := range i.exchanges[e.ID] {
		if e.Token == uint32(k.isn) && e.Src == k.dst.Addr().WithZone("") {
			k.deliver(event{at: at, echoTTL: e.TTL})
		}
	}
}
