package adversary

import (
	"math/rand/v2"
	"testing"

	"synscope/craft"
	"synscope/internal/mutate"
	"synscope/probe"
	"synscope/probe/simnet"
)

// The judge lets pass what somebody who saw our SYN has said, and nothing else.
func TestJudge(t *testing.T) {
	target := Targets(1)[0]
	us := Targets(3)[2]
	syn := craft.Segment{Src: us, Dst: target, Seq: 1000, Flags: craft.SYN, TTL: 64}
	answer := func(flags craft.Flags, seq, ack craft.Seq) craft.Segment {
		return craft.Segment{Src: target, Dst: us, Seq: seq, Ack: ack, Flags: flags, TTL: 64}
	}
	for _, tc := range []struct {
		what    string
		in      craft.Segment
		claimed probe.State
		reason  probe.Reason
		right   bool
	}{
		{"SYN-ACK", answer(craft.SYN|craft.ACK, 7, 1001), probe.StateOpen, probe.ReasonSYNACK, true},
		{"SYN-ACK of something else", answer(craft.SYN|craft.ACK, 7, 1002), probe.StateOpen, probe.ReasonSYNACK, false},
		{"SYN-ACK called a reset", answer(craft.SYN|craft.ACK, 7, 1001), probe.StateRefused, probe.ReasonReset, false},
		{"RST-ACK", answer(craft.RST|craft.ACK, 0, 1001), probe.StateRefused, probe.ReasonReset, true},
		{"RST", answer(craft.RST, 5, 0), probe.StateRefused, probe.ReasonReset, false},
		{"RST, and said to be no proof", answer(craft.RST, 5, 0), probe.StateRefused, probe.ReasonUnverifiedReset, true},
		{"RST called ICMP", answer(craft.RST|craft.ACK, 0, 1001), probe.StateFiltered, "host-unreachable", false},
	} {
		var j Judge
		for dir, s := range []craft.Segment{syn, tc.in} {
			b, err := s.AppendTo(nil)
			if err != nil {
				t.Fatal(err)
			}
			j.Observe(simnet.Event{Dir: simnet.Direction(dir), Data: b})
		}
		if why := j.Wrong(target, tc.claimed, tc.reason); (why == "") != tc.right {
			t.Errorf("%s, claimed %s (%s): %q", tc.what, tc.claimed, tc.reason, why)
		}
	}
}

// Sums are mended so that most lies get past them, by the reader of packets too.
func TestMutationsAreRead(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 1))
	l := Liar{Host: simnet.Closed{}, Chance: chance}
	read := 0
	const n = 20000
	for range n {
		target := Targets(2)[chance.IntN(2)]
		us := Targets(4)[2:][map[bool]int{true: 0, false: 1}[target.Addr().Is4()]]
		genuine := l.genuine(&craft.Segment{Src: us, Dst: target, Seq: 1000, Flags: craft.SYN, TTL: 64})
		b := mutate.Packet(genuine[chance.IntN(len(genuine))], genuine[0], chance)
		var p craft.Packet
		if p.Decode(b, craft.VerifyChecksums) == nil {
			read++
		}
	}
	if read < n/4 {
		t.Errorf("only %d of %d are read", read, n)
	}
}
