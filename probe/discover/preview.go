package discover

import (
	"fmt"
	"iter"
	"net/netip"

	"synscope/craft"
	"synscope/probe/internal/wire"
)

// Most is how many packets a host off the link gets at most where none are lost, responses to
// its answers not counted; MostLost is how many more where many are.
const (
	Most     = 6
	MostLost = 5 * moreRounds
)

// Ports are those that hosts are asked at, and 0, which stands for ICMP.
func Ports() []uint16 { return []uint16{0, 22, 80, 443} }

// Preview yields the first questions to every host, as [Run] would send them off
// the link from the given addresses and port, without a network.
func Preview(cfg Config, from4, from6 netip.Addr, port uint16) (iter.Seq[fmt.Stringer], error) {
	look := cfg.look()
	p, err := wire.NewPackets(look)
	if err != nil {
		return nil, err
	}
	e := &engine{cfg: &cfg, asks: newQuestions(cfg.Forbidden), asksAt: map[uint16]*questions{}}
	e.Packets, e.Matcher = p, wire.Matcher{Cookie: wire.NewCookie(look.Key), Tech: look.Technique, Ports: []uint16{port}, Attempts: rounds}
	return func(yield func(fmt.Stringer) bool) {
		for a := range unmapped(cfg.Hosts) {
			h := &host{Host: Host{Addr: a}, asks: e.asksOf(a), source: from6}
			if a.Is4() {
				h.source = from4
			}
			for _, s := range h.segments() {
				if shown := e.preview(h, s); shown == nil || !yield(shown) {
					return
				}
			}
		}
	}, nil
}

// preview makes one question and reads it back, so that what is shown is what
// the bytes say.
func (e *engine) preview(h *host, s segment) fmt.Stringer {
	b, err := e.packet(h, s, h.round)
	if err != nil {
		return nil
	}
	if s.echo != 0 {
		echo, _ := craft.DecodeEcho(b, craft.TrustChecksums)
		return &echo
	}
	var out craft.Packet
	out.Decode(b, craft.TrustChecksums)
	return &out.Segment
}
