package flow_test

import (
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

// at adds a segment with the given distance of its numbers from those of the
// connection.
func (k *talk) at(pause time.Duration, from int, flags craft.Flags, payload int, seq, ack int32) *talk {
	before := k.seq
	k.raw(pause, from, flags, payload, func(s *craft.Segment) {
		s.Seq, s.Ack = s.Seq.Add(uint32(seq)), s.Ack.Add(uint32(ack))
	})
	k.seq = before
	return k
}

// renumbered begins another connection on the same ports, ISNs that far on.
func (k *talk) renumbered(pause time.Duration, client, server uint32) *talk {
	k.now = k.now.Add(pause)
	k.seq[0], k.seq[1] = k.seq[0].Add(client), k.seq[1].Add(server)
	return k
}

// oldScenes are connections on ports of which somebody remembers older ones.
var oldScenes = []scene{
	{"challenge ACK ahead, then refused", func(k *talk) {
		k.say(0, 0, fS, 0).at(20*ms, 1, fA, 0, 900, 5554).at(20*us, 0, fR, 0, 5554, 0)
		k.again(sec, 0, fS, prev(k, 0, 1), 0).raw(20*ms, 1, fRA, 0, seq(0))
	}, probe.StateRefused, "", "challenge-ack"},
	{"challenge ACK far ahead, then open", func(k *talk) {
		k.say(0, 0, fS, 0).at(20*ms, 1, fA, 0, 900, 5_000_000).at(20*us, 0, fR, 0, 5_000_000, 0)
		k.again(sec, 0, fS, prev(k, 0, 1), 0).say(20*ms, 1, fSA, 0).say(30*us, 0, fA, 0)
		data(k, 0, 100).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "challenge-ack close-three-way"},
	{"challenge ACKs ahead, no RST comes through", func(k *talk) {
		k.say(0, 0, fS, 0).at(20*ms, 1, fA, 0, 900, 5554)
		k.again(sec, 0, fS, prev(k, 0, 1), 0).at(20*ms, 1, fA, 0, 900, 5554)
		k.again(2*sec, 0, fS, prev(k, 0, 1), 0).at(20*ms, 1, fA, 0, 900, 5554)
	}, probe.StateUnknown, "", "challenge-ack"},
	{"an ACK ahead, and an RST", func(k *talk) {
		k.say(0, 0, fS, 0).at(20*ms, 1, fA, 0, 900, 5554).at(20*us, 0, fR, 0, 5554, 0)
	}, probe.StateUnknown, "", ""},
	{"old data ahead, then open", func(k *talk) {
		k.say(0, 0, fS, 0).at(20*ms, 1, fP, 300, 900, 5554).at(20*us, 0, fR, 0, 5554, 0)
		k.again(sec, 0, fS, prev(k, 0, 1), 0).say(20*ms, 1, fSA, 0).say(30*us, 0, fA, 0)
		data(data(k, 0, 100), 1, 700).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
	{"an old FIN ahead, then open", func(k *talk) {
		k.say(0, 0, fS, 0).at(20*ms, 1, fF, 0, 900, 5554).at(20*us, 0, fR, 0, 5554, 0)
		k.again(sec, 0, fS, prev(k, 0, 1), 0).say(20*ms, 1, fSA, 0).say(30*us, 0, fA, 0)
		data(data(k, 0, 100), 1, 700).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
	{"SYN-ACK to another SYN, then the genuine one", func(k *talk) {
		k.say(0, 0, fS, 0).at(10*ms, 1, fSA, 0, 0, 998).at(20*us, 0, fR, 0, 998, 0)
		k.renumbered(0, 0, 5).say(10*ms, 1, fSA, 0).say(30*us, 0, fA, 0)
		data(data(k, 0, 100), 1, 700).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
}

// TestOldNumbersAreNotCounted: what is of an older connection is neither missing
// nor sent again.
func TestOldNumbersAreNotCounted(t *testing.T) {
	for i := range oldScenes {
		k := newTalk(t, 3, 0)
		oldScenes[i].play(k)
		g, counts := through(t, flow.Config{}, plain(k.packets)...)
		for j := range g.attempts {
			a := &g.attempts[j]
			again := a.Retransmissions(handshake.Server) + a.Retransmissions(handshake.Client) - max(0, a.Attempts-1)
			if a.Gaps > 0 || counts.Gaps > 0 || len(a.Missing) > 0 || again > 0 {
				t.Errorf("%s: %d gaps, %v missing, %d retransmissions", oldScenes[i].name, a.Gaps, a.Missing, again)
			}
		}
	}
}

// TestGoesOnFromDoubt: what a server sends before a SYN-ACK was captured is of
// this connection where the client goes on from there.
func TestGoesOnFromDoubt(t *testing.T) {
	k := newTalk(t, 1, 0).open()
	data(data(k, 0, 300), 1, 900).say(ms, 0, fP, 50).say(20*ms, 1, fP, 60).say(us, 0, fA, 0).close()
	for _, missed := range [][]int{{1, 2, 3}, {1, 2, 3, 6}, {1, 2, 3, 5, 6}, {1, 2, 3, 5, 6, 7}} {
		var kept []stamped
		for i, p := range k.packets {
			if len(missed) > 0 && missed[0] == i {
				missed = missed[1:]
				continue
			}
			kept = append(kept, p)
		}
		g, _ := through(t, flow.Config{}, plain(kept)...)
		a := &g.attempts[0]
		if len(g.attempts) != 1 || a.State != probe.StateOpen || a.Reason != probe.ReasonConnected || a.Gaps == 0 || len(codesOf(a)) > 1 {
			t.Errorf("without %v: %v (%v), %d gaps, %v", missed, a.State, a.Reason, a.Gaps, codesOf(a))
		}
	}
}

// TestDeadHost: a capture that has nothing of any server still shows that
// nobody answered where each client says so twice, at the pauses of silence.
func TestDeadHost(t *testing.T) {
	for _, c := range []struct {
		name   string
		pauses []time.Duration
		other  bool // another client's SYN is all there is of it
		state  probe.State
	}{
		{"Linux", []time.Duration{sec, 2 * sec, 4 * sec, 8 * sec}, false, probe.StateFiltered},
		{"Windows", []time.Duration{3 * sec, 6 * sec}, false, probe.StateFiltered},
		{"evenly", []time.Duration{sec, sec, sec}, false, probe.StateFiltered},
		{"once again", []time.Duration{sec}, false, probe.StateUnknown},
		{"as after refusals", []time.Duration{sec / 2, sec / 2}, false, probe.StateUnknown},
		{"among SYNs that were chosen", []time.Duration{sec, 2 * sec, 4 * sec}, true, probe.StateUnknown},
	} {
		k := newTalk(t, 1, 0).say(0, 0, fS, 0)
		for _, pause := range c.pauses {
			k.again(pause, 0, fS, prev(k, 0, 1), 0)
		}
		packets := k.packets
		if c.other {
			packets = merged(k, newTalk(t, 2, 300*ms).say(0, 0, fS, 0))
		}
		g, _ := through(t, flow.Config{}, plain(packets)...)
		if a := &g.attempts[0]; a.State != c.state {
			t.Errorf("%s: %v (%v), want %v", c.name, a.State, a.Reason, c.state)
		}
	}
}

// livingScenes are SYNs on the ports of a connection that is open.
var livingScenes = []scene{
	{"a SYN injected", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 900).at(5*ms, 0, fS, 0, 123_456_789, 0)
		k.say(20*ms, 1, fA, 0)
		data(data(k, 0, 100), 1, 50).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
	{"SYNs injected", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 900)
		for i := range int32(5) {
			k.at(5*ms, 0, fS, 0, 123_456_789*(i+1), 0).say(20*ms, 1, fA, 0)
		}
		data(data(k, 0, 100), 1, 50).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
	{"a SYN injected, not answered", func(k *talk) {
		data(data(k.open(), 0, 300), 1, 900).at(5*ms, 0, fS, 0, 5_000_000, 0)
		data(data(k, 0, 100), 1, 50).close()
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
}

// TestSYNToLivingConnection: whose it was is told by what follows.
func TestSYNToLivingConnection(t *testing.T) {
	first := data(data(newTalk(t, 1, 0).open(), 0, 300), 1, 900)
	again := func(edit func(k *talk)) *talk {
		k := *first
		k.packets = append([]stamped(nil), first.packets...)
		k.renumbered(10*sec, 5_000_000, 80_000_000).say(0, 0, fS, 0)
		edit(&k)
		return &k
	}
	for _, c := range []struct {
		name     string
		k        *talk
		attempts int
		state    probe.State // of the second
		first    uint64      // its packet
	}{
		{"nothing", again(func(*talk) {}), 2, probe.StateUnknown, 8},
		{"SYN-ACK", again(func(k *talk) { k.say(20*ms, 1, fSA, 0) }), 2, probe.StateOpen, 8},
		{"refusal", again(func(k *talk) { k.raw(20*ms, 1, fRA, 0, seq(0)) }), 2, probe.StateRefused, 8},
		{"ACK, the SYN-ACK missed", again(func(k *talk) { k.seq[1]++; k.say(30*ms, 0, fA, 0) }), 2, probe.StateOpen, 8},
		{"data, all else missed", again(func(k *talk) { k.seq[1]++; data(k, 0, 100) }), 2, probe.StateOpen, 8},
		{"data of the server, all else missed", again(func(k *talk) { k.seq[1]++; k.say(ms, 1, fP, 100) }), 2, probe.StateOpen, 8},
		{"the SYN again", again(func(k *talk) { k.again(sec, 0, fS, prev(k, 0, 1), 0) }), 2, probe.StateUnknown, 8},
		{"challenged, and refused", again(func(k *talk) {
			old := first.seq
			k.raw(20*ms, 1, fA, 0, func(s *craft.Segment) { s.Seq, s.Ack = old[1], old[0] }).raw(20*us, 0, fR, 0, seq(old[0]))
			k.seq[0] = prev(k, 0, 1)
			k.say(sec, 0, fS, 0).raw(20*ms, 1, fRA, 0, seq(0))
		}), 2, probe.StateRefused, 8},
	} {
		g, counts := through(t, flow.Config{Segments: true}, plain(c.k.packets)...)
		if counts.Followed != uint64(len(c.k.packets)) || len(g.segments) != len(c.k.packets) {
			t.Errorf("%s: %d of %d packets counted, %d told", c.name, counts.Followed, len(c.k.packets), len(g.segments))
		}
		if len(g.attempts) != c.attempts {
			t.Errorf("%s: %d attempts", c.name, len(g.attempts))
			continue
		}
		if a := &g.attempts[1]; a.State != c.state || a.First != c.first || len(codesOf(a)) > 0 && codesOf(a)[0] != "challenge-ack" && codesOf(a)[0] != "banner" {
			t.Errorf("%s: %v from packet %d, %v", c.name, a.State, a.First, codesOf(a))
		}
		end := handshake.CloseNever
		if strings.HasPrefix(c.name, "challenged") {
			end = handshake.CloseByReset // the RST that answers the challenge ACK ends what the server held
		}
		if a := &g.attempts[0]; a.State != probe.StateOpen || a.Close != end {
			t.Errorf("%s: the first is %v, closed %q, up to %d", c.name, a.State, a.Close, a.Last)
		}
	}
	k := newTalk(t, 1, 0)
	livingScenes[1].play(k)
	g, counts := through(t, flow.Config{Segments: true}, plain(k.packets)...)
	if len(g.attempts) != 1 || counts.Followed != uint64(len(k.packets)) || len(g.segments) != len(k.packets) || g.attempts[0].Gaps > 0 {
		t.Errorf("%d attempts, %d packets counted", len(g.attempts), counts.Followed)
	}
}

// TestSYNsThatCross: a SYN-ACK that was not captured makes no split handshake of
// a simultaneous open, and the reverse.
func TestSYNsThatCross(t *testing.T) {
	for _, c := range []struct {
		name     string
		pause    time.Duration // from SYN to SYN
		findings string
		reason   probe.Reason
	}{
		{"crossing", ms, "simultaneous-open close-three-way", probe.ReasonConnected},
		{"split", 20 * ms, "split-handshake close-three-way", probe.ReasonSplitHandshake},
	} {
		k := newTalk(t, 1, 0)
		isn := k.seq
		k.say(0, 0, fS, 0).say(c.pause, 1, fS, 0).again(20*ms-c.pause, 0, fSA, isn[0], 0)
		k.say(20*ms, 1, fA, 0)
		data(data(k, 0, 100), 1, 100).close()
		g, _ := through(t, flow.Config{}, plain(k.packets)...)
		a := &g.attempts[0]
		if got := strings.Join(codesOf(a), " "); len(g.attempts) != 1 || a.State != probe.StateOpen || a.Reason != c.reason || got != c.findings ||
			c.reason == probe.ReasonConnected && a.RTT != 0 {
			t.Errorf("%s: %v (%v), RTT %v, %s", c.name, a.State, a.Reason, a.RTT, got)
		}
	}
}
