package netraw

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"

	"synscope/craft"
	"synscope/internal/lab"
)

// wideEngines are those whose answers to one table are compared.
var wideEngines = map[string]func(t *testing.T, p *peer) wideEngine{
	"raw":    func(t *testing.T, p *peer) wideEngine { return rawAsWide{open(t, &Config{Interface: p.here})} },
	"packet": func(t *testing.T, p *peer) wideEngine { return openPacket(t, Config{}) },
	"xdp": func(t *testing.T, p *peer) wideEngine {
		x := openXDP(t, p, Config{})
		x.in.expect(our4)
		x.in.expect(our6)
		return x
	},
}

// errorCase is an ICMP error about a probe: what is changed in the quote, and in
// the message round it, before its sums are made and after.
type errorCase struct {
	name   string
	quote  func(quote []byte) []byte
	change func(packet []byte) []byte
	kind   [2]byte // type and code; zero: host or address unreachable
	taken  bool
}

func errorCases(four bool) []errorCase {
	set := func(at int, values ...byte) func([]byte) []byte {
		return func(p []byte) []byte { copy(p[at:], values); return p }
	}
	header := 40
	if four {
		header = 20
	}
	cases := []errorCase{
		{"unreachable", same, same, [2]byte{}, true},
		{"eight bytes of the segment", func(q []byte) []byte { return q[:header+8] }, same, [2]byte{}, true},
		{"seven bytes of the segment", func(q []byte) []byte { return q[:header+7] }, same, [2]byte{}, false},
		{"a quote without its segment", func(q []byte) []byte { return q[:header] }, same, [2]byte{}, false},
		{"half a header", func(q []byte) []byte { return q[:12] }, same, [2]byte{}, false},
		{"no quote", func(q []byte) []byte { return nil }, same, [2]byte{}, false},
		{"garbage behind the quote", func(q []byte) []byte { return append(q, slices.Repeat([]byte{0xa5}, 300)...) }, same, [2]byte{}, true},
		{"sum wrong", same, func(p []byte) []byte { p[len(p)-1] ^= 1; return p }, [2]byte{}, false},
		{"cut short", same, func(p []byte) []byte { return p[:len(p)-4] }, [2]byte{}, false},
		{"another sequence number", set(header+4, 1, 2, 3, 4), same, [2]byte{}, false},
		{"another port of ours", set(header, 0, 1), same, [2]byte{}, false},
	}
	if four {
		return append(cases, []errorCase{
			{"quote with IP options", func(q []byte) []byte { q = slices.Insert(q, 20, 1, 1, 1, 0); q[0] = 0x46; return q }, same, [2]byte{}, true},
			{"quote whose header goes on beyond it", set(0, 0x4f), same, [2]byte{}, false},
			{"quote with IHL 4", set(0, 0x44), same, [2]byte{}, false},
			{"quote of a later fragment", set(6, 0, 9), same, [2]byte{}, false},
			{"quote of a first fragment", set(6, 0x20, 0), same, [2]byte{}, true},
			{"quote of UDP", set(9, 17), same, [2]byte{}, false},
			{"quote with an authentication header", authentication(2), same, [2]byte{}, true},
			{"quote with an authentication header beyond it", func(q []byte) []byte { q = authentication(2)(q); q[21] = 100; return q }, same, [2]byte{}, false},
			{"quote with other TTL, TOS and ID", func(q []byte) []byte { q[1], q[5], q[8] = 0x28, 9, 1; return q }, same, [2]byte{}, true},
			{"extension structure behind the quote", func(q []byte) []byte { return extended(q) }, func(p []byte) []byte { p[25] = 32; return resum(p) }, [2]byte{}, true},
			{"extension structure without a length", func(q []byte) []byte { return extended(q) }, same, [2]byte{}, true},
			{"quote with another source", set(12, 10, 0, 0, 1), same, [2]byte{}, false},
			{"quote with another destination", set(16, 10, 0, 0, 1), same, [2]byte{}, false},
			{"first fragment", same, func(p []byte) []byte { p[6] = 0x20; return headerSum(p, 20) }, [2]byte{}, true},
			{"later fragment", same, func(p []byte) []byte { p[7] = 8; return headerSum(p, 20) }, [2]byte{}, false},
			{"quote that says IPv6", set(0, 0x65), same, [2]byte{}, false},
			{"length of the quote in another order", set(2, 40, 0), same, [2]byte{}, true},
			{"fragmentation needed, MTU 0", same, same, [2]byte{3, 4}, true},
			{"source quench", same, same, [2]byte{4, 0}, true},
			{"redirect", same, same, [2]byte{5, 1}, true},
			{"time exceeded", same, same, [2]byte{11, 0}, true},
			{"parameter problem", same, same, [2]byte{12, 0}, true},
			{"echo request", same, same, [2]byte{8, 0}, false},
			{"unknown type", same, same, [2]byte{44, 0}, false},
		}...)
	}
	return append(cases, []errorCase{
		{"behind hop-by-hop", same, extension(0, 1, 4, 0, 0, 0, 0), [2]byte{}, true},
		{"quote with hop-by-hop options", extension(0, 1, 4, 0, 0, 0, 0), same, [2]byte{}, true},
		{"quote with destination options", extension(60, 1, 4, 0, 0, 0, 0), same, [2]byte{}, true},
		{"quote with a routing header", extension(43, 0, 1, 0, 0, 0, 0), same, [2]byte{}, true},
		{"quote of an atomic fragment", extension(44, 0, 0, 0, 0, 0, 7), same, [2]byte{}, true},
		{"quote of a first fragment", extension(44, 0, 0, 1, 0, 0, 7), same, [2]byte{}, true},
		{"quote of a later fragment", extension(44, 0, 0, 8, 0, 0, 7), same, [2]byte{}, false},
		{"quote with an authentication header", authentication(2), same, [2]byte{}, true},
		{"quote with three headers, behind two", func(q []byte) []byte {
			return extension(0, 1, 4, 0, 0, 0, 0)(extension(43, 0, 0, 0, 0, 0, 0)(extension(60, 1, 4, 0, 0, 0, 0)(q)))
		}, func(p []byte) []byte {
			return extension(0, 1, 4, 0, 0, 0, 0)(extension(60, 1, 4, 0, 0, 0, 0)(p))
		}, [2]byte{}, true},
		{"quote that ends in its extension header", func(q []byte) []byte { return extension(60, 1, 4, 0, 0, 0, 0)(q)[:44] }, same, [2]byte{}, false},
		{"eight bytes of the segment behind a header", func(q []byte) []byte { return extension(60, 1, 4, 0, 0, 0, 0)(q)[:56] }, same, [2]byte{}, true},
		{"quote with other hop limit, class and flow label", func(q []byte) []byte { q[0], q[1], q[3], q[7] = 0x62, 0x8a, 9, 1; return q }, same, [2]byte{}, true},
		{"extension structure behind the quote", func(q []byte) []byte { return extended(q) }, func(p []byte) []byte { p[44] = 16; return resum(p) }, [2]byte{}, true},
		{"quote with another source", set(8, 0x20, 1, 0xd, 0xb8, 9), same, [2]byte{}, false},
		{"quote with another destination", set(24, 0x20, 1, 0xd, 0xb8, 9), same, [2]byte{}, false},
		{"first fragment", same, extension(44, 0, 0, 1, 0, 0, 7), [2]byte{}, true},
		{"later fragment", same, extension(44, 0, 0, 8, 0, 0, 7), [2]byte{}, false},
		{"quote of UDP", set(6, 17), same, [2]byte{}, false},
		{"quote that says IPv4", set(0, 0x45), same, [2]byte{}, false},
		{"packet too big, MTU 0", same, same, [2]byte{2, 0}, true},
		{"time exceeded", same, same, [2]byte{3, 0}, true},
		{"parameter problem", same, same, [2]byte{4, 1}, true},
		{"an error of a later RFC", same, same, [2]byte{100, 0}, false},
		{"redirect", same, same, [2]byte{137, 0}, false},
	}...)
}

// extended pads a quote to 128 bytes, and puts an extension structure with an MPLS label
// behind it (RFC 4884 §7, RFC 4950 §4).
func extended(q []byte) []byte {
	return append(append(q, make([]byte, 128-len(q))...), 0x20, 0, 0xb5, 0x96, 0, 8, 1, 1, 0x1f, 0x41, 0xe1, 0x3f)
}

// about makes the error about a probe.
func (c *errorCase) about(probe []byte, four bool) []byte {
	kind, protocol := c.kind, byte(protoICMPv6)
	if kind == [2]byte{} {
		kind = [2]byte{1, 3}
	}
	p := slices.Clone(probe[:40])
	p[6], p[7] = protocol, 64
	copy(p[8:24], peer6.AsSlice())
	copy(p[24:40], our6.AsSlice())
	if four {
		if c.kind == [2]byte{} {
			kind = [2]byte{3, 1}
		}
		p = slices.Clone(probe[:20])
		p[6], p[7], p[8], p[9] = 0, 0, 64, protoICMP
		copy(p[12:16], peer4.AsSlice())
		copy(p[16:20], our4.AsSlice())
	}
	p = append(p, kind[0], kind[1], 0, 0, 0, 0, 0, 0)
	p = relength(append(p, c.quote(slices.Clone(probe))...))
	return c.change(resum(p))
}

// One table of ICMP errors goes through every engine, on the wire, and each gives the
// same answer.
func TestEnginesAgreeOnErrors(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	onEngines(t, errorCases, func(t *testing.T, at *probed, row errorCase) {
		probe := segmentBytes(t, craft.Segment{Src: at.src, Dst: at.dst, Seq: at.seq, Flags: craft.SYN})
		taken := at.p.delivers(t, at.c, func() { at.p.throw(row.about(probe, at.four), at.four) }, quotes(at))
		if taken != row.taken {
			t.Errorf("IPv4 %v, %s: taken is %v, want %v", at.four, row.name, taken, row.taken)
		}
	})
}

// probed is a probe that an engine may have sent.
type probed struct {
	engine   string
	p        *peer
	c        wideEngine
	four     bool // IPv4
	src, dst netip.AddrPort
	seq      craft.Seq
}

// onEngines tries the rows of a table on each engine, of both versions of IP, each with a
// probe of its own.
func onEngines[R any](t *testing.T, rows func(four bool) []R, try func(*testing.T, *probed, R)) {
	for name, open := range wideEngines {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t)
			p.do(func() { must(lab.AcceptRedirects(p.there)) })
			c := open(t, p)
			for _, four := range []bool{true, false} {
				for i, row := range rows(four) {
					at := probed{engine: name, p: p, c: c, four: four}
					at.src, at.dst = netip.AddrPortFrom(our6, c.Ports()[0]), netip.AddrPortFrom(peer6, uint16(1000+i))
					if four {
						at.src, at.dst = netip.AddrPortFrom(our4, at.src.Port()), netip.AddrPortFrom(peer4, at.dst.Port())
					}
					at.seq, _ = cookieOf(testKey, at.src, at.dst, 0)
					try(t, &at, row)
				}
			}
		})
	}
}

// quotes reports whether a packet is an error that quotes a probe: its addresses, ports
// and number.
func quotes(at *probed) func(*craft.Packet) bool {
	return func(p *craft.Packet) bool {
		q := &p.ICMP.Quote
		return p.Kind == craft.PacketICMPError && q.Seq == at.seq && q.Src == at.src && q.Dst == at.dst
	}
}

// What is on the wire for another link address is for no engine, also where the
// interface lets it in.
func TestEnginesIgnoreFramesForOthers(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	for name, open := range wideEngines {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t)
			p.do(func() { must(lab.AcceptRedirects(p.there)) })
			c := open(t, p)
			near, err := netlink.LinkByName(p.here)
			must(err)
			must(netlink.SetPromiscOn(near))
			own := near.Attrs().HardwareAddr
			other := slices.Clone(own)
			other[5] ^= 1
			for i, row := range []struct {
				mac   net.HardwareAddr
				taken bool
			}{{own, true}, {other, false}, {net.HardwareAddr{255, 255, 255, 255, 255, 255}, true}} {
				src, dst := netip.AddrPortFrom(our4, c.Ports()[0]), netip.AddrPortFrom(peer4, uint16(1000+i))
				seq, _ := cookieOf(testKey, src, dst, 0)
				answer := segmentBytes(t, craft.Segment{Src: dst, Dst: src, Seq: 77, Ack: seq.Add(1), Flags: synAck})
				taken := p.delivers(t, c, func() { p.throwTo(row.mac, answer, true) }, acknowledges(seq.Add(1)))
				if taken != row.taken {
					t.Errorf("to %v: taken is %v", row.mac, taken)
				}
			}
		})
	}
}
