package live

import (
	"net/netip"
	"slices"

	"synscope/craft"
)

// An off-path attacker who knows our addresses and ports does not know our numbers. What of
// an exchange carries none of them is noticed, and decides nothing: TCP ignores it too
// (RFC 9293 §3.10.7.3, RFC 5961 §3.2).

// Bounds of what an exchange's numbers may be.
const (
	mostSent   = 1 << 13 // bytes of ours: more than any trial sends
	mostWindow = 1 << 16 // bytes of the peer's that may be under way: what we offer
	saidKept   = 8       // of our acknowledgment numbers
	oldKept    = 8       // exchanges that ended, by flow
)

// numbers are those that an exchange has said, and what it has heard of its peer's.
type numbers struct {
	seqs    []craft.Seq // of all segments
	acks    []craft.Seq // of the last ones
	isn     craft.Seq
	flags   craft.Flags // of the first segment
	open    bool        // a SYN-ACK acknowledged isn
	peer    craft.Seq   // RCV.NXT then
	peerISN craft.Seq
	doubted bool // something came that carries no number of ours
}

// said notes a segment of ours. A SYN begins anew.
func (n *numbers) said(s *craft.Segment) {
	if s.Flags.Has(craft.SYN) || n.seqs == nil {
		*n = numbers{isn: s.Seq, flags: s.Flags, seqs: n.seqs, doubted: n.doubted}
	}
	if !slices.Contains(n.seqs, s.Seq) {
		n.seqs = append(n.seqs, s.Seq)
	}
	if s.Flags.Has(craft.ACK) && !slices.Contains(n.acks, s.Ack) {
		n.acks = append(n.acks[max(0, len(n.acks)-saidKept+1):], s.Ack)
	}
}

// sent reports whether a segment of ours had a sequence number, as errors quote it.
func (n *numbers) sent(seq craft.Seq) bool { return slices.Contains(n.seqs, seq) }

// answeredBy reports whether a segment carries the numbers that an answer must.
func (n *numbers) answeredBy(s *craft.Segment) bool {
	acks := s.Flags.Has(craft.ACK)
	switch {
	case n.seqs == nil:
		return false
	case s.Flags.Has(craft.RST):
		return n.resetBy(s)
	case s.Flags.Has(craft.SYN):
		return acks && n.flags.Has(craft.SYN) && s.Ack == n.isn+1 && (!n.open || s.Seq == n.peerISN)
	case n.open:
		return acks && n.within(s)
	}
	return acks && n.flags.Has(craft.SYN) && s.Ack == n.isn+1
}

// resetBy is for an RST: it repeats an acknowledgment number of ours or the next
// one, or acknowledges what we sent (RFC 9293 §3.5.2).
func (n *numbers) resetBy(s *craft.Segment) bool {
	if slices.Contains(n.acks, s.Seq) || n.open && s.Seq == n.peer {
		return true
	}
	bsd := n.flags.Has(craft.FIN) && s.Ack == n.isn // of 4.4BSD, to a FIN
	return s.Flags.Has(craft.ACK) && (s.Ack == n.isn+1 || bsd || n.open && n.within(s))
}

// within reports whether a segment of an open connection acknowledges what we sent, and
// is no further from what is expected than the window.
func (n *numbers) within(s *craft.Segment) bool {
	return s.Ack.InWindow(n.isn+1, mostSent) && s.Seq.InWindow(n.peer-mostWindow, 2*mostWindow)
}

// heard notes a segment of the peer's that is verified.
func (n *numbers) heard(s *craft.Segment) {
	switch {
	case s.Flags.Has(craft.RST):
	case s.Flags.Has(craft.SYN):
		n.open, n.peer, n.peerISN = true, s.Seq+1, s.Seq
	case n.open && s.Seq == n.peer:
		n.peer += craft.Seq(len(s.Payload))
		if s.Flags.Has(craft.FIN) {
			n.peer++
		}
	}
}

// challenges reports whether a segment is what answers a SYN to an old connection.
func challenges(s *craft.Segment) bool {
	return s.Flags&(craft.SYN|craft.RST|craft.ACK|craft.FIN) == craft.ACK
}

// flow is where an exchange's packets go.
type flow struct{ src, dst netip.AddrPort }

// ended are exchanges of a flow that are over: the number after the SYN, and the last one.
// What the host still holds of them acknowledges one of these.
type ended [][2]craft.Seq

func (e ended) acknowledgedBy(s *craft.Segment) bool {
	return slices.ContainsFunc(e, func(n [2]craft.Seq) bool { return s.Ack == n[0] || s.Ack == n[1] })
}

// heldBy reports whether a segment acknowledges what we sent in one of them.
func (e ended) heldBy(s *craft.Segment) bool {
	return slices.ContainsFunc(e, func(n [2]craft.Seq) bool { return s.Ack.InWindow(n[0], uint32(n[1]-n[0])+1) })
}

// remember keeps the numbers of an exchange that ends; mu is held.
func (i *Instrument) remember(k *exchange) {
	f, last := flow{k.src, k.dst}, [2]craft.Seq{k.numbers.isn + 1, k.next}
	if !k.numbers.flags.Has(craft.SYN) || slices.Contains(i.old[f], last) {
		return
	}
	list := i.old[f]
	i.old[f] = append(list[max(0, len(list)-oldKept+1):], last)
}
