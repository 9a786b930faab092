package adversary

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"synscope/craft"
	"synscope/internal/mutate"
	"synscope/probe"
	"synscope/probe/simnet"
)

// Judge watches all packets of a network and keeps what was proven of each target.
// He shares no code with the engines but the reading of our own packets.
type Judge struct {
	sent   map[way][]ours
	Proven map[netip.AddrPort]Proof
}

// Proof is what somebody who saw our segments has said of a target.
type Proof struct{ Open, Reset, ICMP bool }

type way struct{ from, to netip.AddrPort }

// ours are the numbers of a segment that left.
type ours struct {
	seq, ack uint32
	consumed uint32
	flags    craft.Flags
}

// Observe is for [simnet.Config].
func (j *Judge) Observe(e simnet.Event) {
	if j.sent == nil {
		j.sent, j.Proven = map[way][]ours{}, map[netip.AddrPort]Proof{}
	}
	switch {
	case e.Dir == simnet.Out:
		j.keep(e.Data)
	case e.Fate == simnet.Passed || e.Fate == simnet.Duplicated:
		j.weigh(e.Data)
	}
}

func (j *Judge) keep(b []byte) {
	var p craft.Packet
	if p.Decode(b, craft.TrustChecksums) != nil || p.Kind != craft.PacketTCP {
		return
	}
	s := &p.Segment
	w := way{s.Src, s.Dst}
	j.sent[w] = append(j.sent[w], ours{uint32(s.Seq), uint32(s.Ack), s.Len(), s.Flags})
}

// weigh keeps what a packet proves, if its sums are right: of a first fragment, that
// of the IP header, since the other is of all fragments.
func (j *Judge) weigh(b []byte) {
	start, end, protocol, pseudo := mutate.Layout(b)
	if start == 0 || b[0]>>4 == 4 && (mutate.Sum(b[:start], 0) != 0xffff || binary.BigEndian.Uint16(b[6:])&0x1fff != 0) {
		return
	}
	if !mutate.FirstFragment(b) && mutate.Sum(b[start:end], pseudo) != 0xffff {
		return
	}
	from, to := addresses(b)
	switch protocol {
	case 6:
		if end-start >= 20 {
			j.weighSegment(from, to, b[start:end])
		}
	case 1, 58:
		if end-start >= 8 {
			j.weighError(b[start+8 : end])
		}
	}
}

func addresses(b []byte) (from, to netip.Addr) {
	if b[0]>>4 == 4 {
		return netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	}
	return netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
}

func (j *Judge) weighSegment(from, to netip.Addr, t []byte) {
	peer := netip.AddrPortFrom(from, binary.BigEndian.Uint16(t))
	us := netip.AddrPortFrom(to, binary.BigEndian.Uint16(t[2:]))
	seq, ack, flags := binary.BigEndian.Uint32(t[4:]), binary.BigEndian.Uint32(t[8:]), craft.Flags(t[13])
	p := j.Proven[peer]
	for _, o := range j.sent[way{us, peer}] {
		acknowledges := flags.Has(craft.ACK) && (ack == o.seq+o.consumed || ack == o.seq+1)
		switch {
		case flags.Has(craft.RST):
			p.Reset = p.Reset || acknowledges || o.flags.Has(craft.ACK) && seq == o.ack
		case acknowledges && o.flags.Has(craft.SYN):
			p.Open = true
		}
	}
	j.Proven[peer] = p
}

// weighError reads the number that an ICMP error quotes.
func (j *Judge) weighError(quote []byte) {
	at := mutate.Upper(quote)
	if at < 20 || at+8 > len(quote) {
		return
	}
	seq := binary.BigEndian.Uint32(quote[at+4:])
	for w, list := range j.sent { // a router in between may have rewritten addresses and ports
		for _, o := range list {
			if o.seq == seq {
				p := j.Proven[w.to]
				p.ICMP = true
				j.Proven[w.to] = p
			}
		}
	}
}

// proven is what was said of a target, or of any port of its address where it has none.
func (j *Judge) proven(target netip.AddrPort) (p Proof) {
	for t, said := range j.Proven {
		if t == target || target.Port() == 0 && t.Addr() == target.Addr() {
			p = Proof{p.Open || said.Open, p.Reset || said.Reset, p.ICMP || said.ICMP}
		}
	}
	return p
}

// Wrong is what is wrong with a verdict, "" if nothing: it claims what nobody who
// saw our segments has said.
func (j *Judge) Wrong(target netip.AddrPort, state probe.State, reason probe.Reason) string {
	p := j.proven(target)
	switch {
	case state == probe.StateOpen && !p.Open,
		state == probe.StateUnfiltered && !p.Reset,
		state == probe.StateRefused && reason != probe.ReasonUnverifiedReset && !p.Reset,
		state == probe.StateFiltered && reason != probe.ReasonNoResponse && !p.ICMP:
		return fmt.Sprintf("%s is %s (%s), and was shown %+v", target, state, reason, p)
	}
	return ""
}
