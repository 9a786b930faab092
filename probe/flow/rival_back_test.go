package flow_test

import (
	"strings"
	"testing"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

// turned makes a talk of the same endpoints with the roles changed.
func (k *talk) turned() *talk {
	b := newTalk(k.t, 7, 0)
	b.now, b.client, b.server, b.id = k.now, k.server, k.client, [3]uint16{1000, 30_000, 50_000}
	b.seq = [2]craft.Seq{777_777, 888_888}
	return b
}

// TestAskedBack: an attempt that came to nothing and then a connection the other
// way between the same ports are two, whatever was not captured of the first.
func TestAskedBack(t *testing.T) {
	refuse := func(k *talk) *talk { return k.say(0, 0, fS, 0).raw(20*ms, 1, fRA, 0, seq(0)) }
	for _, c := range []struct {
		name  string
		first func(k *talk) *talk
		state probe.State
	}{
		{"refused", refuse, probe.StateRefused},
		{"not answered", func(k *talk) *talk { return k.say(0, 0, fS, 0) }, probe.StateUnknown},
		{"rejected", func(k *talk) *talk { return k.say(0, 0, fS, 0).icmp(10*ms, 3, 13) }, probe.StateFiltered},
	} {
		for _, second := range []struct {
			name  string
			play  func(k *talk) *talk
			state probe.State
			close handshake.Close
		}{
			{"opens", func(k *talk) *talk { return data(data(k.open(), 0, 100), 1, 300).close() }, probe.StateOpen, handshake.CloseThreeWay},
			{"is refused", refuse, probe.StateRefused, ""},
			{"is not answered", func(k *talk) *talk { return k.say(0, 0, fS, 0) }, probe.StateUnknown, ""},
		} {
			k := newTalk(t, 1, 0)
			c.first(k)
			b := k.turned()
			b.now = b.now.Add(sec)
			second.play(b)
			g, _ := through(t, flow.Config{}, plain(append(k.packets, b.packets...))...)
			if len(g.attempts) != 2 {
				t.Errorf("%s, %s: %d attempts", c.name, second.name, len(g.attempts))
				continue
			}
			for i, want := range []struct {
				source *talk
				state  probe.State
				close  handshake.Close
			}{{k, c.state, ""}, {b, second.state, second.close}} {
				a := attemptOf(g, want.source)
				if a == nil || a.State != want.state || a.Close != want.close || strings.Contains(strings.Join(codesOf(a), " "), "split") {
					t.Errorf("%s, %s, %d: %+v", c.name, second.name, i, a)
				}
			}
		}
	}
}

// attemptOf is the attempt of a talk's client.
func attemptOf(g *gathered, k *talk) *flow.Attempt {
	for i := range g.attempts {
		if a := &g.attempts[i]; a.Source == k.client && a.Target == k.server {
			return a
		}
	}
	return nil
}

// TestSplitNeedsProof: a SYN that answers a SYN proves nothing until it is seen
// that the server takes the client's SYN-ACK.
func TestSplitNeedsProof(t *testing.T) {
	k := newTalk(t, 1, 0)
	isn := k.seq
	k.say(0, 0, fS, 0).say(20*ms, 1, fS, 0).again(ms, 0, fSA, isn[0], 0)
	k.say(20*ms, 1, fA, 0)
	for _, c := range []struct {
		with   []stamped
		state  probe.State
		reason probe.Reason
	}{{k.packets[:3], probe.StateUnknown, handshake.ReasonNotCaptured}, {k.packets, probe.StateOpen, probe.ReasonSplitHandshake}} {
		g, _ := through(t, flow.Config{}, plain(c.with)...)
		if a := &g.attempts[0]; len(g.attempts) != 1 || a.State != c.state || a.Reason != c.reason {
			t.Errorf("%d packets: %d attempts, %v (%v)", len(c.with), len(g.attempts), a.State, a.Reason)
		}
	}
}
