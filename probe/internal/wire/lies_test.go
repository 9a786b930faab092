package wire

import (
	"flag"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"

	"synscope/craft"
	"synscope/internal/mutate"
	"synscope/netraw"
	"synscope/probe"
)

// lies is how many mutated answers the matcher is told; scripts/fuzz tells it
// hundreds of millions.
var lies = flag.Int("lies", 300000, "mutated answers")

// among is a matcher with probes of ours, and answers to them.
type among struct {
	matcher Matcher
	sent    map[ourFlow]Numbers
	genuine [][]byte
	chance  *rand.Rand
}

type ourFlow struct{ us, them netip.AddrPort }

func newAmong(t testing.TB, seed uint64) *among {
	a := &among{sent: map[ourFlow]Numbers{}, chance: rand.New(rand.NewPCG(seed, 5))}
	technique, err := probe.TechniqueByName("syn")
	if err != nil {
		t.Fatal(err)
	}
	a.matcher = Matcher{Cookie: NewCookie([16]byte{byte(seed), 2, 3}), Tech: technique, Ports: []uint16{40001, 40002}, Attempts: 2}
	for _, ends := range [][2]string{{"192.0.2.1", "198.51.100.7"}, {"2001:db8::1", "2001:db8:1::7"}} {
		for attempt, port := range a.matcher.Ports {
			f := ourFlow{netip.AddrPortFrom(netip.MustParseAddr(ends[0]), port), netip.AddrPortFrom(netip.MustParseAddr(ends[1]), 80)}
			a.sent[f] = a.matcher.Cookie.Numbers(f.us, f.them, attempt)
			a.answers(t, f)
		}
	}
	return a
}

// answers are those that RFC 9293 knows.
func (a *among) answers(t testing.TB, f ourFlow) {
	n := a.sent[f]
	for _, s := range []craft.Segment{
		{Flags: craft.SYN | craft.ACK, Seq: 9, Ack: n.Seq.Add(1), Options: craft.Options{2, 4, 5, 0xb4}},
		{Flags: craft.RST | craft.ACK, Ack: n.Seq.Add(1)}, {Flags: craft.RST, Seq: n.Ack}, {Flags: craft.RST | craft.ACK, Ack: n.Seq},
		{Flags: craft.SYN, Seq: 9}, {Flags: craft.ACK, Seq: 9, Ack: n.Seq.Add(1)}, {Flags: craft.ACK | craft.PSH, Ack: n.Seq.Add(1), Payload: []byte("hello")},
	} {
		s.Src, s.Dst, s.TTL = f.them, f.us, 60
		b, err := s.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		a.genuine = append(a.genuine, b)
	}
}

// tell tells the matcher one lie, and returns what it made of it.
func (a *among) tell(p *craft.Packet, ev *Event) []byte {
	b := append([]byte(nil), a.genuine[a.chance.IntN(len(a.genuine))]...)
	b = mutate.Packet(b, a.genuine[a.chance.IntN(len(a.genuine))], a.chance)
	*ev = Event{}
	a.matcher.examine(&netraw.Packet{Data: b}, p, ev)
	return b
}

// justified tells whether an event carries a number of ours, by the numbers alone.
func (a *among) justified(ev *Event) bool {
	n, ok := a.sent[ourFlow{ev.Seg.Dst, ev.Seg.Src}]
	switch {
	case !ok:
		return false
	case ev.Kind == KindReset:
		return ev.Seg.Flags.Has(craft.ACK) && ev.Seg.Ack == n.Seq.Add(1)
	case ev.Kind == KindAskedReset:
		return !ev.Seg.Flags.Has(craft.ACK) && ev.Seg.Seq == n.Ack
	}
	return ev.Seg.Flags.Has(craft.ACK) && ev.Seg.Ack == n.Seq.Add(1)
}

// Whatever arrives, what is matched by its numbers has them, and the sums of its
// packet are right.
func TestMatcherAmongLies(t *testing.T) {
	a := newAmong(t, 1)
	var p craft.Packet
	var ev Event
	kinds := map[Kind]int{}
	after := uint64(0) // a tenth of the lies
	for n := range *lies {
		if n == *lies/10 {
			after = inUse()
		}
		b := a.tell(&p, &ev)
		if ev.reject != "" {
			continue
		}
		kinds[ev.Kind]++
		if ev.Kind.Verified() && !a.justified(&ev) {
			t.Fatalf("%x is taken for kind %d", b, ev.Kind)
		}
		if start, end, _, pseudo := mutate.Layout(b); start > 0 && !mutate.FirstFragment(b) && mutate.Sum(b[start:end], pseudo) != 0xffff {
			t.Fatalf("%x has a wrong sum and is taken for kind %d", b, ev.Kind)
		}
	}
	if kinds[KindSYNACK] == 0 || kinds[KindReset] == 0 || kinds[KindSYN] == 0 {
		t.Errorf("nothing was matched: %v", kinds)
	}
	t.Logf("%d lies: %v", *lies, kinds)
	if now := inUse(); now > after+64<<10 {
		t.Errorf("%d bytes are held after %d lies, %d after %d", now, *lies, after, *lies/10)
	}
	runtime.KeepAlive(a)
}

// inUse is what is in use after everything else was collected.
func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// FuzzMatcher tells the matcher what a fuzzer makes of genuine answers.
func FuzzMatcher(f *testing.F) {
	a := newAmong(f, 1)
	for _, b := range a.genuine {
		f.Add(b, true)
	}
	var p craft.Packet
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		if mend {
			mutate.FixSums(b)
		}
		var ev Event
		if a.matcher.examine(&netraw.Packet{Data: b}, &p, &ev); ev.reject == "" && ev.Kind.Verified() && ev.Kind != KindICMP && ev.Kind != KindPathMTU && !a.justified(&ev) {
			t.Errorf("%x is taken for kind %d", b, ev.Kind)
		}
	})
}
