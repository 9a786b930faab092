package wire

import (
	"errors"
	"net/netip"
	"slices"

	"synscope/craft"
	"synscope/probe"
)

// Kind is the kind of a packet that concerns one of our probes.
type Kind uint8

const (
	KindNone            Kind = iota // rejected, or not worth counting
	KindDeparture                   // our own probe, seen leaving
	KindDeviceDeparture             // the same, once more: the device's stamp of it
	KindSYNACK                      // acknowledges our ISN
	KindReset                       // numbers right
	KindAskedReset                  // repeats the number of our question about an earlier one
	KindICMP                        // quotes our numbers
	KindUnverifiedReset             // right ports, no number to check
	KindSYN                         // right ports, no number to check
	KindACK                         // acknowledges our ISN, without SYN
	KindChallenge                   // an ACK of something else: RFC 5961
	KindPathMTU                     // quotes our numbers, wants less
	KindEcho                        // an ICMP reply that repeats our token
)

// Verified tells whether the answer repeats a number that only the receiver
// of the probe could know.
func (k Kind) Verified() bool {
	switch k {
	case KindSYNACK, KindACK, KindReset, KindAskedReset, KindICMP, KindPathMTU, KindDeparture, KindEcho:
		return true
	}
	return false
}

// answer says which probe a packet concerns, and how. For kinds that carry no
// number of ours, attempt is the first that could have used the port.
type answer struct {
	Kind    Kind
	Target  netip.AddrPort
	Attempt int
}

// Reasons for which a packet is rejected, as counted in Rejected of a [probe.Summary].
const (
	rejectTruncated    = "truncated"
	rejectMalformed    = "malformed"
	RejectFragment     = "fragment"
	rejectChecksum     = "bad-checksum"
	rejectUnsupported  = "unsupported"
	RejectForeign      = "foreign-port"
	RejectBadAck       = "bad-ack"
	rejectBadSeq       = "bad-seq"
	rejectFlags        = "unexpected-flags"
	RejectQuote        = "foreign-quote"
	RejectMartian      = "martian"
	RejectICMPType     = "icmp-without-verdict"
	RejectUnsolicited  = "unsolicited"
	RejectDuplicate    = "duplicate"
	RejectAfterVerdict = "after-verdict"
	RejectOwnFirewall  = "own-firewall"
)

// decodeRejection names the error of [craft.Packet.Decode].
func decodeRejection(err error) string {
	switch {
	case errors.Is(err, craft.ErrTruncated):
		return rejectTruncated
	case errors.Is(err, craft.ErrFragment):
		return RejectFragment
	case errors.Is(err, craft.ErrChecksum):
		return rejectChecksum
	case errors.Is(err, craft.ErrUnsupported):
		return rejectUnsupported
	}
	return rejectMalformed
}

// Matcher answers "is it ours?" from the packet alone: it holds no table of
// probes, only what all probes of a run have in common.
type Matcher struct {
	Cookie   Cookie
	Tech     *probe.Technique
	Ports    []uint16 // attempt n leaves from ports[n % len(ports)]
	Attempts int      // most transmissions of one probe
	Echoes   bool     // echo and time stamp replies count too
	Recall   recall   // where transmissions are found instead; nil: by the cookie
	Machine  Machine  // set by readers
	Before   *Matcher // of an earlier run whose answers may still come; nil: there was none
}

// recall finds transmissions in a table, for runs whose probes are not told
// apart by their attempts alone. What the matcher calls an attempt is then the
// table's number of the transmission.
type recall interface {
	Attempt(src, dst netip.AddrPort, right func(Numbers) bool) (int, bool)
	Quoted(*craft.Quote) (int, bool)
}

// Port is the source port of an attempt.
func (m *Matcher) Port(attempt int) uint16 { return m.Ports[attempt%len(m.Ports)] }

// match decides whether p concerns a probe of this run. A packet that does not
// is rejected with a reason; a packet of our own that is of no interest yields
// answerNone and no reason.
func (m *Matcher) match(p *craft.Packet, outgoing bool) (answer, string) {
	switch {
	case p.Kind == craft.PacketICMPError && !outgoing:
		return m.matchICMP(p)
	case p.Kind != craft.PacketTCP:
		return answer{}, m.unlessOutgoing(outgoing, rejectUnsupported)
	case outgoing:
		return m.matchOwn(&p.Segment), ""
	}
	s := &p.Segment
	if slices.Contains(m.Ports, s.Dst.Port()) {
		return m.matchSegment(s)
	}
	if slices.Contains(m.Ports, s.Src.Port()) {
		return answer{}, "" // loopback hands our own packets back
	}
	return answer{}, RejectForeign
}

func (m *Matcher) unlessOutgoing(outgoing bool, reason string) string {
	if outgoing {
		return ""
	}
	return reason
}

// matchOwn recognises a probe on its way out.
func (m *Matcher) matchOwn(s *craft.Segment) answer {
	if s.Flags != m.Tech.Flags {
		return answer{}
	}
	a, ok := m.attempt(s.Src, s.Dst, bySeq(s.Seq))
	if !ok {
		return answer{}
	}
	return answer{Kind: KindDeparture, Target: s.Dst, Attempt: a}
}

// matchSegment checks the numbers that SEMANTICS asks of each kind of reply;
// the rules are those of RFC 9293 §3.5.2 and §3.10.7.
func (m *Matcher) matchSegment(s *craft.Segment) (answer, string) {
	if s.Flags.Has(craft.RST) { // is looked at before SYN and FIN (RFC 9293 §3.10.7.3)
		return m.matchReset(s)
	}
	const kind = craft.SYN | craft.ACK | craft.FIN
	switch s.Flags & kind {
	case craft.SYN | craft.ACK, craft.SYN | craft.ACK | craft.FIN: // RFC 9293 §3.10.7.3: the FIN changes nothing
		if !m.Tech.Opens() {
			return answer{}, rejectFlags
		}
		return m.verified(KindSYNACK, s, m.acknowledged(s))
	case craft.SYN:
		return m.unverified(KindSYN, s)
	case craft.ACK:
		if a, why := m.verified(KindACK, s, m.acknowledged(s)); why == "" && m.Tech.Opens() {
			return a, ""
		}
		return m.unverified(KindChallenge, s)
	}
	return answer{}, rejectFlags
}

// matchReset checks an RST: against a probe with ACK its sequence number is
// our acknowledgment number; against any other it acknowledges what the probe
// consumed. An RST without ACK against a SYN, or one that acknowledges the ISN
// itself, is kept but proves nothing.
func (m *Matcher) matchReset(s *craft.Segment) (answer, string) {
	if m.Tech.Acknowledges() {
		a, ok := m.attempt(s.Dst, s.Src, byAck(s.Seq))
		if !ok {
			return answer{}, rejectBadSeq
		}
		return answer{KindReset, s.Src, a}, ""
	}
	if !s.Flags.Has(craft.ACK) {
		return m.matchBareReset(s)
	}
	if a, why := m.verified(KindReset, s, m.acknowledged(s)); why == "" {
		return a, ""
	}
	kind := KindReset // 4.4BSD acknowledges a FIN's own number
	if m.Tech.Opens() {
		kind = KindUnverifiedReset
	}
	return m.verified(kind, s, bySeq(s.Ack))
}

// matchBareReset checks an RST without ACK: the answer to the ACK that asks
// about an earlier one repeats the number of that (RFC 9293 §3.5.2). It shows that the host
// is there; but a port that listens answers so too (§3.10.7.2).
func (m *Matcher) matchBareReset(s *craft.Segment) (answer, string) {
	a, ok := m.attempt(s.Dst, s.Src, byAck(s.Seq))
	if ok && m.Tech.Opens() {
		return answer{KindAskedReset, s.Src, a}, ""
	}
	return m.unverified(KindUnverifiedReset, s)
}

// number is what a transmission must have had, its sequence or its
// acknowledgment number. It is a value and no function, since a function for each
// packet would be memory for each.
type number struct {
	acknowledgment bool
	value          craft.Seq
}

func bySeq(n craft.Seq) number { return number{false, n} }
func byAck(n craft.Seq) number { return number{true, n} }

func (w number) of(n Numbers) bool {
	if w.acknowledgment {
		return n.Ack == w.value
	}
	return n.Seq == w.value
}

// acknowledged is the probe that s acknowledges exactly.
func (m *Matcher) acknowledged(s *craft.Segment) number {
	return bySeq(s.Ack - craft.Seq(m.Tech.Consumes()))
}

func (m *Matcher) verified(kind Kind, s *craft.Segment, had number) (answer, string) {
	a, ok := m.attempt(s.Dst, s.Src, had)
	if !ok {
		return answer{}, RejectBadAck
	}
	return answer{kind, s.Src, a}, ""
}

// unverified is for replies to a SYN that cannot be checked by a number.
func (m *Matcher) unverified(kind Kind, s *craft.Segment) (answer, string) {
	if !m.Tech.Opens() {
		return answer{}, rejectFlags
	}
	return answer{kind, s.Src, slices.Index(m.Ports, s.Dst.Port())}, ""
}

// Echo is a request of an attempt as [Matcher.match] knows its reply: the port as identifier,
// the attempt as sequence number, and a token of the address.
func (m *Matcher) Echo(kind craft.EchoKind, source, target netip.Addr, attempt int) ([]byte, error) {
	src := netip.AddrPortFrom(source, m.Port(attempt))
	n := m.Cookie.Numbers(src, netip.AddrPortFrom(target, 0), attempt)
	e := craft.Echo{Src: source, Dst: target, TTL: 64, Kind: kind, ID: src.Port(), Seq: uint16(attempt), Token: uint32(n.Seq)}
	return e.AppendTo(nil)
}

// matchEcho accepts a reply that repeats what a request of ours held: the port as
// identifier, the attempt as sequence number, and the token of the address.
func (m *Matcher) matchEcho(e *craft.Echo) (answer, string) {
	if e.Kind != craft.EchoReply && e.Kind != craft.TimestampReply {
		return answer{}, rejectUnsupported
	}
	src, target := netip.AddrPortFrom(e.Dst, e.ID), netip.AddrPortFrom(e.Src, 0)
	if !slices.Contains(m.Ports, e.ID) || int(e.Seq) >= m.Attempts {
		return answer{}, RejectForeign
	}
	if uint32(m.Cookie.Numbers(src, target, int(e.Seq)).Seq) != e.Token {
		return answer{}, RejectQuote
	}
	return answer{KindEcho, target, int(e.Seq)}, ""
}

// matchICMP accepts an error only if it quotes our addresses, ports and
// sequence number.
func (m *Matcher) matchICMP(p *craft.Packet) (answer, string) {
	e, q := &p.ICMP, &p.ICMP.Quote
	a, ok := m.Quoted(q)
	if p.Fragment {
		a, ok = m.quotedExactly(q)
	}
	switch {
	case !ok:
		return answer{}, RejectQuote
	case martian(e.Src, q.Src.Addr()):
		return answer{}, RejectMartian
	}
	switch reason, tooBig := probe.ICMPMeaning(q.Dst.Addr(), e.Type, e.Code); {
	case tooBig:
		return answer{KindPathMTU, q.Dst, a}, ""
	case reason == "":
		return answer{}, RejectICMPType
	}
	return answer{KindICMP, q.Dst, a}, ""
}

// martian tells whether no host may send from an address (RFC 1122 §3.2.1.3, RFC 4291
// §2.5.2, §2.5.3, §2.7): the kernel drops what comes from there.
func martian(src, to netip.Addr) bool {
	return src.IsUnspecified() || src.IsMulticast() || src == limitedBroadcast || src.IsLoopback() && !to.IsLoopback()
}

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// Quoted finds the transmission that an ICMP error quotes.
func (m *Matcher) Quoted(q *craft.Quote) (int, bool) {
	if m.Recall != nil {
		return m.Recall.Quoted(q)
	}
	return m.attempt(q.Src, q.Dst, bySeq(q.Seq))
}

// quotedExactly is Quoted for a quote whose checksum nobody verified: that something on
// the way rewrote the probe is more than it shows.
func (m *Matcher) quotedExactly(q *craft.Quote) (int, bool) {
	if r, rewritten := m.Recall.(Rewritten); rewritten {
		return r.Table.Quoted(q)
	}
	return m.Quoted(q)
}

// attempt finds the transmission from src to dst that had a number. With a held
// port for each attempt that is one hash.
func (m *Matcher) attempt(src, dst netip.AddrPort, had number) (int, bool) {
	if m.Recall != nil {
		return m.Recall.Attempt(src, dst, had.of)
	}
	first := slices.Index(m.Ports, src.Port())
	if first < 0 {
		return 0, false
	}
	for a := first; a < m.Attempts; a += len(m.Ports) {
		if had.of(m.Cookie.Numbers(src, dst, a)) {
			return a, true
		}
	}
	return 0, false
}
