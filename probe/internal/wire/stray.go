package wire

import (
	"fmt"
	"net/netip"
	"slices"

	"synscope/craft"
	"synscope/probe"
)

// A SYN-ACK or RST that acknowledges nothing that was sent to its sender answers no probe, so it is
// no verdict. But if nothing else comes, it may show why. It may acknowledge a SYN to another
// address: then somebody answers from the wrong address, and no connection can be made to the right
// one. Or it acknowledges no SYN of ours at all: the far end may still hold half of an old
// connection, or a flood protection sends such SYN-ACKs to see whether an RST comes back, as from
// every TCP (RFC 9293 §3.10.7.3), and lets SYNs pass only then.

// Codes of the findings about them. RejectElsewhere is also the word under which answers are
// counted that acknowledge exactly a SYN of ours but come from another address than it was sent to:
// TCP looks up a connection by both ends, so none accepts them (RFC 9293 §3.10.7.4).
const (
	RejectElsewhere = "other-address"
	codeOtherNumber = "wrong-ack"
	codeInFragments = "answer-in-fragments"
)

// Stray is what one of them says of a target. The zero value is nothing.
type Stray struct {
	from          netip.AddrPort // of an answer that came from another address
	reset         bool
	fragment      bool      // nothing of it is known but the ports
	acked, number craft.Seq // of another number: it, and that of the SYN
}

// Strange tells whether an event may be such a segment.
func (ev *Event) Strange() bool { return Strange(&ev.Seg, ev.reject) }

// Strange tells whether a segment that was rejected may be one.
func Strange(s *craft.Segment, reject string) bool {
	return TornOff(s, reject) || reject == RejectBadAck && s.Flags.Has(craft.ACK) && s.Flags&(craft.SYN|craft.RST) != 0
}

// TornOff tells whether a segment that was rejected is a first fragment that ends before the number that it
// acknowledges: its sender may have answered, and nobody can tell.
func TornOff(s *craft.Segment, reject string) bool {
	return reject == RejectFragment && s.Flags == 0 && s.Src.IsValid()
}

// Acknowledged is the attempt at a target that a segment acknowledges, whoever sent it.
func (m *Matcher) Acknowledged(s *craft.Segment, target netip.AddrPort) (attempt int, ok bool) {
	return m.attempt(s.Dst, target, m.acknowledged(s))
}

// FromElsewhere has an event counted as an answer from another address than the target's, and tells
// what it says of that: an RST nothing.
func FromElsewhere(ev *Event) (stray Stray) {
	ev.reject = RejectElsewhere
	return AcceptedElsewhere(ev.Seg.Src, ev.Seg.Flags)
}

// AcceptedElsewhere is FromElsewhere of a segment with these flags.
func AcceptedElsewhere(from netip.AddrPort, flags craft.Flags) (stray Stray) {
	if flags.Has(craft.SYN) && !flags.Has(craft.RST) {
		stray.from = from
	}
	return stray
}

// OtherNumber is what a segment says of a target that acknowledges another number than that of its SYN.
func OtherNumber(s *craft.Segment, syn craft.Seq) Stray {
	if s.Flags == 0 { // of a first fragment: what acknowledges has flags
		return Stray{fragment: true}
	}
	return Stray{reset: s.Flags.Has(craft.RST), acked: s.Ack, number: syn.Add(1)}
}

func (x *Stray) code() string {
	switch {
	case x.from.IsValid():
		return RejectElsewhere
	case x.fragment:
		return codeInFragments
	}
	return codeOtherNumber
}

// Finding is what is said of the target, before more evidence.
func (x *Stray) Finding() probe.Finding {
	f := probe.Finding{Code: x.code(), Severity: probe.SeverityNotice}
	switch {
	case x.from.IsValid():
		f.Severity = probe.SeverityWarning
		f.Text = "a SYN-ACK acknowledged exactly our SYN and came from another address, so that no connection can be made: " +
			"the way back is not translated as the way there is (port forwarding from inside, asymmetric NAT)"
		f.Evidence = "it came from " + x.from.String()
		return f
	case x.fragment:
		f.Text = "something came from the port in IP fragments so small that the first does not say what it answers: whether the port is open " +
			"is not known; --engine connect lets the kernel put fragments together"
		f.Evidence = "the first fragment ends before the acknowledgment number"
		return f
	case x.reset:
		f.Text = "RSTs came that acknowledge another number than that of the SYN: they prove nothing. " +
			"They answer an earlier SYN, or something on the way changes numbers, or somebody forges them"
	default:
		f.Text = "SYN-ACKs came that acknowledge another number than that of the SYN: they prove nothing. " +
			"What protects the host from floods may wait for the RST that a TCP sends then: `synscope handshake` sends it, and may get through"
	}
	f.Evidence = fmt.Sprintf("acknowledged %d instead of %d", x.acked, x.number)
	return f
}

// NoteStray takes note of a stray, the first of each kind. It is told where nothing better comes.
func (o *Outcome) NoteStray(x Stray) {
	switch code := x.code(); {
	case x == Stray{}:
	case o.strays == nil:
		o.strays = &[]probe.Finding{x.Finding()}
	case !slices.ContainsFunc(*o.strays, func(f probe.Finding) bool { return f.Code == code }):
		*o.strays = append(*o.strays, x.Finding())
	}
}

// stray tells what an event that may be a stray says, and of which transmission; nil: of none.
func (x *Loop) stray(ev *Event) (*Transmission, Stray) {
	if s := x.elsewhere(ev); s != nil {
		if ev.Seg.Flags.Has(craft.SYN) {
			x.Responses.Add(CloseAfter(ev), x.Now)
		}
		return s, FromElsewhere(ev)
	}
	s := x.Table.Concerned(ev)
	if s == nil {
		return nil, Stray{}
	}
	return s, OtherNumber(&ev.Seg, s.Numbers.Seq)
}

// mostSearched bounds the work that strays may cause in a second: 2 ns a transmission.
const mostSearched = 1 << 20

// elsewhere is the transmission to another address than an event's that it acknowledges, nil if none.
func (x *Loop) elsewhere(ev *Event) *Transmission {
	second := int64(x.Now.Seconds())
	if second != x.searching {
		x.searching, x.searched = second, 0
	}
	if x.searched >= mostSearched {
		return nil
	}
	from := ev.Seg.Src.Addr().WithZone("")
	for _, s := range slices.Backward(x.Table.List) {
		x.searched++
		if s.Numbers.Seq.Add(1) == ev.Seg.Ack && withoutZone(s.Src) == withoutZone(ev.Seg.Dst) && s.Dst.Addr().WithZone("") != from {
			return s
		}
	}
	return nil
}

// noteStray lets an event that was rejected say what it says of a target all the same.
func (x *Loop) noteStray(ev *Event) {
	if !ev.Strange() {
		return
	}
	switch s, stray := x.stray(ev); {
	case s == nil:
	case x.Strayed != nil:
		x.Strayed(s, stray)
	default:
		s.Outcome.NoteStray(stray)
	}
}
