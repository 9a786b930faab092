package flow_test

import (
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
