package simnet

import (
	"net/netip"
	"time"

	"synscope/craft"
)

// Outcome is what a Synthetic internet does with a SYN.
type Outcome uint8

// The outcomes. The zero value is silence.
const (
	Silent Outcome = iota
	Open
	Refused
	Unreachable
)

// Synthetic is an internet of any size that exists only as a hash of address
// and port. It keeps nothing, so half-open connections neither repeat nor end.
type Synthetic struct {
	Seed uint64
	// Shares of all (address, port) pairs; the rest is silent.
	Open, Refused, Unreachable float64
}

// Expect is the oracle: what a SYN to this port leads to.
func (s *Synthetic) Expect(target netip.AddrPort) Outcome {
	d := dice(hashEnd(s.Seed, target))
	x := d.fraction()
	switch {
	case x < s.Open:
		return Open
	case x < s.Open+s.Refused:
		return Refused
	case x < s.Open+s.Refused+s.Unreachable:
		return Unreachable
	}
	return Silent
}

// Respond acts as Expect says. An open port is a Listener's without memory:
// it resets a stray ACK and ignores FIN, NULL and Xmas.
func (s *Synthetic) Respond(now time.Time, in *craft.Segment, out Emitter) {
	if in.Flags.Has(craft.RST) {
		return
	}
	switch s.Expect(in.Dst) {
	case Open:
		s.open(now, in, out)
	case Refused:
		Closed{}.Respond(now, in, out)
	case Unreachable:
		Rejected{hostUnreachable(in.Dst.Addr())}.Respond(now, in, out)
	}
}

func (s *Synthetic) open(now time.Time, in *craft.Segment, out Emitter) {
	switch {
	case in.Flags.Has(craft.ACK):
		Closed{}.Respond(now, in, out)
	case in.Flags.Has(craft.SYN):
		a := reply(in, 0)
		a.Seq, a.Ack = ClockISN(s.Seed, LinuxClock)(now, in), in.Seq.Add(1)
		a.Flags, a.Window = craft.SYN|craft.ACK, 64240
		out.Segment(0, &a)
	}
}

// hostUnreachable is ICMP 3/1, or ICMPv6 1/3, from the host's own address.
func hostUnreachable(a netip.Addr) ICMP {
	if a.Is4() {
		return ICMP{Type: 3, Code: 1}
	}
	return ICMP{Type: 1, Code: 3}
}
