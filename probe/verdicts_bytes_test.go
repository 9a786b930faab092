package probe_test

import (
	"encoding/binary"
	"slices"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/simnet"
)

// quotePeers answer with an ICMP error whose quote is not as the probe left: routers
// cut it, and may have changed before what they quote.
func quotePeers() (list []peer) {
	for _, q := range []struct {
		name, only string
		rewrite    func(quote []byte) []byte
		ours       bool
	}{
		{"of 8 bytes of TCP", "", func(q []byte) []byte { return q[:header(q)+8] }, true},
		{"of 7 bytes of TCP", "", func(q []byte) []byte { return q[:header(q)+7] }, false},
		{"of the IP header alone", "", func(q []byte) []byte { return q[:header(q)] }, false},
		{"with another TTL and class", "", func(q []byte) []byte { q[1] ^= 0x20; q[either(q, 8, 7)] = 1; return q }, true},
		{"with another source address", "", func(q []byte) []byte { q[either(q, 15, 23)] ^= 4; return q }, false},
		{"with another source port", "", func(q []byte) []byte { q[header(q)] ^= 4; return q }, false},
		{"with another target address", "", func(q []byte) []byte { q[header(q)-1] ^= 4; return q }, false},
		{"with another target port", "", func(q []byte) []byte { q[header(q)+3] ^= 4; return q }, false},
		{"with another sequence number", "", func(q []byte) []byte { q[header(q)+7] ^= 4; return q }, false},
		{"with another acknowledgment number, window and checksum", "", func(q []byte) []byte {
			for i := 8; i < 20; i++ {
				q[header(q)+i] ^= 4
			}
			return q
		}, true},
		{"padded, before an extension structure", "", func(q []byte) []byte { // RFC 4884 §7
			return append(append(q, make([]byte, 128-len(q))...), 0x20, 0, 0xb5, 0x96, 0, 8, 1, 1, 0x1f, 0x41, 0xe1, 0x3f)
		}, true},
		{"with IP options", "IPv4", func(q []byte) []byte { q[0] = 0x46; return slices.Insert(q, 20, 1, 1, 1, 0) }, true},
		{"of a first fragment", "IPv4", func(q []byte) []byte { q[6] = 0x20; return q }, true},
		{"of a later fragment", "IPv4", func(q []byte) []byte { q[6], q[7] = 0, 9; return q }, false},
		{"of a length in another order", "IPv4", func(q []byte) []byte { q[2], q[3] = q[3], q[2]; return q }, true},
		{"with an authentication header", "", func(q []byte) []byte { return behind(q, 51, 4) }, true},
		{"with hop-by-hop options", "IPv6", func(q []byte) []byte { return behind(q, 0, 0, 0, 0, 1, 4) }, true},
		{"with destination options", "IPv6", func(q []byte) []byte { return behind(q, 60, 0, 0, 0, 1, 4) }, true},
		{"with a routing header", "IPv6", func(q []byte) []byte { return behind(q, 43, 0, 4, 1) }, true},
		{"of an atomic fragment", "IPv6", func(q []byte) []byte { return behind(q, 44) }, true},
		{"of a first fragment", "IPv6", func(q []byte) []byte { return behind(q, 44, 0, 0, 1) }, true},
		{"of a later fragment", "IPv6", func(q []byte) []byte { return behind(q, 44, 0, 0, 8) }, false},
		{"with two headers", "IPv6", func(q []byte) []byte { return behind(behind(q, 60, 0, 1, 4), 0, 0, 1, 4) }, true},
	} {
		host := func(f family) simnet.Host {
			e := f.prohibited()
			e.Rewrite = q.rewrite
			return onSYN(func(family) simnet.ICMP { return e })(f)
		}
		reason := probe.Reason("admin-prohibited")
		if !q.ours {
			reason = probe.ReasonNoResponse
		}
		list = append(list, peer{"ICMP that quotes a segment " + q.name, host, filtered, reason, q.only})
	}
	return list
}

// header is the length of a packet's IP header, which has no options.
func header(p []byte) int { return either(p, 20, 40) }

// either is one of two places in a packet, by its version.
func either(p []byte, four, six int) int {
	if p[0]>>4 == 4 {
		return four
	}
	return six
}

// behind puts a header in front of what follows the IP header: 24 bytes for an
// authentication header (RFC 4302 §2), else 8, which begin with those after the first.
func behind(p []byte, kind byte, rest ...byte) []byte {
	place, h := either(p, 9, 6), make([]byte, 8)
	if kind == 51 {
		h = make([]byte, 24)
	}
	h[0] = p[place]
	copy(h[1:], rest)
	p[place] = kind
	p = slices.Insert(p, header(p), h...)
	binary.BigEndian.PutUint16(p[either(p, 2, 4):], uint16(len(p)-either(p, 0, 40))) // nobody verifies sums in quotes
	return p
}

// fragmentPeers answer in fragments: what proves an answer is in the first one, if
// anywhere whole.
func fragmentPeers() (list []peer) {
	listening := func() simnet.Host { return simnet.Linux(80) }
	closed := func() simnet.Host { return simnet.Only(craft.SYN, simnet.Closed{}) }
	long := func(s *craft.Segment) { s.Options = craft.Options(slices.Repeat([]byte{1}, 40)) }
	for _, c := range []struct {
		name   string
		host   func() simnet.Host
		size   int // bytes of TCP in a fragment
		change func(*craft.Segment)
		state  probe.State
		reason probe.Reason
	}{
		{"SYN-ACK", listening, 24, long, open, probe.ReasonSYNACK},
		{"SYN-ACK, the first of 8 bytes", listening, 8, long, filtered, probe.ReasonNoResponse},
		{"SYN-ACK that acknowledges something else", listening, 24, func(s *craft.Segment) { long(s); s.Ack += 7 }, filtered, probe.ReasonNoResponse},
		{"SYN-ACK with data and FIN", listening, 64, func(s *craft.Segment) {
			if long(s); s.Flags.Has(craft.SYN) {
				s.Flags, s.Payload = s.Flags|craft.FIN, make([]byte, 100)
			}
		}, open, probe.ReasonSYNACK},
		{"RST", closed, 24, long, refused, probe.ReasonReset},
		{"RST without ACK", closed, 24, func(s *craft.Segment) { long(s); s.Flags, s.Ack = craft.RST, 0 }, filtered, probe.ReasonNoResponse},
	} {
		host := func(family) simnet.Host { return simnet.Fragmented(simnet.Mangle(c.host(), c.change), c.size) }
		list = append(list, peer{"in fragments: " + c.name, host, c.state, c.reason, ""})
	}
	narrow := func(f family) simnet.Host {
		host, e := simnet.Linux(80), f.icmp(2, 0)
		if f.addr().Is4() {
			e = f.icmp(3, 4)
		}
		return simnet.Fragmented(simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
			if in.Flags == craft.SYN && len(in.Options) > 0 {
				simnet.Rejected{ICMP: e}.Respond(now, in, out)
				return
			}
			host.Respond(now, in, out)
		}), 64)
	}
	list = append(list, peer{"in fragments: a way that is too narrow for options", narrow, filtered, probe.ReasonNoResponse, ""})
	return append(list, errorsInFragments()...)
}

// errorsInFragments are ICMP errors whose first fragment has the numbers of the probe:
// they prove what the error is about, but not that the quote was rewritten.
func errorsInFragments() (list []peer) {
	for _, c := range []struct {
		name    string
		icmp    func(family) simnet.ICMP
		rewrite func(q []byte) []byte
		reason  probe.Reason
	}{
		{"ICMP", family.prohibited, nil, "admin-prohibited"},
		{"ICMP with another source port", family.prohibited, func(q []byte) []byte { q[header(q)] ^= 4; return q }, probe.ReasonNoResponse},
	} {
		host := func(f family) simnet.Host {
			e := c.icmp(f)
			e.Rewrite = c.rewrite
			return simnet.Fragmented(onSYN(func(family) simnet.ICMP { return e })(f), 64)
		}
		list = append(list, peer{"in fragments: " + c.name, host, filtered, c.reason, ""})
	}
	return list
}
