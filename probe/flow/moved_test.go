package flow_test

import (
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

// moved puts the packet at one place of the file at another; its stamp stays.
func (k *talk) moved(from, to int) []stamped {
	list := slices.Delete(slices.Clone(k.packets), from, from+1)
	return slices.Insert(list, to, k.packets[from])
}

// TestMoved: what stands elsewhere in the file than it was sent, or was lost
// between the tap and its receiver.
func TestMoved(t *testing.T) {
	again := newTalk(t, 1, 0).say(0, 0, fS, 0)
	data(again.again(10*ms, 0, fS, prev(again, 0, 1), 0).say(50*us, 1, fSA, 0).say(30*us, 0, fA, 0), 0, 100)
	early := newTalk(t, 1, 0).say(0, 0, fS, 0).raw(-31*us, 1, fRA, 0, seq(77))
	for _, c := range []struct {
		name     string
		packets  []stamped
		state    probe.State
		attempts int // SYNs
	}{
		{"a SYN that came again, behind the handshake", again.moved(1, 3), probe.StateOpen, 2},
		{"an RST with a number, stamped before the SYN", early.packets, probe.StateUnknown, 1},
	} {
		g, _ := through(t, flow.Config{}, plain(c.packets)...)
		if a := &g.attempts[0]; len(g.attempts) != 1 || a.State != c.state || a.RTT != 0 || a.Attempts != c.attempts {
			t.Errorf("%s: %d attempts, %v (%v), RTT %v, %d SYNs", c.name, len(g.attempts), a.State, a.Reason, a.RTT, a.Attempts)
		}
	}
}

// TestResetAmongWhatItEnds: an RST that acknowledges everything makes nothing a
// retransmission that stands behind it in the file, and was sent before.
func TestResetAmongWhatItEnds(t *testing.T) {
	k := newTalk(t, 1, 0).open()
	for range 4 {
		k.say(20*us, 0, fP, 100).say(20*us, 1, fP, 300)
	}
	k.say(50*us, 0, fRA, 0)
	last := len(k.packets) - 1
	for to := range last * last {
		other := *k
		other.packets = k.moved(last, 1+to/last)
		g, _ := through(t, flow.Config{}, plain(other.moved(last, 1+to%last))...) // data of the server too
		a := &g.attempts[0]
		if n := a.Retransmissions(handshake.Client) + a.Retransmissions(handshake.Server); len(g.attempts) != 1 || n > 0 {
			t.Errorf("the RST at %d, data at %d: %d attempts, %d retransmissions, %v", 1+to/last, 1+to%last, len(g.attempts), n, a.Repeats)
		}
	}
}

// TestFINThatTheServerMissed: a server that resets, and had nothing but what was
// captured, has ended the connection, whatever the client sent in vain.
func TestFINThatTheServerMissed(t *testing.T) {
	k := data(newTalk(t, 1, 0).open(), 0, 100)
	k.say(ms, 1, fF, 0)
	data(k, 0, 1000)
	had := k.seq[0]
	k.seq[0] = k.seq[0].Add(1) // its FIN
	k.say(100*ms, 0, fA, 0).raw(6*ms, 1, fRA, 0, func(s *craft.Segment) { s.Ack = had })
	for _, missing := range [][]int{nil, {len(k.packets) - 2}} {
		g, _ := through(t, flow.Config{}, plain(k.without(missing...))...)
		if a := &g.attempts[0]; len(g.attempts) != 1 || a.Close != handshake.CloseByReset {
			t.Errorf("without %v: %d attempts, closed %q", missing, len(g.attempts), a.Close)
		}
	}
}

// TestEarlyDataByTheirStamps: a SYN-ACK whose timestamp is older than that of data
// was sent before them, wherever it stands.
func TestEarlyDataByTheirStamps(t *testing.T) {
	for _, c := range []struct {
		val  uint32 // of the SYN-ACK that comes again
		want bool
	}{{1200, true}, {1050, false}} {
		k := newTalk(t, 1, 0).raw(0, 0, fS, 0, stamps(500, 0)).raw(20*ms, 1, fSA, 0, stamps(1000, 500))
		isn := prev(k, 1, 1)
		k.raw(20*ms, 1, fP, 700, stamps(1100, 500))
		next := k.seq[1]
		k.seq[1] = isn
		k.raw(100*ms, 1, fSA, 0, stamps(c.val, 500))
		k.seq[1] = next
		k.raw(30*us, 0, fA, 0, stamps(700, c.val))
		g, _ := through(t, flow.Config{}, plain(k.packets)...)
		if got := slices.Contains(codesOf(&g.attempts[0]), "data-before-handshake"); got != c.want {
			t.Errorf("the SYN-ACK's timestamp is %d: %v, %v", c.val, got, codesOf(&g.attempts[0]))
		}
	}
}

// TestOpeningInAnyOrder: the three segments of a handshake in every order, by
// their places in the file, or by their stamps too.
func TestOpeningInAnyOrder(t *testing.T) {
	for n := range 5 {
		k := newTalk(t, n, 0).open()
		data(data(k, 0, 300), 1, 900).close()
		whole, _ := through(t, flow.Config{}, plain(k.packets)...)
		want := &whole.attempts[0]
		for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			for _, stamps := range []bool{false, true} {
				packets := slices.Clone(k.packets)
				for i, from := range order {
					packets[i] = k.packets[from]
					if stamps {
						packets[i].at = k.packets[2].at.Add(time.Duration(i-3) * 10 * us)
					}
				}
				g, _ := through(t, flow.Config{}, plain(packets)...)
				a := &g.attempts[0]
				switch {
				case len(g.attempts) != 1, a.State != probe.StateOpen, a.Close != want.Close, a.Attempts != 1, len(a.Missing) > 0, a.Gaps > 0, !a.Answered:
					t.Errorf("%d, order %v, stamps too %v: %d attempts, %v (%v), closed %q, %d SYNs, missing %v, %d gaps, ISNs %v",
						n, order, stamps, len(g.attempts), a.State, a.Reason, a.Close, a.Attempts, a.Missing, a.Gaps, a.Answered)
				case !slices.Equal(codesOf(a), codesOf(want)):
					t.Errorf("%d, order %v, stamps too %v: %v, want %v", n, order, stamps, codesOf(a), codesOf(want))
				case a.RTT < 0 || a.ServerRTT < 0 || a.SYNToACK < 0 || !stamps && a.RTT != want.RTT:
					t.Errorf("%d, order %v, stamps too %v: RTTs %v, %v, %v", n, order, stamps, a.RTT, a.ServerRTT, a.SYNToACK)
				case a.Retransmissions(handshake.Client)+a.Retransmissions(handshake.Server) > 0:
					t.Errorf("%d, order %v, stamps too %v: %v", n, order, stamps, a.Repeats)
				}
			}
		}
	}
}

// TestOffersInAnyOrder: what was negotiated does not hang on whether the SYN stands before the
// SYN-ACK in the file.
func TestOffersInAnyOrder(t *testing.T) {
	scaled := func(by uint8) func(*craft.Segment) {
		return func(s *craft.Segment) { s.Options, _ = craft.NewOptions(mss, craft.WindowScale(by), craft.NOP()) }
	}
	k := newTalk(t, 1, 0).raw(0, 0, fS, 0, scaled(9)).raw(20*us, 1, fSA, 0, scaled(7)).say(10*us, 0, fA, 0)
	data(k, 0, 300).close()
	for _, from := range []int{0, 1} {
		whole := newTalk(t, 1, 0)
		whole.packets = slices.Clone(k.packets)
		for i := range from + 1 { // the SYN first, then behind the SYN-ACK, then behind the ACK
			whole.packets[i], whole.packets[i+1] = whole.packets[i+1], whole.packets[i]
		}
		g, _ := through(t, flow.Config{}, plain(whole.packets)...)
		if n := g.attempts[0].Negotiated; len(g.attempts) != 1 || !n.Scaled || n.Shift != 7 {
			t.Errorf("the SYN behind %d others: %d attempts, %+v", from+1, len(g.attempts), n)
		}
	}
}

// TestRefusalBeforeItsSYN: an RST that acknowledges exactly the SYN behind it in the file refuses
// that; one that came much sooner, or acknowledges another number, does not.
func TestRefusalBeforeItsSYN(t *testing.T) {
	for _, c := range []struct {
		name   string
		sooner time.Duration
		other  uint32
		want   probe.Reason
	}{
		{"its own", -20 * us, 0, probe.ReasonReset},
		{"its own, by its stamp too", 20 * us, 0, probe.ReasonReset},
		{"of another number", -20 * us, 1000, probe.ReasonUnverifiedReset},
		{"long before", sec, 0, handshake.ReasonNotCaptured},
	} {
		k := newTalk(t, 1, 0).say(sec, 0, fS, 0).raw(0, 1, fRA, 0, func(s *craft.Segment) { s.Seq, s.Ack = 0, s.Ack.Add(c.other) })
		k.packets[1].at = k.packets[0].at.Add(-c.sooner)
		g, _ := through(t, flow.Config{}, plain(swapped(k.packets, 0))...)
		if a := &g.attempts[0]; len(g.attempts) != 1 || a.Reason != c.want {
			t.Errorf("%s: %d attempts, %v (%v), want %v", c.name, len(g.attempts), a.State, a.Reason, c.want)
		}
	}
}

// TestReuseWithinTheClocks: ports that are used again while the clocks of two places
// are further apart, among more connections than packets are remembered.
func TestReuseWithinTheClocks(t *testing.T) {
	const many, times = 300, 3
	var all []*talk
	for n := range many {
		k := newTalk(t, n, time.Duration(n)*300*us)
		for range times {
			data(data(k.open(), 0, 300), 1, 900).close().renumbered(200*ms, 5_000_000, 80_000_000)
		}
		all = append(all, k)
	}
	once := merged(all...)
	for _, off := range []time.Duration{0, 150 * ms, -150 * ms, sec, -sec, 30 * sec, -30 * sec} {
		g, counts := through(t, flow.Config{}, plain(bothEnds(off)(nil, once))...)
		if len(g.attempts) != many*times || counts.Duplicates != uint64(len(once)) {
			t.Errorf("clocks %v apart: %d attempts, want %d; %d duplicates, want %d", off, len(g.attempts), many*times, counts.Duplicates, len(once))
		}
		for i := range g.attempts {
			if a := &g.attempts[i]; a.State != probe.StateOpen || a.Close != handshake.CloseThreeWay || a.RTT != 20*ms || a.Gaps > 0 {
				t.Fatalf("clocks %v apart: %v, closed %q, RTT %v, %d gaps", off, a.State, a.Close, a.RTT, a.Gaps)
			}
		}
	}
}

// TestNumbersWithinOlderOnes: a connection with numbers that the one before on its
// ports has used is another one, though its packets come another way.
func TestNumbersWithinOlderOnes(t *testing.T) {
	k := newTalk(t, 1, 0)
	start := k.seq
	data(data(k.open(), 0, 300), 1, 900).close()
	again := newTalk(t, 1, 300*sec)
	again.seq = [2]craft.Seq{start[0].Add(50), start[1].Add(100)}
	data(data(again.open(), 0, 300), 1, 900).close()
	for i := range again.packets {
		var p craft.Packet
		if err := p.Decode(again.packets[i].data, craft.TrustChecksums); err != nil {
			t.Fatal(err)
		}
		p.Segment.TTL -= 2
		p.Segment.ID += 500
		again.packets[i].data, _ = p.Segment.AppendTo(nil)
	}
	g, _ := through(t, flow.Config{}, plain(merged(k, again))...)
	if len(g.attempts) != 2 || g.attempts[1].Close != handshake.CloseThreeWay {
		t.Errorf("%d attempts", len(g.attempts))
	}
}

// TestTwoFilesOfOneLink: the captures of both ends of one link, where TTLs are the
// same, by clocks that differ.
func TestTwoFilesOfOneLink(t *testing.T) {
	const many, times = 300, 3
	var all []*talk
	for n := range many {
		k := newTalk(t, 5*n, time.Duration(n)*300*us) // IPv4: without identifications nothing tells
		for range times {
			data(data(k.open(), 0, 300), 1, 900).close().renumbered(200*ms, 5_000_000, 80_000_000)
		}
		all = append(all, k)
	}
	once := merged(all...)
	for _, off := range []time.Duration{0, 150 * ms, sec, -sec, 30 * sec} {
		packets := plain(once)
		for _, p := range plain(once) {
			p.File, p.Interface, p.Time = 1, 1<<24, p.Time.Add(off)
			packets = append(packets, p)
		}
		slices.SortStableFunc(packets, func(a, b flow.Packet) int { return a.Time.Compare(b.Time) })
		g, counts := through(t, flow.Config{}, packets...)
		if len(g.attempts) != many*times || counts.Duplicates != uint64(len(once)) {
			t.Errorf("clocks %v apart: %d attempts, want %d; %d duplicates, want %d", off, len(g.attempts), many*times, counts.Duplicates, len(once))
		}
		for i := range g.attempts {
			if a := &g.attempts[i]; a.State != probe.StateOpen || a.Close != handshake.CloseThreeWay || a.RTT != 20*ms || a.Gaps > 0 || len(codesOf(a)) > 1 {
				t.Errorf("clocks %v apart: %v, closed %q, RTT %v, %d gaps, %v", off, a.State, a.Close, a.RTT, a.Gaps, codesOf(a))
				break
			}
		}
	}
}

// TestRotatedWhileAsking: a SYN that came again in the next file was sent again.
func TestRotatedWhileAsking(t *testing.T) {
	k := newTalk(t, 1, 0).say(0, 0, fS, 0)
	k.again(sec, 0, fS, prev(k, 0, 1), 0).again(2*sec, 0, fS, prev(k, 0, 1), 0).say(20*ms, 1, fSA, 0).say(30*us, 0, fA, 0)
	packets := plain(k.packets)
	for i := range packets {
		packets[i].File, packets[i].Interface = i, uint32(i)<<24
	}
	g, counts := through(t, flow.Config{}, packets...)
	if a := &g.attempts[0]; len(g.attempts) != 1 || a.Attempts != 3 || counts.Duplicates > 0 {
		t.Errorf("%d attempts, %d SYNs, %d duplicates", len(g.attempts), a.Attempts, counts.Duplicates)
	}
}

// TestKeepAliveMetUnderWay: its answer acknowledges no segment that is missing.
func TestKeepAliveMetUnderWay(t *testing.T) {
	k := data(newTalk(t, 1, 0).open(), 0, 100)
	n := len(k.packets)
	k.again(30*sec, 0, fA, prev(k, 0, 1), 0).say(20*ms, 1, fA, 0)
	k.again(30*sec, 0, fA, prev(k, 0, 1), 0).say(20*ms, 1, fA, 0)
	g, counts := through(t, flow.Config{}, plain(k.packets[n:])...)
	if a := &g.attempts[0]; len(g.attempts) != 1 || a.Gaps > 0 || counts.Gaps > 0 || a.Close == handshake.CloseByReset {
		t.Errorf("%d attempts, %d gaps, closed %q", len(g.attempts), counts.Gaps, a.Close)
	}
}

// TestRepeatedSYNAnsweredLate: a SYN-ACK that came after the SYN came again does not
// say which it answers, though it echoes the first: Linux goes on doing that.
func TestRepeatedSYNAnsweredLate(t *testing.T) {
	for _, c := range []struct {
		name string
		wait time.Duration // from the first SYN to the second
		trip time.Duration // from there to the SYN-ACK
		echo uint32
		want time.Duration
	}{
		{"echoes the first", sec, 20 * ms, 500, 0},
		{"echoes the second", sec, 20 * ms, 1500, 20 * ms},
	} {
		k := newTalk(t, 1, 0)
		isn := k.seq[0]
		k.raw(0, 0, fS, 0, stamps(500, 0))
		k.seq[0] = isn
		k.raw(c.wait, 0, fS, 0, stamps(1500, 0)).raw(c.trip, 1, fSA, 0, stamps(77, c.echo)).raw(30*us, 0, fA, 0, stamps(1520, 77))
		g, _ := through(t, flow.Config{}, plain(k.packets)...)
		if a := &g.attempts[0]; a.RTT != c.want || a.Attempts != 2 {
			t.Errorf("%s: RTT %v, want %v; %d SYNs", c.name, a.RTT, c.want, a.Attempts)
		}
	}
}

// TestResetBelowWhatWasSent: an RST of an end whose data a shut window has held back
// has a number before theirs, and they may stand behind it in the file.
func TestResetBelowWhatWasSent(t *testing.T) {
	k := data(newTalk(t, 1, 0).open(), 0, 10)
	k.say(ms, 1, fP, 1400).raw(10*us, 0, fA, 0, win(0)).say(10*us, 1, fP, 80)
	k.raw(30*us, 1, fRA, 0, seq(prev(k, 1, 80)))
	last := len(k.packets) - 1
	for to := last - 3; to <= last; to++ {
		g, _ := through(t, flow.Config{}, plain(k.moved(last, to))...)
		if a := &g.attempts[0]; slices.Contains(codesOf(a), "forged-reset") || a.Close != handshake.CloseByReset {
			t.Errorf("the RST at %d: closed %q, %v", to+1, a.Close, codesOf(a))
		}
	}
}

// TestResetBeforeWhatItFollows: what an end sent just before an RST, and stands
// behind it in the file, may be acknowledged later.
func TestResetBeforeWhatItFollows(t *testing.T) {
	k := data(newTalk(t, 1, 0).open(), 0, 1000)
	k.say(ms, 0, fP, 500).say(100*us, 1, fP, 1).say(10*us, 1, fF, 0)
	k.say(20*us, 0, fA, 0).raw(20*us, 1, fR, 0, seq(prev(k, 1, 2)))
	end := len(k.packets)
	k.again(200*ms, 0, fP, prev(k, 0, 500), 500)
	for to := 5; to < end; to++ {
		g, _ := through(t, flow.Config{}, plain(k.moved(end-1, to))...)
		if a := &g.attempts[0]; slices.Contains(codesOf(a), "forged-reset") {
			t.Errorf("the RST at %d: %v", to+1, a.Findings)
		}
	}
}

// TestRefusalBeforeAnotherConnection: a server that took a SYN, refused it when it
// came again, and takes a later one, whose segments are out of order, has not gone
// on after the refusal.
func TestRefusalBeforeAnotherConnection(t *testing.T) {
	k := newTalk(t, 1, 0)
	k.seq = [2]craft.Seq{801932359, 2042784228}
	k.say(0, 0, fS, 0).say(10*us, 1, fSA, 0)
	k.again(sec, 0, fS, prev(k, 0, 1), 0).raw(15*us, 1, fRA, 0, seq(0))
	refusal := len(k.packets) - 1
	k.packets[refusal-1], k.packets[refusal] = k.packets[refusal], k.packets[refusal-1]
	k.renumbered(4*sec, 68_000_000, 83_000_000)
	data(k.open(), 1, 500).close()
	list := k.packets
	list[4], list[6] = list[6], list[4] // ACK, SYN-ACK, SYN
	g, _ := through(t, flow.Config{}, plain(list)...)
	for i := range g.attempts {
		if a := &g.attempts[i]; slices.Contains(codesOf(a), "forged-reset") {
			t.Errorf("attempt %d: %v", i+1, a.Findings)
		}
	}
}

// TestCopyFromTheFuture: a packet that is there twice, once with a stamp that is
// wrong, was not sent twice.
func TestCopyFromTheFuture(t *testing.T) {
	k := newTalk(t, 1, 0).raw(0, 0, fS, 0, stamps(500, 0)).raw(20*ms, 1, fSA, 0, stamps(77, 500)).raw(30*us, 0, fA, 0, stamps(520, 77))
	k.raw(ms, 0, fP, 100, stamps(521, 77)).raw(20*ms, 1, fA, 0, stamps(90, 521)).raw(ms, 0, fF, 0, stamps(540, 90))
	packets := k.packets
	for _, i := range []int{3, 5} {
		packets = append(packets, stamped{time.Unix(1<<32-1, 0), k.packets[i].data})
	}
	g, counts := through(t, flow.Config{}, plain(packets)...)
	if a := &g.attempts[0]; len(g.attempts) != 1 || counts.Duplicates != 2 || a.Retransmissions(handshake.Client) > 0 {
		t.Errorf("%d attempts, %d duplicates, %v", len(g.attempts), counts.Duplicates, a.Repeats)
	}
}

// TestRefusalOfTheSYNBefore: ports that were refused, and used again at once with a
// number a little higher, in any order: the refusal is of the first SYN.
func TestRefusalOfTheSYNBefore(t *testing.T) {
	k := newTalk(t, 1, 0)
	k.seq = [2]craft.Seq{1129843841, 558869686}
	k.say(0, 0, fS, 0).raw(20*us, 1, fRA, 0, seq(0))
	k.seq[0], k.seq[1] = 1129845599, 558869686
	k.say(90*us, 0, fS, 0).say(13*us, 1, fSA, 0).say(10*us, 0, fA, 0)
	n := len(k.packets)
	data(k.say(ms, 1, fP, 10), 1, 1)
	for round := range 120 {
		order, places := round, []int{0, 1, 2, 3, 4}
		list := slices.Clone(k.packets)
		for i := range n {
			at := order % len(places)
			list[i], order = k.packets[places[at]], order/len(places)
			places = slices.Delete(places, at, at+1)
		}
		g, _ := through(t, flow.Config{}, plain(list)...)
		for i := range g.attempts {
			if a := &g.attempts[i]; slices.Contains(codesOf(a), "forged-reset") {
				t.Errorf("order %d, attempt %d: %v", round, i+1, a.Findings)
			}
		}
	}
}
