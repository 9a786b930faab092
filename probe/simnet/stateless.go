package simnet

import (
	"time"

	"synscope/craft"
)

// AllOpen is a SYN proxy or a load balancer that answers every port with
// cookies and keeps no state. The zero value works.
type AllOpen struct {
	TTL    uint8  // as it arrives; 0 is 64
	Window uint16 // of the SYN-ACK; proxies like to say 0
	ISN    ISN    // a function of the SYN alone; nil is CookieISN(0)
}

// Respond sends a SYN-ACK without options to a SYN and nothing to what
// acknowledges it; other acknowledgements are reset.
func (a AllOpen) Respond(now time.Time, in *craft.Segment, out Emitter) {
	switch {
	case in.Flags.Has(craft.RST):
	case in.Flags&(craft.SYN|craft.ACK) == craft.SYN:
		s := reply(in, a.TTL)
		s.Seq, s.Ack, s.Window = a.isn(now, in), in.Seq.Add(1), a.Window
		s.Flags = craft.SYN | craft.ACK
		out.Segment(0, &s)
	case in.Flags.Has(craft.ACK) && !a.acknowledges(now, in):
		Closed{a.TTL}.Respond(now, in, out)
	}
}

func (a AllOpen) isn(now time.Time, syn *craft.Segment) craft.Seq {
	if a.ISN != nil {
		return a.ISN(now, syn)
	}
	return CookieISN(0)(now, syn)
}

// acknowledges reports whether in is the third segment of a handshake whose
// SYN came just before it in sequence.
func (a AllOpen) acknowledges(now time.Time, in *craft.Segment) bool {
	syn := *in
	syn.Seq = in.Seq.Add(^uint32(0))
	return in.Ack == a.isn(now, &syn).Add(1)
}

// Split is an open port that answers a SYN with a bare SYN of its own: a
// simultaneous open (RFC 9293 §3.5) as some boxes start it, and acknowledges the
// SYN-ACK that answers it. It resets what is neither.
type Split struct {
	TTL uint8 // as it arrives; 0 is 64
	ISN ISN   // nil is ClockISN(0, LinuxClock)
}

// Respond answers a SYN with a SYN.
func (h Split) Respond(now time.Time, in *craft.Segment, out Emitter) {
	switch in.Flags & (craft.SYN | craft.ACK | craft.RST) {
	case craft.SYN:
	case craft.SYN | craft.ACK:
		s := reply(in, h.TTL)
		s.Seq, s.Ack, s.Flags, s.Window = in.Ack, in.Seq.Add(1), craft.ACK, 65535
		out.Segment(0, &s)
		return
	default:
		Closed{h.TTL}.Respond(now, in, out)
		return
	}
	isn := h.ISN
	if isn == nil {
		isn = ClockISN(0, LinuxClock)
	}
	s := reply(in, h.TTL)
	s.Seq, s.Flags, s.Window = isn(now, in), craft.SYN, 65535
	out.Segment(0, &s)
}
