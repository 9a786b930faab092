package probetest

import (
	"net/netip"
	"sync"

	"synscope/craft"
	"synscope/probe/simnet"
)

// Openings are the connections that SYN-ACKs came for, and the RSTs that left: before the SYN-ACK came perhaps.
// See is for Observe of a [simnet.Config].
type Openings struct {
	mu     sync.Mutex
	opened map[opening]bool
	resets map[opening]bool
}

// opening is a connection by the number after our SYN, and an RST by its own.
type opening struct {
	here, there netip.AddrPort
	next        craft.Seq
}

// See takes in a packet.
func (o *Openings) See(ev simnet.Event) {
	var p craft.Packet
	if ev.Fate != simnet.Passed || p.Decode(ev.Data, craft.VerifyChecksums) != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.opened == nil {
		o.opened, o.resets = map[opening]bool{}, map[opening]bool{}
	}
	switch s := &p.Segment; {
	case ev.Dir == simnet.In && s.Flags == craft.SYN|craft.ACK:
		o.opened[opening{s.Dst, s.Src, s.Ack}] = true
	case ev.Dir == simnet.Out && s.Flags == craft.RST:
		o.resets[opening{s.Src, s.Dst, s.Seq}] = true
	}
}

// Left is how many connections nobody has closed by now, who may have sent so many bytes on each after the SYN.
func (o *Openings) Left(bytes uint32) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for x := range o.opened {
		if !o.closed(x, bytes) {
			n++
		}
	}
	return n
}

func (o *Openings) closed(x opening, bytes uint32) bool {
	for rst := range o.resets {
		if rst.here == x.here && rst.there == x.there && rst.next.InWindow(x.next, bytes+1) {
			return true
		}
	}
	return false
}
