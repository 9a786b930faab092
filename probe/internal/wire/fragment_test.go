package wire

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"synscope/craft"
	"synscope/internal/mutate"
	"synscope/netraw"
	"synscope/probe"
)

// firstOf makes the first fragment of an IPv4 packet: of its last 8 bytes nothing, and
// more to come.
func firstOf(t *testing.T, b []byte, err error) *netraw.Packet {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	b = b[:len(b)-8]
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[6:], 0x2000)
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], ^mutate.Sum(b[:20], 0))
	return &netraw.Packet{Data: b}
}

func first(t *testing.T, s craft.Segment) *netraw.Packet {
	t.Helper()
	b, err := s.AppendTo(nil)
	return firstOf(t, b, err)
}

// A first fragment of another protocol is no fragment of an answer.
func TestFragmentOfAnotherProtocol(t *testing.T) {
	s := craft.Segment{
		Src: netip.MustParseAddrPort("198.51.100.7:80"), Dst: netip.MustParseAddrPort("192.0.2.1:40001"), TTL: 60,
		Flags: craft.SYN | craft.ACK, Payload: make([]byte, 64),
	}
	for protocol, want := range map[byte]string{17: rejectUnsupported, 47: rejectUnsupported, 1: rejectUnsupported, 6: ""} {
		b, err := s.AppendTo(nil)
		if err == nil {
			b[9] = protocol
		}
		var p craft.Packet
		if got := Decode(firstOf(t, b, err), &p); got != want {
			t.Errorf("protocol %d: %q, want %q", protocol, got, want)
		}
	}
}

// A first fragment is believed the number that it repeats, and no more: not its options,
// not how long it is, and it is no evidence.
func TestFirstFragmentProvesItsNumber(t *testing.T) {
	us, them := netip.MustParseAddrPort("192.0.2.1:40001"), netip.MustParseAddrPort("198.51.100.7:80")
	m := Matcher{Cookie: NewCookie([16]byte{1}), Ports: []uint16{40001}, Attempts: 1}
	n := m.Cookie.Numbers(us, them, 0)
	options := slices.Repeat(craft.Options{1}, 12)
	for _, c := range []struct {
		technique string
		s         craft.Segment
		kind      Kind
		state     probe.State
	}{
		{"syn", craft.Segment{Flags: craft.SYN | craft.ACK | craft.FIN, Seq: 9, Ack: n.Seq.Add(1), Window: 7, Options: options, Payload: make([]byte, 64)}, KindSYNACK, probe.StateOpen},
		{"syn", craft.Segment{Flags: craft.RST | craft.ACK, Ack: n.Seq.Add(1), Payload: make([]byte, 64)}, KindReset, probe.StateRefused},
		{"syn", craft.Segment{Flags: craft.ACK, Ack: n.Seq.Add(1), Payload: make([]byte, 64)}, KindNone, 0},
		{"syn", craft.Segment{Flags: craft.ACK | craft.FIN, Ack: n.Seq.Add(1), Payload: make([]byte, 64)}, KindNone, 0},
		{"ack", craft.Segment{Flags: craft.RST, Seq: n.Ack, Window: 7, Payload: make([]byte, 64)}, KindReset, probe.StateUnfiltered},
		{"window", craft.Segment{Flags: craft.RST, Seq: n.Ack, Window: 7, Payload: make([]byte, 64)}, KindNone, 0},
	} {
		var err error
		if m.Tech, err = probe.TechniqueByName(c.technique); err != nil {
			t.Fatal(err)
		}
		c.s.Src, c.s.Dst, c.s.TTL = them, us, 60
		var p craft.Packet
		var ev Event
		m.examine(first(t, c.s), &p, &ev)
		if ev.Kind != c.kind || (ev.reject == RejectFragment) != (c.kind == KindNone) {
			t.Errorf("%s, %v: kind %d, rejected: %q", c.technique, c.s.Flags, ev.Kind, ev.reject)
		}
		if c.kind == KindNone {
			continue
		}
		v := Judge(m.Tech, them, &ev)
		if v.State != c.state || v.Reply != nil || v.TTL != 60 {
			t.Errorf("%s, %v: %v, reply %v, TTL %d", c.technique, c.s.Flags, v.State, v.Reply, v.TTL)
		}
		whole := craft.Segment{Flags: c.s.Flags &^ craft.FIN}
		if ev.Seg.Len() != whole.Len() || len(ev.Seg.Options) > 0 {
			t.Errorf("%s, %v: %d numbers, options %v", c.technique, c.s.Flags, ev.Seg.Len(), ev.Seg.Options)
		}
	}
}
