package flow_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
)

// TestStrangersDecideNothing forges SYN-ACKs on the ports of connections of every
// kind, once the client's own SYN was answered, and after the end too: as many
// attempts as without come to the same.
func TestStrangersDecideNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 9))
	tried := 0
	for i := range scenes {
		for try := range 18 {
			k := newTalk(t, 1+7*i, 0)
			isn := k.seq[0]
			scenes[i].play(k)
			from, to := openSpan(k, isn)
			if from == to || k.client == k.server {
				continue
			}
			tried++
			forged := slices.Clone(k.packets)
			number, side := 1+try%3, 1
			if try >= 12 {
				side = 0 // in the client's name
			}
			for range number {
				at := from + rng.IntN(to-from+1)
				p := forgedAnswer(t, k, rng, side, uint8([]int{64, 55}[side]-try%2))
				p.at = forged[at-1].at.Add(us)
				if at < len(forged) {
					p.at = forged[at-1].at.Add(forged[at].at.Sub(forged[at-1].at) / 2)
				}
				forged = slices.Insert(forged, at, p)
				to++
			}
			want, _ := through(t, flow.Config{}, plain(k.packets)...)
			got, counts := through(t, flow.Config{}, plain(forged)...)
			if a, b := saidOf(want), saidOf(got); a != b {
				t.Errorf("%s, with %d of a stranger in the name of %d:\n%s\nwithout:\n%s", scenes[i].name, number, side, b, a)
			}
			if n := counts.Rejected["foreign-syn-ack"]; try%2 == 0 && n != uint64(number) {
				t.Errorf("%s: %d of %d were counted", scenes[i].name, n, number)
			}
		}
	}
	if tried < 300 {
		t.Errorf("only %d scenes", tried)
	}
}

// openSpan is between which packets of a talk the client's SYN has been answered;
// both are 0 where the talk has SYNs of other connections.
func openSpan(k *talk, isn craft.Seq) (from, to int) {
	for i, packet := range k.packets {
		var p craft.Packet
		if p.Decode(packet.data, craft.TrustChecksums) != nil || p.Kind == craft.PacketICMPError {
			continue
		}
		s := &p.Segment
		if i == 0 && s.Flags != craft.SYN {
			break
		}
		switch {
		case s.Flags.Has(craft.SYN | craft.ACK):
			if from == 0 && s.Src == k.server && s.Ack == isn.Add(1) {
				from, to = i+1, i+1
			} else if s.Ack != isn.Add(1) {
				return 0, 0
			}
		case s.Flags.Has(craft.SYN) && i > 0 && s.Seq != isn:
			return 0, 0
		}
		if from > 0 {
			to = i + 1
		}
	}
	return from, to
}

// forgedAnswer is a SYN-ACK with numbers far from those of the connection.
func forgedAnswer(t *testing.T, k *talk, rng *rand.Rand, from int, ttl uint8) stamped {
	src, dst := k.server, k.client
	if from == 0 {
		src, dst = dst, src
	}
	s := craft.Segment{
		Src: src, Dst: dst, TTL: ttl, Flags: craft.SYN | craft.ACK, Window: 65535,
		Seq: k.seq[from].Add(1<<22 + rng.Uint32N(1<<32-1<<23)), Ack: k.seq[1-from].Add(1<<22 + rng.Uint32N(1<<32-1<<23)),
	}
	if k.server.Addr().Is4() {
		s.ID = uint16(rng.Uint32())
	}
	b, err := s.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return stamped{data: b}
}

// saidOf is what attempts have come to.
func saidOf(g *gathered) (said string) {
	for i := range g.attempts {
		a := &g.attempts[i]
		said += fmt.Sprintf("%v (%v), closed %q, %q, rtt %v, whole %v, %d gaps, %v missing\n",
			a.State, a.Reason, a.Close, codesOf(a), a.RTT, a.SYNToACK, a.Gaps, a.Missing)
	}
	return said
}

// TestManyStrangers: a flood of SYN-ACKs takes no memory that stays, and a client
// that goes on from the last of them has a connection of its own.
func TestManyStrangers(t *testing.T) {
	k := newTalk(t, 1, 0).open()
	rng := rand.New(rand.NewPCG(7, 7))
	table := flow.NewTable(&gathered{}, flow.Config{})
	add := func(p stamped) {
		packet := flow.Packet{Time: p.at, Data: p.data}
		if err := table.Add(&packet); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range k.packets {
		add(p)
	}
	before := table.Memory()
	for range 3000 {
		p := forgedAnswer(t, k, rng, 1, 55)
		k.now = k.now.Add(us)
		p.at = k.now
		add(p)
	}
	if now := table.Memory(); now > 2*before {
		t.Errorf("%d bytes after %d", now, before)
	}
	if n := table.Counts().Rejected["foreign-syn-ack"]; n != 2999 { // the last may have one that goes on
		t.Errorf("%d of 3000 are counted", n)
	}
}

// TestLaterConnectionAfterItsAnswer: of a later connection on the same ports the SYN was
// not captured. The client goes on from its SYN-ACK, so it is one.
func TestLaterConnectionAfterItsAnswer(t *testing.T) {
	k := newTalk(t, 1, 0).open()
	data(k, 0, 100)
	k.renumbered(ms, 1<<27, 1<<26)
	k.say(0, 1, fSA, 0).say(30*us, 0, fA, 0)
	data(k, 1, 500).close()
	g, counts := through(t, flow.Config{}, plain(k.packets)...)
	if len(g.attempts) != 2 || counts.Rejected["foreign-syn-ack"] != 0 {
		t.Fatalf("%d attempts, %v", len(g.attempts), counts.Rejected)
	}
	for i := range g.attempts {
		if a := &g.attempts[i]; a.State != probe.StateOpen {
			t.Errorf("%v (%v)", a.State, a.Reason)
		}
	}
}
