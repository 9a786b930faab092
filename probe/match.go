package probe

import (
	"errors"
	"net/netip"
	"slices"

	"synscope/craft"
)

// answerKind is the kind of a packet that concerns one of our probes.
type answerKind uint8

const (
	answerNone            answerKind = iota // rejected, or not worth counting
	answerDeparture                         // our own probe, seen leaving
	answerLeft                              // the same, once more: the device's stamp of it
	answerSYNACK                            // acknowledges our ISN
	answerReset                             // numbers right
	answerICMP                              // quotes our numbers
	answerUnverifiedReset                   // right ports, no number to check
	answerSYN                               // right ports, no number to check
	answerChallenge                         // an ACK of something else: RFC 5961
	answerPathMTU                           // quotes our numbers, wants less
)

// verified tells whether the answer repeats a number that only the receiver
// of the probe could know.
func (k answerKind) verified() bool {
	switch k {
	case answerSYNACK, answerReset, answerICMP, answerPathMTU, answerDeparture:
		return true
	}
	return false
}

// answer says which probe a packet concerns, and how. For kinds that carry no
// number of ours, attempt is the first that could have used the port.
type answer struct {
	kind    answerKind
	target  netip.AddrPort
	attempt int
}

// Reasons for which a packet is rejected, as counted in [Summary.Rejected].
const (
	rejectTruncated    = "truncated"
	rejectMalformed    = "malformed"
	rejectFragment     = "fragment"
	rejectChecksum     = "bad-checksum"
	rejectUnsupported  = "unsupported"
	rejectForeignPort  = "foreign-port"
	rejectBadAck       = "bad-ack"
	rejectBadSeq       = "bad-seq"
	rejectFlags        = "unexpected-flags"
	rejectQuote        = "foreign-quote"
	rejectICMPType     = "icmp-without-verdict"
	rejectUnsolicited  = "unsolicited"
	rejectDuplicate    = "duplicate"
	rejectAfterVerdict = "after-verdict"
)

// decodeRejection names the error of [craft.Packet.Decode].
func decodeRejection(err error) string {
	switch {
	case errors.Is(err, craft.ErrTruncated):
		return rejectTruncated
	case errors.Is(err, craft.ErrFragment):
		return rejectFragment
	case errors.Is(err, craft.ErrChecksum):
		return rejectChecksum
	case errors.Is(err, craft.ErrUnsupported):
		return rejectUnsupported
	}
	return rejectMalformed
}

// matcher answers "is it ours?" from the packet alone: it holds no table of
// probes, only what all probes of a run have in common.
type matcher struct {
	cookie   cookie
	tech     *Technique
	ports    []uint16 // attempt n leaves from ports[n % len(ports)]
	attempts int      // most transmissions of one probe
	recall   recall   // where transmissions are found instead; nil: by the cookie
}

// recall finds transmissions in a table, for runs whose probes are not told
// apart by their attempts alone. What the matcher calls an attempt is then the
// table's number of the transmission.
type recall interface {
	attempt(src, dst netip.AddrPort, right func(numbers) bool) (int, bool)
	quoted(*craft.Quote) (int, bool)
}

// port is the source port of an attempt.
func (m *matcher) port(attempt int) uint16 { return m.ports[attempt%len(m.ports)] }

// match decides whether p concerns a probe of this run. A packet that does not
// is rejected with a reason; a packet of our own that is of no interest yields
// answerNone and no reason.
func (m *matcher) match(p *craft.Packet, outgoing bool) (answer, string) {
	switch {
	case p.Kind == craft.PacketICMPError && !outgoing:
		return m.matchICMP(&p.ICMP)
	case p.Kind != craft.PacketTCP:
		return answer{}, m.unlessOutgoing(outgoing, rejectUnsupported)
	case outgoing:
		return m.matchOwn(&p.Segment), ""
	}
	s := &p.Segment
	if slices.Contains(m.ports, s.Dst.Port()) {
		return m.matchSegment(s)
	}
	if slices.Contains(m.ports, s.Src.Port()) {
		return answer{}, "" // loopback hands our own packets back
	}
	return answer{}, rejectForeignPort
}

func (m *matcher) unlessOutgoing(outgoing bool, reason string) string {
	if outgoing {
		return ""
	}
	return reason
}

// matchOwn recognises a probe on its way out.
func (m *matcher) matchOwn(s *craft.Segment) answer {
	if s.Flags != m.tech.Flags {
		return answer{}
	}
	a, ok := m.attempt(s.Src, s.Dst, func(n numbers) bool { return n.seq == s.Seq })
	if !ok {
		return answer{}
	}
	return answer{kind: answerDeparture, target: s.Dst, attempt: a}
}

// matchSegment checks the numbers that SEMANTICS asks of each kind of reply;
// the rules are those of RFC 9293 §3.5.2 and §3.10.7.
func (m *matcher) matchSegment(s *craft.Segment) (answer, string) {
	const kind = craft.SYN | craft.RST | craft.ACK | craft.FIN
	switch s.Flags & kind {
	case craft.SYN | craft.ACK:
		if !m.tech.opens() {
			return answer{}, rejectFlags
		}
		return m.verified(answerSYNACK, s, m.acknowledged)
	case craft.RST | craft.ACK, craft.RST:
		return m.matchReset(s)
	case craft.SYN:
		return m.unverified(answerSYN, s)
	case craft.ACK:
		return m.unverified(answerChallenge, s)
	}
	return answer{}, rejectFlags
}

// matchReset checks an RST: against a probe with ACK its sequence number is
// our acknowledgment number; against any other it acknowledges what the probe
// consumed. An RST without ACK against a SYN, or one that acknowledges the ISN
// itself, is kept but proves nothing.
func (m *matcher) matchReset(s *craft.Segment) (answer, string) {
	if m.tech.acknowledges() {
		a, ok := m.attempt(s.Dst, s.Src, func(n numbers) bool { return n.ack == s.Seq })
		if !ok {
			return answer{}, rejectBadSeq
		}
		return answer{answerReset, s.Src, a}, ""
	}
	if !s.Flags.Has(craft.ACK) {
		return m.unverified(answerUnverifiedReset, s)
	}
	if a, why := m.verified(answerReset, s, m.acknowledged); why == "" || !m.tech.opens() {
		return a, why
	}
	return m.verified(answerUnverifiedReset, s, func(s *craft.Segment, n numbers) bool { return s.Ack == n.seq })
}

// acknowledged tells whether s acknowledges exactly the probe with numbers n.
func (m *matcher) acknowledged(s *craft.Segment, n numbers) bool {
	return s.Ack == n.seq.Add(m.tech.consumes())
}

func (m *matcher) verified(kind answerKind, s *craft.Segment, right func(*craft.Segment, numbers) bool) (answer, string) {
	a, ok := m.attempt(s.Dst, s.Src, func(n numbers) bool { return right(s, n) })
	if !ok {
		return answer{}, rejectBadAck
	}
	return answer{kind, s.Src, a}, ""
}

// unverified is for replies to a SYN that cannot be checked by a number.
func (m *matcher) unverified(kind answerKind, s *craft.Segment) (answer, string) {
	if !m.tech.opens() {
		return answer{}, rejectFlags
	}
	return answer{kind, s.Src, slices.Index(m.ports, s.Dst.Port())}, ""
}

// matchICMP accepts an error only if it quotes our addresses, ports and
// sequence number.
func (m *matcher) matchICMP(e *craft.ICMPError) (answer, string) {
	q := &e.Quote
	a, ok := m.quoted(q)
	if !ok {
		return answer{}, rejectQuote
	}
	switch meaning := icmpMeaning(q.Dst.Addr(), e.Type, e.Code); meaning {
	case icmpIgnored:
		return answer{}, rejectICMPType
	case icmpPathMTU:
		return answer{answerPathMTU, q.Dst, a}, ""
	}
	return answer{answerICMP, q.Dst, a}, ""
}

// quoted finds the transmission that an ICMP error quotes.
func (m *matcher) quoted(q *craft.Quote) (int, bool) {
	if m.recall != nil {
		return m.recall.quoted(q)
	}
	return m.attempt(q.Src, q.Dst, func(n numbers) bool { return n.seq == q.Seq })
}

// attempt finds the transmission from src to dst whose numbers are right. With
// a held port for each attempt that is one hash.
func (m *matcher) attempt(src, dst netip.AddrPort, right func(numbers) bool) (int, bool) {
	if m.recall != nil {
		return m.recall.attempt(src, dst, right)
	}
	first := slices.Index(m.ports, src.Port())
	if first < 0 {
		return 0, false
	}
	for a := first; a < m.attempts; a += len(m.ports) {
		if right(m.cookie.numbers(src, dst, a)) {
			return a, true
		}
	}
	return 0, false
}
