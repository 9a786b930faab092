package probetest

import (
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe/simnet"
)

// Persistent lets through nothing but a SYN that has come before, from the same port and with
// the same sequence number, Least ago or more, as what protects from floods does. What is not a
// SYN passes.
type Persistent struct {
	simnet.Host
	Least time.Duration
	SYNs  map[netip.AddrPort]int // by target
	seen  map[synID]time.Time
}

type synID struct {
	src, dst netip.AddrPort
	seq      craft.Seq
}

// NewPersistent is such a host, which wants SYNs 900 ms apart.
func NewPersistent(h simnet.Host) *Persistent {
	return &Persistent{Host: h, Least: 900 * Millisecond, SYNs: map[netip.AddrPort]int{}, seen: map[synID]time.Time{}}
}

// Respond implements [simnet.Host].
func (p *Persistent) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	if in.Flags == craft.SYN {
		p.SYNs[in.Dst]++
		id := synID{in.Src, in.Dst, in.Seq}
		if before, again := p.seen[id]; !again || now.Sub(before) < p.Least {
			p.seen[id] = now
			return
		}
	}
	p.Host.Respond(now, in, out)
}

// Unstamped has a host answer without options, so without time stamps.
func Unstamped(h simnet.Host) simnet.Host {
	return simnet.Mangle(h, func(s *craft.Segment) { s.Options = nil })
}
