package flow_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

// lossyScenes are connections of a network that loses packets, captured by
// somebody who sees each that passes him.
var lossyScenes = []scene{
	{"FIN lost twice, then acknowledged", func(k *talk) {
		data(k.open(), 0, 10).say(ms, 1, fF, 0).say(50*us, 0, fF, 0)
		k.again(200*ms, 0, fF, prev(k, 0, 1), 0).again(410*ms, 0, fF, prev(k, 0, 1), 0).say(20*ms, 1, fA, 0)
	}, probe.StateOpen, handshake.CloseThreeWay, "close-three-way"},
	{"FIN repeated at once, then reset", func(k *talk) {
		data(k.open(), 0, 10).say(ms, 1, fF, 0).say(50*us, 0, fA, 0).say(ms, 0, fF, 0)
		for _, pause := range []time.Duration{5 * ms, 8 * ms, 200 * ms} {
			k.again(pause, 0, fF, prev(k, 0, 1), 0)
		}
		k.say(20*ms, 1, fR, 0)
	}, probe.StateOpen, handshake.CloseByReset, ""},
}

// near20us are openings between two ends of one rack: the whole of one lies within
// the time by which queues of a card shuffle packets.
var near20us = map[string]func(k *talk){
	"the server speaks first": func(k *talk) {
		k.say(0, 0, fS, 0).say(30*us, 1, fSA, 0).say(15*us, 0, fA, 0).say(90*us, 1, fP, 500).say(10*us, 0, fA, 0)
	},
	"data on the SYN": func(k *talk) {
		k.say(0, 0, fS, 100).say(30*us, 1, fSA, 0).say(15*us, 0, fA, 0).say(90*us, 1, fP, 300).say(10*us, 0, fA, 0)
	},
}

// TestShuffledOpenings: packets of an opening in any order are one attempt.
func TestShuffledOpenings(t *testing.T) {
	for name, play := range near20us {
		t.Run(name, func(t *testing.T) {
			k := newTalk(t, 0, 0)
			play(k)
			k.now = k.now.Add(sec)
			k.say(0, 0, fF, 0).say(30*us, 1, fF, 0).say(15*us, 0, fA, 0)
			for seed := range uint64(300) {
				rng := rand.New(rand.NewPCG(seed, 14))
				g, _ := through(t, flow.Config{}, plain(jittered(seed%2 == 0)(rng, k.packets))...)
				if n := len(g.attempts); n != 1 || g.attempts[0].State != probe.StateOpen {
					t.Fatalf("seed %d: %d attempts, the first %v: %+v", seed, n, g.attempts[0].State, g.attempts)
				}
			}
		})
	}
}

// TestFINAgain: a FIN that comes again after a number behind it is not taken for
// the answer to the other end's.
func TestFINAgain(t *testing.T) {
	k := newTalk(t, 0, 0)
	data(k.open(), 0, 10)
	k.say(ms, 0, fF, 0)
	from := len(k.packets) // the client's first FIN is not captured
	k.raw(us, 1, fF, 0, func(s *craft.Segment) { s.Ack-- }).say(20*us, 0, fA, 0)
	k.again(200*ms, 0, fF, prev(k, 0, 1), 0).say(20*ms, 1, fA, 0)
	g, _ := through(t, flow.Config{}, plain(k.packets[from:])...)
	if a := g.attempts[0]; len(g.attempts) != 1 || a.Close != handshake.CloseUnknown {
		t.Errorf("%d attempts, closed %q: %+v", len(g.attempts), a.Close, a.Findings)
	}
}
