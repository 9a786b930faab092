package flow_test

import (
	"errors"
	"runtime"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

// through gives made-up packets to a table as they are.
func through(t testing.TB, cfg flow.Config, packets ...flow.Packet) (*gathered, flow.Counts) {
	t.Helper()
	g := &gathered{}
	table := flow.NewTable(g, cfg)
	for i := range packets {
		packets[i].Number = uint64(i + 1)
		if err := table.Add(&packets[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	return g, table.Counts()
}

func plain(packets []stamped) (list []flow.Packet) {
	for _, p := range packets {
		list = append(list, flow.Packet{Time: p.at, Data: p.data})
	}
	return list
}

func TestRoundTrips(t *testing.T) {
	k := newTalk(t, 1, 0).open().say(ms, 0, craft.ACK|craft.PSH, 100).say(20*ms, 1, craft.ACK, 0).close()
	g, counts := through(t, flow.Config{}, plain(k.packets)...)
	if len(g.attempts) != 1 || counts.Followed != uint64(len(k.packets)) {
		t.Fatalf("%d attempts, %+v", len(g.attempts), counts)
	}
	a := g.attempts[0]
	if a.State != probe.StateOpen || a.RTT != 20*ms || a.ServerRTT != 30*us || a.SYNToACK != 20*ms+30*us ||
		a.View != flow.ViewClient || a.Close != handshake.CloseThreeWay || a.First != 1 || a.Last != uint64(len(k.packets)) {
		t.Errorf("%+v", a)
	}
}

// TestView infers from direction, TTL and timing where a capture was made.
func TestView(t *testing.T) {
	in, out, none := flow.Inbound, flow.Outbound, flow.DirectionUnknown
	for _, c := range []struct {
		name           string
		syn, answer    flow.Direction
		synTTL, ansTTL uint8
		there, here    time.Duration
		want           flow.View
	}{
		{"at the client, by direction", out, in, 64, 64, ms, ms, flow.ViewClient},
		{"at the server, by direction", in, out, 64, 64, ms, ms, flow.ViewServer},
		{"client's TTL is fresh", none, none, 64, 52, 20 * ms, us, flow.ViewClient},
		{"server's TTL is fresh", none, none, 118, 64, us, 20 * ms, flow.ViewServer},
		{"neither is", none, none, 60, 52, 10 * ms, 10 * ms, flow.ViewBetween},
		{"a router forwards", in, in, 63, 63, 10 * ms, 10 * ms, flow.ViewBetween},
		{"one link, the answer takes longer", none, none, 64, 64, 20 * us, 2 * us, flow.ViewClient},
		{"one link, the ACK takes longer", none, none, 64, 255, 2 * us, 20 * us, flow.ViewServer},
		{"one link, evenly", none, none, 64, 128, 20 * us, 15 * us, flow.ViewUnknown},
	} {
		k := newTalk(t, 1, 0).say(0, 0, craft.SYN, 0).say(c.there, 1, craft.SYN|craft.ACK, 0).say(c.here, 0, craft.ACK, 0)
		packets := plain(k.packets)
		packets[0].Direction, packets[1].Direction, packets[2].Direction = c.syn, c.answer, c.syn
		packets[0].Data[8], packets[1].Data[8], packets[2].Data[8] = c.synTTL, c.ansTTL, c.synTTL
		for i := range packets {
			mendHeader(packets[i].Data)
		}
		g, _ := through(t, flow.Config{}, packets...)
		if got := g.attempts[0].View; got != c.want {
			t.Errorf("%s: seen at %q, want %q", c.name, got, c.want)
		}
	}
}

// TestDuplicates shows each packet on two interfaces of a router, as a capture
// on all of them has it, and compares with the capture on one.
func TestDuplicates(t *testing.T) {
	k := newTalk(t, 1, 0).open().say(ms, 0, craft.ACK|craft.PSH, 500).say(20*ms, 1, craft.ACK|craft.PSH, 700)
	k.again(300*ms, 0, craft.ACK|craft.PSH, k.seq[0].Add(^uint32(499)), 500) // a true retransmission
	var packets []flow.Packet
	for _, p := range plain(k.close().packets) {
		p.Interface, p.Direction = 2, flow.Inbound
		twin := flow.Packet{Time: p.Time.Add(5 * us), Data: append([]byte(nil), p.Data...), Interface: 3, Direction: flow.Outbound}
		twin.Data[8]--
		packets = append(packets, p, twin)
	}
	g, counts := through(t, flow.Config{Segments: true}, packets...)
	if len(g.attempts) != 1 || counts.Duplicates != uint64(len(k.packets)) || counts.Followed != uint64(len(k.packets)) {
		t.Fatalf("%d attempts, %+v", len(g.attempts), counts)
	}
	if a := g.attempts[0]; a.Retransmissions(handshake.Client) != 1 || a.Retransmissions(handshake.Server) != 0 || a.Duplicates != counts.Duplicates {
		t.Errorf("%d and %d retransmissions, %d duplicates", a.Retransmissions(0), a.Retransmissions(1), a.Duplicates)
	}
	for _, s := range g.segments {
		if s.Duplicate != (s.Packet%2 == 0) {
			t.Errorf("packet %d: duplicate %v", s.Packet, s.Duplicate)
		}
	}
}

// TestTwiceAtOnePlace: a mirror port shows each packet twice, and a file may be
// joined with itself; what a sender retransmits has another IP identification.
func TestTwiceAtOnePlace(t *testing.T) {
	k := newTalk(t, 1, 0).open().say(ms, 0, craft.ACK|craft.PSH, 500).say(20*ms, 1, craft.ACK, 0).close()
	whole, _ := through(t, flow.Config{}, plain(k.packets)...)
	mirrored := []flow.Packet{}
	for _, p := range plain(k.packets) {
		again := p
		again.Time = again.Time.Add(7 * us)
		mirrored = append(mirrored, p, again)
	}
	joined := append(plain(k.packets), plain(k.packets)...)
	for name, packets := range map[string][]flow.Packet{"mirrored": mirrored, "joined with itself": joined} {
		g, counts := through(t, flow.Config{}, packets...)
		if len(g.attempts) != 1 || counts.Duplicates != uint64(len(k.packets)) {
			t.Fatalf("%s: %d attempts, %+v", name, len(g.attempts), counts)
		}
		a, w := &g.attempts[0], &whole.attempts[0]
		if a.State != w.State || a.RTT != w.RTT || a.Close != w.Close || a.Packets != w.Packets || a.Retransmissions(0)+a.Retransmissions(1) != 0 {
			t.Errorf("%s: %+v", name, a)
		}
	}
	k = newTalk(t, 1, 0).open().say(ms, 0, craft.ACK|craft.PSH, 500)
	k.again(10*us, 0, craft.ACK|craft.PSH, k.seq[0].Add(^uint32(499)), 500)
	g, counts := through(t, flow.Config{}, plain(k.packets)...)
	if counts.Duplicates != 0 || g.attempts[0].Retransmissions(handshake.Client) != 1 {
		t.Errorf("retransmitted: %+v, %d retransmissions", counts, g.attempts[0].Retransmissions(handshake.Client))
	}
}

// TestResentAtOnce: on a link of microseconds what was lost comes again sooner
// than a mirror port may show a packet twice. IPv6 has no identification; the
// receiver's asking for it tells.
func TestResentAtOnce(t *testing.T) {
	k := newTalk(t, 4, 0).open()
	lost := k.seq[0]
	k.say(ms, 0, craft.ACK|craft.PSH, 500).say(10*us, 0, craft.ACK|craft.PSH, 500)
	high := k.seq[0]
	k.seq[0] = lost
	k.say(10*us, 1, craft.ACK, 0).say(us, 1, craft.ACK, 0).say(us, 1, craft.ACK, 0) // duplicate acknowledgements
	k.seq[0] = high
	k.again(10*us, 0, craft.ACK|craft.PSH, lost, 500).say(10*us, 1, craft.ACK, 0)
	g, counts := through(t, flow.Config{}, plain(k.packets)...)
	r := &g.attempts[0].Repeats[handshake.Client]
	if counts.Duplicates != 0 || r[flow.FastRetransmission] != 1 {
		t.Errorf("%+v, %v", counts, r)
	}
}

// TestLossIsNoGap: what is lost on the way is retransmitted, however late and
// however many at a time, and is not missing in the capture.
func TestLossIsNoGap(t *testing.T) {
	k := newTalk(t, 1, 0).open()
	var lost []craft.Seq
	for range 30 {
		lost = append(lost, k.seq[1])
		k.seq[1] = k.seq[1].Add(1000)
		k.say(9*ms, 1, craft.ACK, 1000)
	}
	high := k.seq[1]
	for _, seq := range lost {
		k.again(30*ms, 1, craft.ACK, seq, 1000)
	}
	k.seq[1] = high
	k.say(ms, 0, craft.ACK, 0).close()
	g, counts := through(t, flow.Config{}, plain(k.packets)...)
	if counts.Gaps != 0 || g.attempts[0].Gaps != 0 {
		t.Errorf("%+v", counts)
	}
	cut := append(plain(k.packets[:40]), plain(k.packets[43:])...)
	if g, _ := through(t, flow.Config{}, cut...); g.attempts[0].Gaps == 0 || g.attempts[0].GapBytes != 3000 {
		t.Errorf("three segments left out: %d gaps, %d bytes", g.attempts[0].Gaps, g.attempts[0].GapBytes)
	}
}

func TestPortsUsedAgain(t *testing.T) {
	a, b := newTalk(t, 1, 0).open().close(), newTalk(t, 1, time.Second)
	b.seq = [2]craft.Seq{99, 77}
	g, _ := through(t, flow.Config{}, plain(merged(a, b.open()))...)
	if len(g.attempts) != 2 || g.attempts[0].Ending != flow.Reused || g.attempts[0].Close != handshake.CloseThreeWay ||
		g.attempts[1].Ending != flow.AtEnd || g.attempts[1].Close != handshake.CloseNever {
		t.Errorf("%+v", g.attempts)
	}
}

func TestSilentConnectionsAreHandedOut(t *testing.T) {
	ended, quiet, late := newTalk(t, 1, 0).open().close(), newTalk(t, 2, 0).open(), newTalk(t, 3, 5*time.Second).open()
	for range 180 {
		late.say(5*time.Second, 0, craft.ACK, 1)
	}
	g, _ := through(t, flow.Config{Idle: 10 * time.Minute, Linger: time.Minute}, plain(merged(ended, quiet, late))...)
	if len(g.attempts) != 3 || g.attempts[0].Number != 1 || g.attempts[0].Ending != flow.Idle ||
		g.attempts[1].Ending != flow.Idle || g.attempts[2].Ending != flow.AtEnd {
		t.Errorf("%+v", g.attempts)
	}
}

// TestCrowd follows many connections through a small table: every one has its
// record, ended ones make room first, and memory stays bounded.
func TestCrowd(t *testing.T) {
	const connections, flows = 5_000, 100
	open := newTalk(t, 70_000, 0).open()
	g := &gathered{}
	table := flow.NewTable(g, flow.Config{Flows: flows})
	add := func(packets []stamped) {
		for _, p := range packets {
			if err := table.Add(&flow.Packet{Number: 1, Time: p.at, Data: p.data}); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(open.packets)
	seen := map[uint64]bool{}
	for n := range connections {
		add(newTalk(t, n, 0).open().close().packets)
		for _, a := range g.attempts {
			seen[a.Number] = true
			if a.Close != handshake.CloseThreeWay {
				t.Fatalf("%+v", a)
			}
		}
		g.attempts = g.attempts[:0]
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	if len(g.attempts) != flows || g.attempts[0].Source != open.client {
		t.Errorf("%d connections at the end, the first %v", len(g.attempts), g.attempts[0].Source)
	}
	if len(seen)+len(g.attempts) != connections+1 {
		t.Errorf("%d records of %d connections", len(seen)+len(g.attempts), connections+1)
	}
}

// TestMemory floods the table with SYNs that nothing follows, and a
// smaller one.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: 300,000 packets")
	}
	const syns = 300_000
	flood := func(cfg flow.Config) (*flow.Table, *ticking) {
		count := &ticking{}
		table := flow.NewTable(count, cfg)
		base := newTalk(t, 0, 0).say(0, 0, craft.SYN, 0).packets[0]
		for n := range syns {
			p := flow.Packet{Number: uint64(n + 1), Time: base.at.Add(time.Duration(n) * us), Data: base.data}
			p.Data[12], p.Data[13], p.Data[14], p.Data[15] = 10, byte(n>>16), byte(n>>8), byte(n)
			if err := table.Add(&p); err != nil {
				t.Fatal(err)
			}
		}
		return table, count
	}
	before := heap()
	table, count := flood(flow.Config{})
	if each := (heap() - before) / syns; each > 128 || count.attempts != 0 {
		t.Errorf("a SYN takes %d bytes, %d were forgotten", each, count.attempts)
	} else {
		t.Logf("a SYN takes %d bytes", each)
	}
	if err := table.Close(); err != nil || count.attempts != syns {
		t.Errorf("%d attempts, %v", count.attempts, err)
	}
	table, count = flood(flow.Config{Memory: 10 << 20})
	if used := table.Memory(); used > 10<<20 || count.attempts < syns/2 || table.Counts().Evicted != uint64(count.attempts) {
		t.Errorf("%d bytes, %d of %d forgotten", used, count.attempts, syns)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestEvicted: of a connection that had to be forgotten nothing is concluded.
func TestEvicted(t *testing.T) {
	var talks []*talk
	for n := range 30 {
		k := newTalk(t, n, time.Duration(n)*100*us)
		switch n % 3 {
		case 0:
			data(k.open(), 0, 10)
		case 1:
			k.say(0, 0, craft.SYN, 0)
		default:
			k.open().close()
		}
		talks = append(talks, k)
	}
	g, counts := through(t, flow.Config{Flows: 10}, plain(merged(talks...))...)
	evicted := 0
	for _, a := range g.attempts {
		if a.Reason == flow.ReasonEvicted {
			evicted++
			if a.State != probe.StateUnknown || a.Ending != flow.Crowded || a.Close != handshake.CloseUnknown || len(a.Findings) > 0 {
				t.Errorf("%+v", a)
			}
		} else if a.Ending == flow.Crowded && a.Close != handshake.CloseThreeWay {
			t.Errorf("%+v", a)
		}
	}
	if evicted == 0 || counts.Evicted != uint64(evicted) {
		t.Errorf("%d evicted, %+v", evicted, counts)
	}
}

// TestSnapped cuts every packet after its headers, as tcpdump -s does: nothing
// but the payload's bytes may be missed.
func TestSnapped(t *testing.T) {
	k := newTalk(t, 1, 0).open()
	for range 5 {
		k.say(ms, 0, craft.ACK|craft.PSH, 900).say(20*ms, 1, craft.ACK|craft.PSH, 1300)
	}
	for _, number := range []int{1, 4} { // IPv4, IPv6
		k := newTalk(t, number, 0).open().say(ms, 0, craft.ACK|craft.PSH, 900).say(20*ms, 1, craft.ACK, 0).close()
		whole, _ := through(t, flow.Config{Segments: true}, plain(k.packets)...)
		cut := plain(k.packets)
		for i := range cut {
			cut[i].Data = cut[i].Data[:min(len(cut[i].Data), 68)]
		}
		g, counts := through(t, flow.Config{Segments: true}, cut...)
		if len(counts.Rejected) != 0 || len(g.segments) != len(whole.segments) {
			t.Fatalf("%+v", counts)
		}
		for i, s := range g.segments {
			w := whole.segments[i]
			if s.Segment.Len() != w.Segment.Len() || s.Seq != w.Seq || s.Client != w.Client || s.Server != w.Server || s.Repeat != w.Repeat {
				t.Errorf("packet %d: %+v, want %+v", i+1, s, w)
			}
		}
		within := plain(k.packets)
		fixed := map[int]int{1: 40, 4: 60}[number]
		within[0].Data = within[0].Data[:fixed-1]
		if _, counts := through(t, flow.Config{}, within...); counts.Rejected["truncated"] != 1 {
			t.Errorf("cut within the header: %+v", counts)
		}
		least := plain(k.packets)
		for i := range least {
			least[i].Data = least[i].Data[:fixed]
		}
		g, counts = through(t, flow.Config{}, least...)
		if a := &g.attempts[0]; len(counts.Rejected) != 0 || a.State != probe.StateOpen || a.Close != whole.attempts[0].Close || a.RTT != whole.attempts[0].RTT || len(a.Findings) != len(whole.attempts[0].Findings) {
			t.Errorf("cut to the fixed header: %+v, %+v", counts, a)
		}
	}
}

// TestFragments reads a packet that was sent in two parts, of which one may be missing.
func TestFragments(t *testing.T) {
	k := newTalk(t, 1, 0).open().say(ms, 0, craft.ACK|craft.PSH, 900).say(20*ms, 1, craft.ACK, 0).close()
	packets := plain(k.packets)
	first, second := packets[3], packets[3]
	first.Data, second.Data = append([]byte(nil), first.Data[:500]...), append(append([]byte(nil), first.Data[:20]...), first.Data[500:]...)
	first.Data[6], first.Data[2], first.Data[3] = 0x20, 500>>8, 500&0xff
	second.Data[6], second.Data[7], second.Data[2], second.Data[3] = 0, 60, byte(len(second.Data)>>8), byte(len(second.Data))
	for _, c := range []struct {
		parts    []flow.Packet
		gapBytes uint64
		rejected uint64
	}{
		{[]flow.Packet{first, second}, 0, 0}, {[]flow.Packet{second, first}, 0, 0},
		{[]flow.Packet{first}, 440, 0}, {[]flow.Packet{second}, 900, 1},
	} {
		g, counts := through(t, flow.Config{}, slices.Concat(packets[:3], c.parts, packets[4:])...)
		if counts.Rejected["fragment"] != c.rejected || len(g.attempts) != 1 {
			t.Fatalf("%+v", counts)
		}
		if a := &g.attempts[0]; a.State != probe.StateOpen || a.Close != handshake.CloseThreeWay || a.GapBytes != c.gapBytes {
			t.Errorf("%+v", a)
		}
	}
}

// TestUnderway picks up a connection that began before the capture, and says
// what was not captured.
func TestUnderway(t *testing.T) {
	k := newTalk(t, 1, 0).open().say(ms, 0, craft.ACK|craft.PSH, 100).say(20*ms, 1, craft.ACK, 0).close()
	g, counts := through(t, flow.Config{}, plain(k.packets[2:])...)
	if len(g.attempts) != 1 || counts.Underway != uint64(len(k.packets)-2) || counts.Followed != 0 || counts.Midstream != 1 {
		t.Fatalf("%d attempts, %+v", len(g.attempts), counts)
	}
	a := &g.attempts[0]
	if a.Target.Port() != 80 || a.State != probe.StateOpen || a.Reason != probe.ReasonConnected || a.RTT != 0 ||
		a.Close != handshake.CloseThreeWay || !slices.Equal(a.Missing, []string{"SYN", "SYN-ACK"}) {
		t.Errorf("%+v", a)
	}
	g, _ = through(t, flow.Config{}, plain(k.packets[1:])...)
	if a := &g.attempts[0]; len(g.attempts) != 1 || a.Target.Port() != 80 || a.State != probe.StateOpen || a.RTT != 0 || !slices.Equal(a.Missing, []string{"SYN"}) {
		t.Errorf("without the SYN: %+v", g.attempts)
	}
}

type refusing struct{ err error }

func (r refusing) Attempt(*flow.Attempt) error { return r.err }
func (r refusing) Segment(*flow.Segment) error { return nil }

func TestSinkErrorEndsTheWork(t *testing.T) {
	full := errors.New("disk full")
	table := flow.NewTable(refusing{full}, flow.Config{})
	k := newTalk(t, 1, 0).open()
	for _, p := range plain(k.packets) {
		if err := table.Add(&p); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Close(); !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
}

// FuzzTable takes in anything as packets, each of them twice; every packet is
// counted once.
func FuzzTable(f *testing.F) {
	k := newTalk(f, 1, 0).open().say(ms, 0, craft.ACK|craft.PSH, 10).close()
	for _, p := range k.packets {
		f.Add(p.data, p.data, uint8(20))
	}
	f.Add(newTalk(f, 4, 0).say(0, 0, craft.SYN, 0).packets[0].data, []byte{0x60}, uint8(3))
	f.Fuzz(func(t *testing.T, a, b []byte, pause uint8) {
		var packets []flow.Packet
		for i, data := range [][]byte{k.packets[0].data, a, b, a, b} {
			packets = append(packets, flow.Packet{
				Time: epoch.Add(time.Duration(i) * time.Duration(pause) * ms), Data: data, Interface: uint32(i),
			})
		}
		_, c := through(t, flow.Config{Segments: true, Flows: 2}, packets...)
		sum := c.Followed + c.Duplicates + c.Underway
		for _, n := range c.Rejected {
			sum += n
		}
		if sum != uint64(len(packets)) {
			t.Fatalf("%d packets, %+v", len(packets), c)
		}
	})
}
