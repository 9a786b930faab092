package live

import (
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/why"
)

// What ACKs say of a byte that was sent twice: RFC 2883 §4.1.
func TestWhichWayAByteWasLost(t *testing.T) {
	const rtt = 10 * time.Millisecond
	start := time.Unix(1000, 0)
	type ack struct {
		at    time.Duration // after the second copy left
		twice bool
	}
	for _, c := range []struct {
		name                 string
		acks                 []ack
		there, back, unknown int
	}{
		{name: "the second copy is acknowledged as the first", acks: []ack{{at: rtt}}, there: 1},
		{name: "the second copy is one too many", acks: []ack{{at: rtt, twice: true}}, back: 1},
		{name: "the first one was late, not lost", acks: []ack{{at: rtt / 2}, {at: rtt, twice: true}}},
		{name: "data of the peer's acknowledges it some time later", acks: []ack{{at: 200 * time.Millisecond}}, unknown: 1},
	} {
		end := craft.Seq(101)
		k := &conn{t: &why.Trial{}, rtt: rtt, una: 100, fates: map[craft.Seq]*fate{end: {sent: 2, left: start}}}
		for _, a := range c.acks {
			ev := event{at: start.Add(a.at)}
			if a.twice {
				ev.twice = end
			}
			k.acknowledged(end, &ev)
		}
		if there, back, unknown := k.losses(); there != c.there || back != c.back || unknown != c.unknown {
			t.Errorf("%s: %d there, %d back, %d unknown", c.name, there, back, unknown)
		}
	}
}

// A SACK option tells of a duplicate where its first block is below the
// acknowledgement, of a gap where it is above.
func TestDuplicate(t *testing.T) {
	for _, c := range []struct {
		block [2]craft.Seq
		want  craft.Seq
	}{{[2]craft.Seq{99, 100}, 100}, {[2]craft.Seq{105, 110}, 0}} {
		options, err := craft.NewOptions(craft.SACK(c.block))
		if err != nil {
			t.Fatal(err)
		}
		if got := duplicate(&craft.Segment{Ack: 100, Flags: craft.ACK, Options: options}); got != c.want {
			t.Errorf("%v: %d, want %d", c.block, got, c.want)
		}
	}
}
