package flow_test

import (
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/flow"
)

// TestWhatHangsOnConnectionsIsBounded has each connection hold a large segment of
// which it is not known whose it is: what is held counts, as the heap shows.
func TestWhatHangsOnConnectionsIsBounded(t *testing.T) {
	const connections, large = 500, 32 << 10
	fill := func(cfg flow.Config, most int64) (*flow.Table, uint64) {
		before := heap()
		table := flow.NewTable(&ticking{}, cfg)
		for n := range connections {
			k := newTalk(t, n, time.Duration(n)*ms).open()
			data(k, 1, 100).at(ms, 0, fP, large, 1<<30, 1<<30)
			for _, p := range k.packets {
				if err := table.Add(&flow.Packet{Time: p.at, Data: p.data}); err != nil {
					t.Fatal(err)
				}
				if now := table.Memory(); now > most {
					t.Fatalf("%d bytes of %d", now, most)
				}
			}
		}
		return table, heap() - before
	}
	table, used := fill(flow.Config{}, 1<<30)
	if said := uint64(table.Memory()); said < connections*large || said > 2*used || used > 2*said {
		t.Errorf("%d bytes are said to be used, and %d are", said, used)
	}
	const most = 2 << 20
	table, used = fill(flow.Config{Memory: most}, most)
	if used > 2*most || table.Counts().Evicted == 0 {
		t.Errorf("%d bytes are used of %d, and %d were forgotten", used, most, table.Counts().Evicted)
	}
	if err := table.Close(); err != nil || table.Memory() != 0 {
		t.Errorf("%d bytes at the end, %v", table.Memory(), err)
	}
}

// TestManyNetworksOfOneTuple: as many connections with the same addresses and ports
// are followed as can be looked at; of those that were forgotten nothing is said.
func TestManyNetworksOfOneTuple(t *testing.T) {
	const networks, most = 6000, 1 << 12
	var packets []flow.Packet
	for n := range networks {
		k := newTalk(t, 0, time.Duration(n)*ms)
		k.seq[0] = craft.Seq(n * 1_000_003)
		p := k.say(0, 0, craft.SYN, 0).packets[0]
		packets = append(packets, flow.Packet{Time: p.at, Data: p.data, Network: uint32(n + 1)})
	}
	g, counts := through(t, flow.Config{}, packets...)
	if len(g.attempts) != networks || counts.Evicted != networks-most {
		t.Errorf("%d attempts, %d forgotten", len(g.attempts), counts.Evicted)
	}
	for i := range g.attempts {
		a := &g.attempts[i]
		if a.State != probe.StateUnknown || (a.Reason == flow.ReasonEvicted) != (i < networks-most) {
			t.Fatalf("attempt %d: %v (%v)", i, a.State, a.Reason)
		}
	}
}
