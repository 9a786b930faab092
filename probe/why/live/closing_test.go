package live

import (
	"net/netip"
	"slices"
	"testing"

	"synscope/craft"
	"synscope/probe/why"
)

// An RST must carry RCV.NXT (RFC 5961 §3.2): where bytes were never acknowledged, that may
// be before or behind any of them.
func TestEveryEdgeIsClosed(t *testing.T) {
	first := craft.Seq(0xfffffffe) // the numbers pass zero
	for _, c := range []struct {
		name   string
		una    craft.Seq
		pushed []craft.Seq
		want   []craft.Seq
	}{
		{name: "nothing was sent", una: first, want: []craft.Seq{first}},
		{name: "a byte may have arrived", una: first, pushed: []craft.Seq{first + 1}, want: []craft.Seq{first, first + 1}},
		{name: "of several sizes each", una: first, pushed: []craft.Seq{first + 500, first + 100}, want: []craft.Seq{first, first + 100, first + 500}},
		{name: "the acknowledgment came late", una: first + 1, pushed: []craft.Seq{first + 1}, want: []craft.Seq{first + 1}},
	} {
		k := &conn{exchange: &exchange{next: first}, t: &why.Trial{}, una: c.una, fates: map[craft.Seq]*fate{}}
		for _, end := range c.pushed {
			k.fates[end] = &fate{sent: 1}
		}
		got := k.edges()
		slices.SortFunc(got, func(a, b craft.Seq) int { return int(a.Sub(b)) })
		if !slices.Equal(got, c.want) || k.next != c.want[len(c.want)-1] {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// A host that lost our RST goes on: what it retransmits draws another one.
func TestStragglers(t *testing.T) {
	f := flow{netip.MustParseAddrPort("10.0.0.1:4000"), netip.MustParseAddrPort("10.0.0.2:80")}
	for _, c := range []struct {
		name string
		s    craft.Segment
		want bool
	}{
		{"a SYN-ACK once more", craft.Segment{Flags: craft.SYN | craft.ACK, Ack: 101}, true},
		{"data that acknowledges some of ours", craft.Segment{Flags: craft.ACK | craft.PSH, Ack: 103}, true},
		{"another number", craft.Segment{Flags: craft.SYN | craft.ACK, Ack: 107}, false},
		{"an RST", craft.Segment{Flags: craft.RST | craft.ACK, Ack: 101}, false},
	} {
		i := &Instrument{old: map[flow]ended{f: {{101, 106}}}, stragglers: make(chan craft.Segment, 1)}
		c.s.Src, c.s.Dst = f.dst, f.src
		i.straggler(&c.s, known)
		if got := len(i.stragglers) == 1; got != c.want {
			t.Errorf("%s: answered %v, want %v", c.name, got, c.want)
		} else if got && (<-i.stragglers).Seq != c.s.Ack {
			t.Errorf("%s: the RST has another number than was acknowledged", c.name)
		}
	}
}

// Whatever hosts go on sending, their RSTs leave room for what the batch may send yet and
// for what closes what is open.
func TestStragglersKeepToTheBudget(t *testing.T) {
	syn := why.Trial{Kind: why.SYN}
	trace := why.Trial{Kind: why.Trace, Hops: 3}
	for _, c := range []struct {
		name     string
		sent     int
		batch    []why.Trial
		unclosed int
		want     int // RSTs
	}{
		{name: "nothing is kept", sent: 90, want: 10},
		{name: "what is open will be closed", sent: 90, unclosed: 3, want: 7},
		{name: "a batch goes on", sent: 80, batch: []why.Trial{syn, syn, trace}, unclosed: 1, want: 100 - 80 - 2*syn.Packets(0) - trace.Packets(3) - 1},
		{name: "a batch takes all", sent: 96, batch: []why.Trial{syn, syn}, want: 0},
	} {
		i := &Instrument{cfg: Config{Packets: 100}, sent: c.sent, unclosed: make([]craft.Segment, c.unclosed)}
		i.promise(c.batch)
		got := 0
		for range 200 {
			if i.hasRoom() {
				got++
				i.sent++
			}
		}
		if got != c.want {
			t.Errorf("%s: %d RSTs, want %d", c.name, got, c.want)
		}
	}
}
