package simnet

import (
	"cmp"
	"net/netip"
	"time"

	"synscope/craft"
)

// wrapped passes everything a host emits through the functions that are set,
// what it schedules for later included.
type wrapped struct {
	Emitter
	delay   time.Duration
	segment func(after time.Duration, s *craft.Segment, out Emitter)
	icmp    func(after time.Duration, m *ICMP, out Emitter)
}

func (w wrapped) Segment(after time.Duration, s *craft.Segment) {
	if w.segment == nil {
		w.Emitter.Segment(after+w.delay, s)
		return
	}
	w.segment(after+w.delay, s, w.Emitter)
}

func (w wrapped) ICMP(after time.Duration, m *ICMP) {
	if w.icmp == nil {
		w.Emitter.ICMP(after+w.delay, m)
		return
	}
	w.icmp(after+w.delay, m, w.Emitter)
}

func (w wrapped) Raw(after time.Duration, b []byte) { w.Emitter.Raw(after+w.delay, b) }

func (w wrapped) Schedule(after time.Duration, f func(time.Time, Emitter)) *Timer {
	return w.Emitter.Schedule(after, func(now time.Time, out Emitter) {
		w.Emitter = out
		f(now, w)
	})
}

// Slow is a host whose every packet takes longer on its way back.
func Slow(h Host, by time.Duration) Host {
	return HostFunc(func(now time.Time, in *craft.Segment, out Emitter) {
		h.Respond(now, in, wrapped{Emitter: out, delay: by})
	})
}

// Mangle is a host whose segments are changed before they leave, by a
// middlebox or by a bug.
func Mangle(h Host, edit func(*craft.Segment)) Host {
	return rewrite(h, func(after time.Duration, s *craft.Segment, out Emitter) {
		changed := *s
		edit(&changed)
		out.Segment(after, &changed)
	})
}

// Garble is a host whose segments are changed as bytes, checksums already in
// place: cut short, or with bits turned.
func Garble(h Host, edit func([]byte) []byte) Host {
	return rewrite(h, func(after time.Duration, s *craft.Segment, out Emitter) {
		if b, err := s.AppendTo(nil); err == nil {
			out.Raw(after, edit(b))
		}
	})
}

// Repeat is a host each of whose segments comes n times, gap apart.
func Repeat(h Host, n int, gap time.Duration) Host {
	return rewrite(h, func(after time.Duration, s *craft.Segment, out Emitter) {
		for i := range n {
			out.Segment(after+time.Duration(i)*gap, s)
		}
	})
}

func rewrite(h Host, segment func(time.Duration, *craft.Segment, Emitter)) Host {
	return HostFunc(func(now time.Time, in *craft.Segment, out Emitter) {
		h.Respond(now, in, wrapped{Emitter: out, segment: segment})
	})
}

// Edits for Mangle.

// AckOff adds d, modulo 2^32, to the acknowledgement number.
func AckOff(d uint32) func(*craft.Segment) {
	return func(s *craft.Segment) { s.Ack = s.Ack.Add(d) }
}

// SeqOff adds d, modulo 2^32, to the sequence number.
func SeqOff(d uint32) func(*craft.Segment) {
	return func(s *craft.Segment) { s.Seq = s.Seq.Add(d) }
}

// Edits for Garble.

// Cut keeps the first n bytes of a packet.
func Cut(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:min(n, len(b))] } }

// FlipLast turns the last bit of a packet, and so spoils a checksum.
func FlipLast(b []byte) []byte {
	b[len(b)-1] ^= 1
	return b
}

// Chorus is several hosts that all see each segment and answer for the same
// address, in the order given.
func Chorus(hosts ...Host) Host {
	return HostFunc(func(now time.Time, in *craft.Segment, out Emitter) {
		for _, h := range hosts {
			h.Respond(now, in, out)
		}
	})
}

// Only is a host that sees nothing but the segments with exactly the given
// flags.
func Only(flags craft.Flags, h Host) Host {
	return HostFunc(func(now time.Time, in *craft.Segment, out Emitter) {
		if in.Flags == flags {
			h.Respond(now, in, out)
		}
	})
}

// OnPorts is a host that sees nothing but the segments to the ports for which on is true.
func OnPorts(h Host, on func(port uint16) bool) Host {
	return HostFunc(func(now time.Time, in *craft.Segment, out Emitter) {
		if on(in.Dst.Port()) {
			h.Respond(now, in, out)
		}
	})
}

// Away is a host that sees nothing from one moment, counted from its making, to another.
func Away(h Host, from, to time.Duration) Host {
	start := time.Now()
	return HostFunc(func(now time.Time, in *craft.Segment, out Emitter) {
		if since := now.Sub(start); since < from || since > to {
			h.Respond(now, in, out)
		}
	})
}

// ForgedReset is a host for which somebody on the way, as many hops off as ttl
// shows, answers each SYN with an RST before the genuine answer arrives.
func ForgedReset(h Host, ttl uint8, before time.Duration) Host {
	return Chorus(Only(craft.SYN, Closed{TTL: ttl}), Slow(h, before))
}

// ForgedICMP is a host in whose way somebody who cannot see our packets claims
// that it is unreachable, guessing sequence numbers wrong.
func ForgedICMP(h Host, forged ICMP) Host {
	forged.SeqOff = cmp.Or(forged.SeqOff, 1)
	return Chorus(Only(craft.SYN, Rejected{forged}), h)
}

// Behind is a host behind routers. A segment whose TTL does not last dies at
// one of them, which says so (ICMP 11/0, ICMPv6 3/0); a router that is the
// zero Addr says nothing.
func Behind(h Host, routers ...netip.Addr) Host {
	return HostFunc(func(now time.Time, in *craft.Segment, out Emitter) {
		if int(in.TTL) > len(routers) {
			arrived := *in
			arrived.TTL -= uint8(len(routers))
			h.Respond(now, &arrived, out)
			return
		}
		expire(in, routers[max(int(in.TTL), 1)-1], out)
	})
}

func expire(in *craft.Segment, router netip.Addr, out Emitter) {
	if !router.IsValid() {
		return
	}
	m := ICMP{From: router, Type: 11, QuoteTCP: 8, Quote: *in}
	if router.Is6() {
		m.Type = 3
	}
	m.Quote.TTL = 1
	out.ICMP(0, &m)
}
