package flow_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

func codesOf(a *flow.Attempt) (list []string) {
	for _, f := range a.Findings {
		list = append(list, f.Code)
	}
	return list
}

// TestScenes: what an undamaged capture says of each kind of connection.
func TestScenes(t *testing.T) {
	packets, which := played(t, 4)
	g, _ := through(t, flow.Config{}, plain(packets)...)
	seen := map[*scene]int{}
	for i := range g.attempts {
		a := &g.attempts[i]
		s := which[a.Source]
		if s == nil {
			t.Errorf("%v > %v: nobody's", a.Source, a.Target)
			continue
		}
		seen[s]++
		if got := strings.Join(codesOf(a), " "); a.State != s.state || a.Close != s.close || got != s.findings {
			t.Errorf("%s, %v: %v (%v), closed %q, %q; want %v, %q, %q\n%+v", s.name, a.Source, a.State, a.Reason, a.Close, got, s.state, s.close, s.findings, a.Findings)
		}
		if a.Gaps != 0 || len(a.Missing) != 0 {
			t.Errorf("%s: %d gaps, %v missing", s.name, a.Gaps, a.Missing)
		}
	}
	for i := range scenes {
		if seen[&scenes[i]] < 4 {
			t.Errorf("%s: %d attempts", scenes[i].name, seen[&scenes[i]])
		}
	}
}

// TestSYNACKOfAnotherSYN: it decides nothing, as long as it is known whose it is
// not.
func TestSYNACKOfAnotherSYN(t *testing.T) {
	for _, by := range []uint32{1, 1000, 1_000_000, 1 << 31, ^uint32(0)} {
		k := newTalk(t, 1, 0)
		k.say(0, 0, fS, 0).raw(20*ms, 1, fSA, 0, func(s *craft.Segment) { s.Ack = s.Ack.Add(by) })
		k.raw(20*us, 0, fR, 0, func(s *craft.Segment) { s.Seq = s.Seq.Add(by) })
		g, _ := through(t, flow.Config{}, plain(k.packets)...)
		if a := &g.attempts[0]; len(g.attempts) != 1 || a.State != probe.StateUnknown || len(a.Findings) > 0 {
			t.Errorf("off by %d: %v, %v", int32(by), a.State, codesOf(a))
		}
	}
}

// TestSimultaneousOpen: RFC 9293 §3.5, figure 7.
func TestSimultaneousOpen(t *testing.T) {
	k := newTalk(t, 1, 0)
	isn := k.seq
	k.say(0, 0, fS, 0).say(10*ms, 1, fS, 0).again(30*us, 0, fSA, isn[0], 0).again(ms, 1, fSA, isn[1], 0)
	data(data(k, 0, 100), 1, 100).close()
	g, _ := through(t, flow.Config{}, plain(k.packets)...)
	a := &g.attempts[0]
	if got := strings.Join(codesOf(a), " "); len(g.attempts) != 1 || a.State != probe.StateOpen || a.Reason != probe.ReasonSYNACK ||
		a.Close != handshake.CloseThreeWay || got != "simultaneous-open close-three-way" || a.Gaps > 0 {
		t.Errorf("%v (%v), closed %q, %q, %d gaps", a.State, a.Reason, a.Close, got, a.Gaps)
	}
}

// damage makes another capture of one.
type damage struct {
	name    string
	times   bool // stamps are no longer what they were
	ended   bool // it may end before the connections do
	counted bool // as many closes as were damaged may be misread
	do      func(*rand.Rand, []stamped) []stamped
}

func dropped(share float64) func(*rand.Rand, []stamped) []stamped {
	return keep(func(rng *rand.Rand, _ *craft.Segment) bool { return rng.Float64() >= share })
}

// keep drops the segments that f does not want.
func keep(f func(*rand.Rand, *craft.Segment) bool) func(*rand.Rand, []stamped) []stamped {
	return func(rng *rand.Rand, in []stamped) (out []stamped) {
		var p craft.Packet
		for _, s := range in {
			if p.Decode(filledUp(s.data), craft.TrustChecksums) != nil || p.Kind != craft.PacketTCP || f(rng, &p.Segment) {
				out = append(out, s)
			}
		}
		return out
	}
}

// filledUp is a packet of which a capture has cut off the end, with zeros there.
func filledUp(b []byte) []byte {
	n := int(binary.BigEndian.Uint16(b[2:]))
	if b[0]>>4 == 6 {
		n = 40 + int(binary.BigEndian.Uint16(b[4:]))
	}
	return append(slices.Clone(b), make([]byte, max(0, n-len(b)))...)
}

func snapped(n int) func(*rand.Rand, []stamped) []stamped {
	return func(_ *rand.Rand, in []stamped) (out []stamped) {
		for _, s := range in {
			s.data = s.data[:min(len(s.data), n-14)]
			out = append(out, s)
		}
		return out
	}
}

// jittered moves each packet by up to a millisecond: in the file, or in its
// stamp too.
func jittered(stamps bool) func(*rand.Rand, []stamped) []stamped {
	return func(rng *rand.Rand, in []stamped) []stamped {
		if !stamps {
			return displaced(rng, in, ms)
		}
		out := slices.Clone(in)
		for i := range out {
			out[i].at = out[i].at.Add(time.Duration(rng.Int64N(int64(ms))))
		}
		return out
	}
}

// displaced moves each packet in the file by up to a time, and leaves its stamp.
func displaced(rng *rand.Rand, in []stamped, by time.Duration) (out []stamped) {
	type moved struct {
		stamped
		key time.Time
	}
	var all []moved
	for _, s := range in {
		all = append(all, moved{s, s.at.Add(time.Duration(rng.Int64N(int64(by))))})
	}
	slices.SortStableFunc(all, func(a, b moved) int { return a.key.Compare(b.key) })
	for _, m := range all {
		out = append(out, m.stamped)
	}
	return out
}

func doubled(rng *rand.Rand, in []stamped) []stamped {
	var out []stamped
	for _, s := range in {
		out = append(out, s)
		if rng.IntN(2) == 0 {
			out = append(out, stamped{s.at.Add(time.Duration(rng.IntN(50)) * us), s.data})
		}
	}
	slices.SortStableFunc(out, func(a, b stamped) int { return a.at.Compare(b.at) })
	return out
}

// stepped sets the clock somewhere.
func stepped(by time.Duration) func(*rand.Rand, []stamped) []stamped {
	return func(rng *rand.Rand, in []stamped) []stamped {
		out := slices.Clone(in)
		for i := rng.IntN(len(out)); i < len(out); i++ {
			out[i].at = out[i].at.Add(by)
		}
		return out
	}
}

// oneWay drops what the given ports send.
func oneWay(server bool) func(*rand.Rand, []stamped) []stamped {
	return keep(func(_ *rand.Rand, s *craft.Segment) bool { return (s.Src.Port() < s.Dst.Port()) != server })
}

var damages = []damage{
	{"nothing", false, false, false, dropped(0)},
	{"0.1 % dropped", false, false, true, dropped(0.001)},
	{"1 % dropped", false, false, true, dropped(0.01)},
	{"5 % dropped", false, false, true, dropped(0.05)},
	{"20 % dropped", false, false, true, dropped(0.2)},
	{"server's packets dropped", false, false, false, oneWay(true)},
	{"client's packets dropped", false, false, false, oneWay(false)},
	{"only SYN, FIN, RST", false, false, false, keep(func(_ *rand.Rand, s *craft.Segment) bool { return s.Flags&(craft.SYN|craft.FIN|craft.RST) != 0 })},
	{"only SYN", false, false, false, keep(func(_ *rand.Rand, s *craft.Segment) bool { return s.Flags.Has(craft.SYN) })},
	{"only SYN, FIN", false, false, false, keep(func(_ *rand.Rand, s *craft.Segment) bool { return s.Flags&(craft.SYN|craft.FIN) != 0 })},
	{"a stamp in the far future", true, false, false, func(rng *rand.Rand, in []stamped) []stamped {
		out := slices.Clone(in)
		for range 20 {
			out[rng.IntN(len(out))].at = time.Unix(1<<32-1, 0)
		}
		return out
	}},
	{"bare ACKs dropped", false, false, false, keep(func(_ *rand.Rand, s *craft.Segment) bool { return s.Flags != craft.ACK })},
	{"data dropped", false, false, false, keep(func(_ *rand.Rand, s *craft.Segment) bool { return len(s.Payload) == 0 })},
	{"snapped to 54", false, false, false, snapped(54)},
	{"snapped to 74", false, false, false, snapped(74)},
	{"snapped to 96", false, false, false, snapped(96)},
	{"snapped to 128", false, false, false, snapped(128)},
	{"doubled", false, false, false, doubled},
	{"out of order", false, false, false, jittered(false)},
	{"stamps out of order", true, false, false, jittered(true)},
	{"clock set forward", true, false, false, stepped(time.Hour)},
	{"clock set back", true, false, false, stepped(-time.Hour)},
	{"clock set back a little", true, false, false, stepped(-300 * ms)},
	{"joined with itself", false, false, false, func(_ *rand.Rand, in []stamped) []stamped { return append(slices.Clone(in), in...) }},
	{"seen behind a router too", false, false, false, forwarded},
	{"seen behind a router too, and 1 % dropped", false, false, true, both(forwarded, dropped(0.01))},
	{"cut to 54 bytes, and 5 % dropped", false, false, true, both(snapped(54), dropped(0.05))},
	{"out of order, and 1 % dropped", false, false, true, both(jittered(false), dropped(0.01))},
	{"begun somewhere, and 1 % dropped", false, false, true, func(rng *rand.Rand, in []stamped) []stamped {
		return dropped(0.01)(rng, in[rng.IntN(len(in)):])
	}},
	{name: "ended somewhere", ended: true, do: func(rng *rand.Rand, in []stamped) []stamped { return in[:1+rng.IntN(len(in))] }},
	{"begun somewhere", false, false, false, func(rng *rand.Rand, in []stamped) []stamped { return in[rng.IntN(len(in)):] }},
}

// skewed merges the captures of both ends, whose clocks differ. Ports that are
// used again within that difference are beyond what can be told apart.
var skewed = []damage{
	{"at both ends, clocks 150 ms apart", true, false, false, bothEnds(150 * ms)},
	{"at both ends, clocks 150 ms apart the other way", true, false, false, bothEnds(-150 * ms)},
	{"at both ends, clocks 2 s apart", true, false, false, bothEnds(2 * sec)},
	{"at both ends, clocks 1.5 s apart the other way", true, false, false, bothEnds(-1500 * ms)},
	{"at both ends, clocks 300 ms apart, and 1 % dropped", true, false, true, both(bothEnds(300*ms), dropped(0.01))},
}

// both damages a capture in two ways.
func both(first, second func(*rand.Rand, []stamped) []stamped) func(*rand.Rand, []stamped) []stamped {
	return func(rng *rand.Rand, in []stamped) []stamped { return second(rng, first(rng, in)) }
}

// forwarded has each segment again, as a router has sent it on.
func forwarded(rng *rand.Rand, in []stamped) []stamped {
	var out []stamped
	var p craft.Packet
	for _, s := range in {
		out = append(out, s)
		if p.Decode(s.data, craft.TrustChecksums) == nil && p.Kind == craft.PacketTCP {
			p.Segment.TTL--
			p.Segment.TOS = 0
			if b, err := p.Segment.AppendTo(nil); err == nil {
				out = append(out, stamped{s.at.Add(time.Duration(100 + rng.IntN(400))), b})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b stamped) int { return a.at.Compare(b.at) })
	return out
}

// bothEnds has each segment again, as it was captured at the other end by a clock
// that is off.
func bothEnds(off time.Duration) func(*rand.Rand, []stamped) []stamped {
	return func(_ *rand.Rand, in []stamped) []stamped {
		out := slices.Clone(in)
		var p craft.Packet
		for _, s := range in {
			if p.Decode(s.data, craft.TrustChecksums) != nil || p.Kind != craft.PacketTCP {
				continue
			}
			p.Segment.TTL -= 3
			if p.Segment.Src.Port() < p.Segment.Dst.Port() {
				p.Segment.TTL += 6
			}
			if b, err := p.Segment.AppendTo(nil); err == nil {
				out = append(out, stamped{s.at.Add(off), b})
			}
		}
		slices.SortStableFunc(out, func(a, b stamped) int { return a.at.Compare(b.at) })
		return out
	}
}

// ends are the two ends of a connection, the client first.
type ends [2]netip.AddrPort

// oracle is what the whole capture said: several attempts where ports were used
// again.
type oracle map[ends][]*flow.Attempt

func oracleOf(g *gathered) oracle {
	o := oracle{}
	for i := range g.attempts {
		a := &g.attempts[i]
		o[ends{a.Source, a.Target}] = append(o[ends{a.Source, a.Target}], a)
	}
	return o
}

// weaker tells what an attempt of a damaged capture says that the whole one
// does not; "" is nothing.
func (o oracle) weaker(a *flow.Attempt, d *damage) (wrong, close string) {
	whole := o[ends{a.Source, a.Target}]
	if len(whole) == 0 {
		if a.State == probe.StateUnknown {
			return "", ""
		}
		if len(a.Missing) > 1 && len(o[ends{a.Target, a.Source}]) > 0 {
			return "", "" // who is the client was a guess, and said to be
		}
		return fmt.Sprintf("%v > %v is %v: the roles are wrong", a.Source, a.Target, a.State), ""
	}
	if a.RTT < 0 || a.ServerRTT < 0 || a.SYNToACK < 0 || a.Took < 0 {
		return "a negative duration", ""
	}
	states, closes, codes := map[probe.State]bool{probe.StateUnknown: true}, map[handshake.Close]bool{"": true, handshake.CloseNever: true}, map[string]bool{}
	rtts := map[time.Duration]bool{0: true}
	again := 0
	for _, w := range whole {
		again += w.Retransmissions(handshake.Client) + w.Retransmissions(handshake.Server)
		again += w.Repeats[0][flow.OutOfOrder] + w.Repeats[1][flow.OutOfOrder] // without a round trip it may look late
		states[w.State], closes[w.Close], rtts[w.RTT] = true, true, true
		for _, code := range codesOf(w) {
			codes[code] = true
		}
		if codes["challenge-ack"] {
			states[probe.StateFiltered] = true // without it nothing is left but that the SYN came again
		}
		if codes["forged-reset"] {
			closes[handshake.CloseByReset], codes["close-by-reset"] = true, true // what shows that it was forged may be missed
			states[probe.StateRefused] = true
		}
	}
	closes[handshake.CloseHalfClosed] = closes[handshake.CloseHalfClosed] || d.ended
	switch {
	case a.State == probe.StateRefused && slices.ContainsFunc(whole, func(w *flow.Attempt) bool { return a.Attempts < w.Attempts }):
		return "", "" // it was, and the SYN that was taken later is missing
	case d.ended && a.State == probe.StateFiltered && a.Attempts < whole[0].Attempts:
		return "", "" // it was, until then
	case !states[a.State]:
		return fmt.Sprintf("state %v (%v), not %v", a.State, a.Reason, whole[0].State), ""
	case a.State == probe.StateRefused && codes["forged-reset"]:
		return "", "" // nothing shows the difference
	case !d.times && !near(rtts, a.RTT) && whole[0].Attempts == 1 && whole[0].RTT > 0: // else a SYN may be missed that was sent before
		return fmt.Sprintf("RTT %v, not %v", a.RTT, whole[0].RTT), ""
	}
	if n := a.Retransmissions(handshake.Client) + a.Retransmissions(handshake.Server); n > again && !d.times {
		return fmt.Sprintf("%d retransmissions, not %d", n, again), ""
	}
	for _, f := range a.Findings {
		if strings.Contains(f.Evidence, " -") {
			return "a negative duration: " + f.Evidence, ""
		}
		if !codes[f.Code] && f.Code != "close-three-way" && (f.Code != "half-close-held" || a.Close != handshake.CloseHalfClosed) {
			return fmt.Sprintf("%s (%s), not %v", f.Code, f.Evidence, codesOf(whole[0])), ""
		}
	}
	if !closes[a.Close] && !closes[handshake.CloseUnknown] && a.Close != handshake.CloseUnknown {
		return "", fmt.Sprintf("closed %q, not %q", a.Close, whole[0].Close)
	}
	return "", ""
}

// near reports whether a time is one of some, but for what lies between two
// captures of one packet.
func near(times map[time.Duration]bool, d time.Duration) bool {
	for t := range times {
		if (t - d).Abs() < 50*us {
			return true
		}
	}
	return false
}

// TestDamage: what a damaged capture says is what the whole one says, or less.
func TestDamage(t *testing.T) {
	t.Parallel()
	packets, which := played(t, 6)
	damaged(t, slices.Concat(damages, skewed), max(1, *seedFlag), packets, func(a *flow.Attempt) string {
		if s := which[a.Source]; s != nil {
			return s.name
		}
		return "?"
	})
}

// damaged damages a capture in every way and compares what it says then.
func damaged(t *testing.T, damages []damage, seed uint64, packets []stamped, name func(*flow.Attempt) string) {
	c := compared{packets: packets, name: name, oracle: oracleOfAll(t, packets)}
	const rounds = 4
	for _, d := range damages {
		t.Run(d.name, func(t *testing.T) {
			c.attempts, c.closes, c.named, c.ended = 0, 0, 0, 0
			for round := range rounds {
				c.round(t, &d, seed, uint64(round))
			}
			c.misread(t)
		})
	}
}

// compared holds damaged captures against the whole one.
type compared struct {
	packets          []stamped
	oracle           oracle
	name             func(*flow.Attempt) string
	attempts, closes int
	named, ended     int // states and ways of ending that are not unknown
}

// tally counts what an attempt says for certain.
func (c *compared) tally(a *flow.Attempt) {
	c.attempts++
	if a.State != probe.StateUnknown {
		c.named++
	}
	if a.Close != "" && a.Close != handshake.CloseUnknown {
		c.ended++
	}
}

func oracleOfAll(t *testing.T, packets []stamped) oracle {
	whole, _ := through(t, flow.Config{}, plain(packets)...)
	return oracleOf(whole)
}

// round damages the capture once.
func (c *compared) round(t *testing.T, d *damage, seed, round uint64) {
	packets := d.do(rand.New(rand.NewPCG(seed, round)), c.packets)
	g, _ := through(t, flow.Config{}, plain(packets)...)
	for i := range g.attempts {
		a := &g.attempts[i]
		c.tally(a)
		wrong, closed := c.oracle.weaker(a, d)
		if closed != "" {
			c.closes++
			if !d.counted {
				wrong = closed
			}
		}
		if wrong != "" {
			dumpAttempt(t, packets, a)
			t.Errorf("round %d, %s: %s, %v > %v, packets %d to %d: %s", round, d.name, c.name(a), a.Source, a.Target, a.First, a.Last, wrong)
		}
	}
}

// misread allows for one close in fifty.
func (c *compared) misread(t *testing.T) {
	if c.closes*50 > c.attempts {
		t.Errorf("%d of %d closes were misread", c.closes, c.attempts)
	}
	t.Logf("%d attempts, %d states and %d closes named, %d closes misread", c.attempts, c.named, c.ended, c.closes)
}

// dumpAttempt shows the packets of an attempt, and what each was taken for.
func dumpAttempt(t *testing.T, packets []stamped, a *flow.Attempt) {
	if !testing.Verbose() {
		return
	}
	g, _ := through(t, flow.Config{Segments: true}, plain(packets)...)
	for i := range g.segments {
		if s := &g.segments[i]; s.Attempt == a.Number && s.Segment != nil {
			t.Logf("%d %v %v ID %d: %v %v %v", s.Packet, s.Time.Sub(epoch), s.Segment, s.Segment.ID, s.Repeat, s.Duplicate, s.Notes)
		}
	}
}

var combinedFlag = flag.Int("combined", 25, "how many captures are damaged in two or three ways at once")

// TestDamageCombined damages scenes and histories in two or three ways at once.
func TestDamageCombined(t *testing.T) {
	packets, which := played(t, 3)
	histories := map[netip.AddrPort]*history{}
	for n := range 60 {
		h := newHistory(t, rand.New(rand.NewPCG(max(1, *seedFlag), uint64(n))), 10_000+3*n)
		histories[h.ends[0]] = h
		packets = append(packets, h.packets...)
	}
	slices.SortStableFunc(packets, func(a, b stamped) int { return a.at.Compare(b.at) })
	combined(t, *combinedFlag, packets, func(a *flow.Attempt) string {
		if s := which[a.Source]; s != nil {
			return s.name
		}
		if h := histories[a.Source]; h != nil {
			return fmt.Sprint(h.truth)
		}
		return "?"
	})
}

// combined damages a capture in two or three ways at once, several times.
func combined(t *testing.T, times int, packets []stamped, name func(*flow.Attempt) string) {
	c := compared{packets: packets, name: name, oracle: oracleOfAll(t, packets)}
	seed := max(1, *seedFlag)
	for round := range times {
		d := severalWays(rand.New(rand.NewPCG(seed, 1000+uint64(round))))
		c.round(t, &d, seed, uint64(round))
	}
	c.misread(t)
}

// severalWays makes one damage of two or three.
func severalWays(rng *rand.Rand) damage {
	d := anyDamage(rng)
	for range 1 + rng.IntN(2) {
		next := anyDamage(rng)
		late := d.name == "doubled" || next.name == "doubled" // what is left of two may be the later one
		d = damage{
			d.name + " + " + next.name, d.times || next.times || late, d.ended || next.ended, d.counted || next.counted, both(d.do, next.do),
		}
	}
	return d
}

// anyDamage leaves two out that make a clock nonsense for whatever sorts by it.
func anyDamage(rng *rand.Rand) damage {
	for {
		if d := damages[rng.IntN(len(damages))]; d.name != "a stamp in the far future" && d.name != "joined with itself" {
			return d
		}
	}
}

// TestOutOfFileOrder: several queues of a card write a file in another order
// than their stamps have. Nothing was sent twice, and nothing is missing.
func TestOutOfFileOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(seedOf(t), 3))
	for n := range 50 {
		k := newTalk(t, n, 0).open()
		for range 10 {
			for from := range 2 {
				for range 1 + rng.IntN(12) {
					k.say(time.Duration(5+rng.IntN(100))*us, from, fP, 1+rng.IntN(1400))
				}
				k.say(5*ms, 1-from, fA, 0)
			}
		}
		k.close()
		for _, by := range []time.Duration{100 * us, ms, 4 * ms} {
			g, _ := through(t, flow.Config{}, plain(displaced(rng, k.packets, by))...)
			for i := range g.attempts {
				a := &g.attempts[i]
				if again := a.Retransmissions(handshake.Client) + a.Retransmissions(handshake.Server); len(g.attempts) > 1 || again > 0 || a.Gaps > 0 {
					t.Errorf("by %v: %d attempts, %d retransmissions, %d gaps, %v", by, len(g.attempts), again, a.Gaps, a.Repeats)
				}
			}
		}
	}
}

// TestBegunAnywhere begins the capture of each scene at each of its packets.
func TestBegunAnywhere(t *testing.T) {
	t.Parallel()
	for i := range scenes {
		for n := range 5 {
			k := newTalk(t, n, 0)
			scenes[i].play(k)
			begunAnywhere(t, scenes[i].name, k.packets)
		}
	}
}

// begunAnywhere begins a capture at each of its packets.
func begunAnywhere(t *testing.T, name string, packets []stamped) {
	o := oracleOfAll(t, packets)
	for from := range packets {
		g, _ := through(t, flow.Config{}, plain(packets[from:])...)
		for i := range g.attempts {
			if wrong, closed := o.weaker(&g.attempts[i], &damage{}); wrong+closed != "" {
				dumpAttempt(t, packets[from:], &g.attempts[i])
				t.Errorf("%s, from packet %d: %s%s", name, from+1, wrong, closed)
			}
		}
	}
}

// eachConnection are the packets of each pair of endpoints, of those that are not
// more than most.
func eachConnection(packets []stamped, most int) map[ends][]stamped {
	list := map[ends][]stamped{}
	var p craft.Packet
	for _, s := range packets {
		if p.Decode(filledUp(s.data), craft.TrustChecksums) != nil || p.Kind != craft.PacketTCP {
			continue
		}
		e := ends{p.Segment.Src, p.Segment.Dst}
		if e[1].Compare(e[0]) < 0 {
			e[0], e[1] = e[1], e[0]
		}
		list[e] = append(list[e], s)
	}
	maps.DeleteFunc(list, func(_ ends, packets []stamped) bool { return len(packets) > most })
	return list
}
