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

// without leaves packets out, by their places from 0.
func (k *talk) without(places ...int) (list []stamped) {
	for i, p := range k.packets {
		if !slices.Contains(places, i) {
			list = append(list, p)
		}
	}
	return list
}

// TestMissed: one or two packets that are missing, and leave no hole in the
// numbers, make no other answer of one.
func TestMissed(t *testing.T) {
	four := func(k *talk) *talk {
		return data(k.open(), 0, 100).say(ms, 0, fF, 0).say(20*ms, 1, fA, 0).say(ms, 1, fF, 0).say(20*us, 0, fA, 0)
	}
	syns := func(k *talk) *talk {
		k.say(0, 0, fS, 0).again(sec, 0, fS, prev(k, 0, 1), 0).again(2*sec, 0, fS, prev(k, 0, 1), 0).again(4*sec, 0, fS, prev(k, 0, 1), 0)
		return k.say(20*ms, 1, fSA, 0).say(20*us, 0, fA, 0)
	}
	halfClosed := func(k *talk) *talk {
		data(k.open(), 0, 100).say(ms, 0, fF, 0).say(20*ms, 1, fA, 0)
		return data(k, 1, 500)
	}
	for _, c := range []struct {
		name    string
		play    func(*talk) *talk
		missing []int
		state   probe.State
		close   handshake.Close
	}{
		{"four-way", four, nil, probe.StateOpen, handshake.CloseFourWay},
		{"the ACK of the FIN, as identifications show", four, []int{6}, probe.StateOpen, handshake.CloseUnknown},
		{"half-closed", halfClosed, nil, probe.StateOpen, handshake.CloseHalfClosed},
		{"an ACK just before, as identifications show", halfClosed, []int{4}, probe.StateOpen, handshake.CloseUnknown},
		{"SYN-ACK and ACK before an RST with a number", func(k *talk) *talk { return k.open().say(ms, 1, fRA, 0) }, []int{1, 2}, probe.StateUnknown, ""},
		{"an RST with a number, and the client asks again", func(k *talk) *talk {
			k.say(0, 0, fS, 0).raw(20*ms, 1, fRA, 0, seq(77)).again(500*ms, 0, fS, prev(k, 0, 1), 0)
			return k.raw(20*ms, 1, fRA, 0, seq(78))
		}, nil, probe.StateRefused, ""},
		{"all after the second SYN", syns, []int{2, 3, 4, 5}, probe.StateUnknown, ""},
		{"all after the third SYN", syns, []int{3, 4, 5}, probe.StateUnknown, ""},
		{"all after the fourth SYN", syns, []int{4, 5}, probe.StateFiltered, ""},
		{"the refusal of the second SYN", func(k *talk) *talk {
			return k.say(0, 0, fS, 0).again(sec, 0, fS, prev(k, 0, 1), 0).raw(20*ms, 1, fRA, 0, seq(0))
		}, []int{2}, probe.StateUnknown, ""},
	} {
		k := newTalk(t, 1, 0)
		c.play(k)
		other := data(newTalk(t, 2, 0).open(), 0, 10) // the capture has answers
		packets := slices.Concat(other.packets, k.without(c.missing...))
		slices.SortStableFunc(packets, func(a, b stamped) int { return a.at.Compare(b.at) })
		g, _ := through(t, flow.Config{}, plain(packets)...)
		if a := attemptOf(g, k); len(g.attempts) != 2 || a.State != c.state || a.Close != c.close {
			t.Errorf("%s: %v (%v), closed %q; want %v, %q", c.name, a.State, a.Reason, a.Close, c.state, c.close)
		}
	}
}

// TestUnansweredFIN: identifications that both ends count together, with steps
// of one and of two, make nothing missing of a FIN that nobody acknowledged.
func TestUnansweredFIN(t *testing.T) {
	k := newTalk(t, 1, 0).open().say(ms, 0, fF, 0).say(20*ms, 1, fA, 0).say(ms, 1, fF, 0)
	for _, pause := range []time.Duration{200 * ms, 400 * ms, 800 * ms, 1600 * ms} {
		k.again(pause, 1, fF, prev(k, 1, 1), 0)
	}
	for i := range k.packets {
		var p craft.Packet
		p.Decode(k.packets[i].data, craft.TrustChecksums)
		p.Segment.ID = uint16(i + 1)
		k.packets[i].data, _ = p.Segment.AppendTo(nil)
	}
	g, _ := through(t, flow.Config{}, plain(k.packets)...)
	if a := &g.attempts[0]; a.Close != handshake.CloseTimeout || !slices.Contains(codesOf(a), "fin-unanswered") {
		t.Errorf("closed %q, %v", a.Close, codesOf(a))
	}
}

// TestResentAfterReset: a server that retransmits what it had sent before an RST
// in its name has not sent that.
func TestResentAfterReset(t *testing.T) {
	for _, c := range []struct {
		name   string
		ttl    uint8 // of the RST
		pauses []time.Duration
		close  handshake.Close
		forged bool
	}{
		{"another way, once", 63, []time.Duration{300 * ms}, handshake.CloseNever, true},
		{"the same way, five times", 55, []time.Duration{200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms}, handshake.CloseNever, true},
		{"on the way when the RST was sent", 55, []time.Duration{10 * us}, handshake.CloseByReset, false},
		{"nothing", 63, nil, handshake.CloseByReset, false},
	} {
		k := data(newTalk(t, 1, 0).open(), 0, 100).say(ms, 1, fP, 300)
		old := prev(k, 1, 300)
		k.raw(30*ms, 1, fR, 0, func(s *craft.Segment) { s.TTL = c.ttl })
		for _, pause := range c.pauses {
			k.again(pause, 1, fP, old, 300)
		}
		g, _ := through(t, flow.Config{}, plain(k.packets)...)
		a := &g.attempts[0]
		if len(g.attempts) != 1 || a.Close != c.close || slices.Contains(codesOf(a), "forged-reset") != c.forged {
			t.Errorf("%s: %d attempts, closed %q, %v", c.name, len(g.attempts), a.Close, codesOf(a))
		}
	}
}
