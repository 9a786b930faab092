package flow_test

import (
	"slices"
	"testing"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

// asksAbout is the ACK by which a prober asks about an RST that proves nothing:
// it acknowledges a number of its own choice.
func (k *talk) asksAbout(chosen craft.Seq) *talk {
	return k.raw(16*ms, 0, fA, 0, func(s *craft.Segment) { s.Ack = chosen })
}

// saysClosed is the answer of a port that is closed (RFC 9293 §3.10.7.1).
func (k *talk) saysClosed(chosen craft.Seq) *talk { return k.raw(3*ms, 1, fR, 0, seq(chosen)) }

// TestQuestionedResets: the ACK after an RST that proves nothing completes no
// handshake of which nothing else was captured; what follows it tells.
func TestQuestionedResets(t *testing.T) {
	const chosen = 0xdeadbeef
	ofISN := func(s *craft.Segment) { s.Seq, s.Ack = 0, s.Ack.Add(^uint32(0)) }
	bare := func(k *talk) *talk { return k.say(0, 0, fS, 0).raw(20*ms, 1, fR, 0, seq(0)) }
	for _, c := range []struct {
		name   string
		play   func(*talk)
		state  probe.State
		reason probe.Reason
	}{
		{"no question", func(k *talk) { bare(k) }, probe.StateRefused, probe.ReasonUnverifiedReset},
		{"answered", func(k *talk) { bare(k).asksAbout(chosen).saysClosed(chosen) }, probe.StateRefused, probe.ReasonReset},
		{"not answered", func(k *talk) { bare(k).asksAbout(chosen) }, probe.StateRefused, probe.ReasonUnverifiedReset},
		{"answered by the same RST", func(k *talk) { bare(k).asksAbout(chosen).saysClosed(0) }, probe.StateRefused, probe.ReasonUnverifiedReset},
		{"of the ISN itself", func(k *talk) { k.say(0, 0, fS, 0).raw(20*ms, 1, fRA, 0, ofISN) },
			probe.StateRefused, probe.ReasonUnverifiedReset},
		{"of the ISN itself, answered", func(k *talk) {
			k.say(0, 0, fS, 0).raw(20*ms, 1, fRA, 0, ofISN).asksAbout(chosen).saysClosed(chosen)
		}, probe.StateRefused, probe.ReasonReset},
		{"with a number", func(k *talk) { k.say(0, 0, fS, 0).raw(20*ms, 1, fR, 0, seq(77)) }, probe.StateUnknown, handshake.ReasonNotCaptured},
		{"with a number, answered", func(k *talk) {
			k.say(0, 0, fS, 0).raw(20*ms, 1, fR, 0, seq(77)).asksAbout(chosen).saysClosed(chosen)
		}, probe.StateRefused, probe.ReasonReset},
		{"the genuine answer after the question", func(k *talk) {
			bare(k).asksAbout(chosen).say(ms, 1, fSA, 0).raw(ms, 0, fR, 0, func(*craft.Segment) {})
		}, probe.StateOpen, probe.ReasonSYNACK},
	} {
		k := newTalk(t, 1, 0)
		c.play(k)
		g, _ := through(t, flow.Config{}, plain(k.packets)...)
		if a := &g.attempts[0]; len(g.attempts) != 1 || a.State != c.state || a.Reason != c.reason || a.Gaps > 0 || len(a.Missing) > 0 {
			t.Errorf("%s: %d attempts, %v (%v), missing %v; want %v (%v)", c.name, len(g.attempts), a.State, a.Reason, a.Missing, c.state, c.reason)
		}
	}
}

// TestQuestionOrMissed: where the SYN-ACK was missed the client goes on, and in a
// capture that is known to miss segments an ACK alone says nothing.
func TestQuestionOrMissed(t *testing.T) {
	opened := func() *talk {
		return newTalk(t, 1, 0).say(0, 0, fS, 0).raw(2*ms, 1, fR, 0, seq(0)).say(20*ms, 1, fSA, 0).say(30*us, 0, fA, 0)
	}
	gap := newTalk(t, 2, 0).open()
	data(data(gap, 0, 100), 0, 100)
	lossy := gap.without(3)
	for _, c := range []struct {
		name  string
		k     *talk
		lost  []int
		other []stamped
		state probe.State
	}{
		{"data of the client", data(opened(), 0, 100), []int{2}, nil, probe.StateOpen},
		{"data of the server", data(opened(), 1, 100), []int{2}, nil, probe.StateOpen},
		{"nothing, and others have gaps", opened(), []int{2}, lossy, probe.StateUnknown},
	} {
		packets := slices.Concat(c.other, c.k.without(c.lost...))
		slices.SortStableFunc(packets, func(a, b stamped) int { return a.at.Compare(b.at) })
		g, _ := through(t, flow.Config{}, plain(packets)...)
		if a := attemptOf(g, c.k); a.State != c.state {
			t.Errorf("%s: %v (%v), want %v", c.name, a.State, a.Reason, c.state)
		}
	}
}

// TestNumberedRefusals: an RST that acknowledges the SYN refuses it whatever its
// number (RFC 9293 §3.10.7.3), where it is known that the client has sent no more.
func TestNumberedRefusals(t *testing.T) {
	for _, c := range []struct {
		recorded, one bool
		state         probe.State
	}{{true, true, probe.StateRefused}, {false, true, probe.StateUnknown}, {true, false, probe.StateUnknown}} {
		k := newTalk(t, 1, 0).say(0, 0, fS, 0).raw(20*ms, 1, fRA, 0, seq(0xdeadbeef))
		packets := plain(k.packets)
		for i := range packets {
			packets[i].Recorded = c.recorded && (c.one || i == 0)
		}
		g, _ := through(t, flow.Config{}, packets...)
		if a := &g.attempts[0]; a.State != c.state || (c.state == probe.StateRefused) != (a.RTT == 20*ms) {
			t.Errorf("recorded %v: %v (%v), RTT %v; want %v", c.recorded, a.State, a.Reason, a.RTT, c.state)
		}
	}
}
