// Package adversary is a network that lies: hosts whose genuine answers come
// changed in every way that a stranger could change them, and a judge beside it,
// who reads packets by rules of his own and knows which verdicts they justify.
package adversary

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/internal/mutate"
	"synscope/probe/simnet"
)

// Liar is a host that answers each segment with lies made of what an honest host
// would have said, and now and then with the truth.
type Liar struct {
	Host    simnet.Host
	Lies    int     // for each segment
	Truth   float64 // chance that a genuine answer passes unchanged
	Chance  *rand.Rand
	Told    uint64   // lies so far
	earlier [][]byte // genuine packets, to be mixed
}

// remembered is how many genuine packets are kept for mixing.
const remembered = 32

// Respond is [simnet.Host].
func (l *Liar) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	genuine := l.genuine(in)
	l.Host.Respond(now, in, &overheard{Emitter: out, liar: l, genuine: &genuine})
	for range l.Lies {
		b := append([]byte(nil), genuine[l.Chance.IntN(len(genuine))]...)
		l.Told++
		out.Raw(l.soon(), mutate.Packet(b, l.other(), l.Chance))
	}
	for _, b := range genuine {
		l.remember(b)
	}
}

// Lie is one answer to a segment as a stranger would change it.
func (l *Liar) Lie(in *craft.Segment) []byte {
	genuine := l.genuine(in)
	l.Told++
	return mutate.Packet(genuine[l.Chance.IntN(len(genuine))], genuine[l.Chance.IntN(len(genuine))], l.Chance)
}

// soon is when a packet leaves: often at once, mostly within a round trip, and now
// and then after the probe was given up.
func (l *Liar) soon() time.Duration {
	switch l.Chance.IntN(8) {
	case 0, 1, 2:
		return 0
	case 3:
		return time.Duration(l.Chance.Int64N(int64(3 * time.Second)))
	}
	return time.Duration(l.Chance.Int64N(int64(20 * time.Millisecond)))
}

func (l *Liar) other() []byte {
	if len(l.earlier) == 0 {
		return nil
	}
	return l.earlier[l.Chance.IntN(len(l.earlier))]
}

func (l *Liar) remember(b []byte) {
	if len(l.earlier) < remembered {
		l.earlier = append(l.earlier, b)
		return
	}
	l.earlier[l.Chance.IntN(remembered)] = b
}

// genuine are the answers that RFC 9293 and RFC 792 know to a segment, whatever
// the host would say.
func (l *Liar) genuine(in *craft.Segment) (list [][]byte) {
	base := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 60, Window: 29200, Seq: craft.Seq(l.Chance.Uint32())}
	for _, a := range []struct {
		flags    craft.Flags
		seq, ack craft.Seq
	}{
		{craft.SYN | craft.ACK, base.Seq, in.Seq.Add(in.Len())},
		{craft.SYN | craft.ACK, base.Seq, in.Seq.Add(1)},
		{craft.RST | craft.ACK, 0, in.Seq.Add(in.Len())},
		{craft.RST, in.Ack, 0},
		{craft.SYN, base.Seq, 0},
		{craft.ACK, base.Seq, in.Seq.Add(in.Len())},
		{craft.ACK | craft.FIN, base.Seq, in.Seq.Add(in.Len())},
		{craft.ACK | craft.PSH, in.Ack, in.Seq.Add(in.Len())},
	} {
		s := base
		s.Flags, s.Seq, s.Ack = a.flags, a.seq, a.ack
		if a.flags.Has(craft.SYN) {
			s.Options = craft.Options{2, 4, 5, 0xb4, 1, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0, 0}
		}
		if a.flags.Has(craft.PSH) {
			s.Payload = []byte("220 hello\r\n")
		}
		list = appendSegment(list, &s)
	}
	for _, typ := range [][2]uint8{{3, 1}, {3, 13}, {11, 0}, {3, 4}} {
		m := simnet.ICMP{Type: typ[0], Code: typ[1], MTU: 1280, QuoteTCP: 8, Quote: *in}
		if in.Dst.Addr().Is6() {
			m.Type, m.Code = map[uint8]uint8{3: 1, 11: 3}[typ[0]], typ[1]%8
		}
		if b, err := m.AppendTo(nil); err == nil {
			list = append(list, b)
		}
	}
	return list
}

func appendSegment(list [][]byte, s *craft.Segment) [][]byte {
	if b, err := s.AppendTo(nil); err == nil {
		list = append(list, b)
	}
	return list
}

// overheard keeps what the honest host says, and lets little of it pass.
type overheard struct {
	simnet.Emitter
	liar    *Liar
	genuine *[][]byte
}

func (o *overheard) Segment(after time.Duration, s *craft.Segment) {
	*o.genuine = appendSegment(*o.genuine, s)
	if o.liar.Chance.Float64() < o.liar.Truth {
		o.Emitter.Segment(after, s)
	}
}

func (o *overheard) ICMP(after time.Duration, m *simnet.ICMP) {
	if b, err := m.AppendTo(nil); err == nil {
		*o.genuine = append(*o.genuine, b)
	}
	if o.liar.Chance.Float64() < o.liar.Truth {
		o.Emitter.ICMP(after, m)
	}
}

func (o *overheard) Raw(after time.Duration, b []byte) { o.Emitter.Raw(after, b) }

// Targets are addresses behind which a liar is put: of both families.
func Targets(n int) (list []netip.AddrPort) {
	for i := range n {
		a := netip.AddrFrom4([4]byte{198, 51, 100, byte(1 + i/2)})
		if i%2 == 1 {
			b := netip.MustParseAddr("2001:db8:1::").As16()
			b[15] = byte(1 + i/2)
			a = netip.AddrFrom16(b)
		}
		list = append(list, netip.AddrPortFrom(a, uint16(80+i%3)))
	}
	return list
}
