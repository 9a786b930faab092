package scan

import (
	"iter"
	"net/netip"

	"synscope/craft"
	"synscope/probe/internal/wire"
)

// Preview yields the first transmission of every target, as [Run] would send
// it from the given addresses and port, without a network. The segment is valid
// until the next one.
func Preview(cfg Config, from4, from6 netip.Addr, port uint16) (iter.Seq[*craft.Segment], error) {
	cfg.setDefaults()
	p, err := wire.NewPackets(cfg.look())
	if err != nil {
		return nil, err
	}
	return func(yield func(*craft.Segment) bool) {
		c := wire.NewCookie(cfg.Key)
		for target := range wire.EachUnmapped(cfg.Targets) {
			src := netip.AddrPortFrom(from6, port)
			if target.Addr().Is4() {
				src = netip.AddrPortFrom(from4, port)
			}
			if !yield(preview(p, src, target, c)) {
				return
			}
		}
	}, nil
}

// preview stamps out one packet and reads it back, so that what is shown is
// what the bytes say.
func preview(p *wire.Packets, src, target netip.AddrPort, c wire.Cookie) *craft.Segment {
	p.Add(false, src, target, c.Numbers(src, target, 0), 0)
	var out craft.Packet
	out.Decode(p.Batch[0], craft.TrustChecksums)
	p.Clear()
	return &out.Segment
}
