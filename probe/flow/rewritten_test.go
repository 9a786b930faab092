package flow_test

import (
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

// rewriting is what a router does to the packets that it forwards.
type rewriting struct {
	name string
	do   func(*craft.Segment)
}

// without leaves an option out.
func without(kind craft.OptionKind) func(*craft.Segment) {
	return func(s *craft.Segment) {
		kept := craft.Options{}
		for o := range s.Options.All() {
			if o.Kind != kind && o.Kind > craft.KindNOP {
				kept = append(append(kept, byte(o.Kind), byte(len(o.Data)+2)), o.Data...)
			}
		}
		for len(kept)%4 != 0 {
			kept = append(kept, byte(craft.KindNOP))
		}
		s.Options = kept
	}
}

var rewritings = []rewriting{
	{"nothing", func(*craft.Segment) {}},
	{"maximum segment size", func(s *craft.Segment) {
		if s.Flags.Has(craft.SYN) {
			s.Options, _ = craft.NewOptions(craft.MSS(1380), sack, craft.NOP(), craft.NOP())
		}
	}},
	{"timestamps left out", without(craft.KindTimestamps)},
	{"SACK left out", without(craft.KindSACKPermitted)},
	{"window", func(s *craft.Segment) { s.Window /= 2 }},
	{"congestion bits", func(s *craft.Segment) { s.Flags &^= craft.ECE | craft.CWR; s.TOS = 0 }},
	{"identification", func(s *craft.Segment) {
		if s.Src.Addr().Is4() {
			s.ID ^= 0x5a5a
		}
	}},
	{"everything", func(s *craft.Segment) {
		s.Options, s.Flags, s.Window, s.TOS = nil, s.Flags&^(craft.ECE|craft.CWR), s.Window-1, 0
	}},
}

// TestRewrittenOnTheWay shows each packet before and behind a router that alters
// it, and compares with what is seen before it alone.
func TestRewrittenOnTheWay(t *testing.T) {
	for _, r := range rewritings {
		for n := range 10 {
			k := newTalk(t, n, 0)
			k.raw(0, 0, fS|craft.ECE|craft.CWR, 0, stamps(1000, 0)).raw(20*ms, 1, fSA|craft.ECE, 0, stamps(5, 1000)).raw(30*us, 0, fA, 0, stamps(1020, 5))
			k.raw(ms, 0, fP|craft.CWR, 500, stamps(1021, 5)).raw(20*ms, 1, fP|craft.ECE, 700, stamps(6, 1021)).raw(20*us, 0, fA, 0, stamps(1042, 6))
			k.seq[0] = k.seq[0].Add(^uint32(499))
			k.raw(300*ms, 0, fP, 500, stamps(1400, 6)) // a true retransmission
			k.close()
			alone, _ := through(t, flow.Config{}, plain(k.packets)...)
			var both []stamped
			for _, p := range k.packets {
				var q craft.Packet
				if err := q.Decode(p.data, craft.TrustChecksums); err != nil {
					t.Fatal(err)
				}
				s := q.Segment
				s.TTL--
				r.do(&s)
				b, err := s.AppendTo(nil)
				if err != nil {
					t.Fatal(err)
				}
				both = append(both, p, stamped{p.at.Add(time.Duration(10+n*10) * us), b})
			}
			g, counts := through(t, flow.Config{}, plain(both)...)
			if len(g.attempts) != 1 || counts.Duplicates != uint64(len(k.packets)) {
				t.Errorf("%s altered: %d attempts, %d of %d packets are known to be duplicates", r.name, len(g.attempts), counts.Duplicates, len(k.packets))
				continue
			}
			a, w := &g.attempts[0], &alone.attempts[0]
			if a.RTT != w.RTT || a.Repeats != w.Repeats || a.Attempts != 1 || len(codesOf(a)) != len(codesOf(w)) || a.Close != w.Close ||
				a.Retransmissions(handshake.Client) != 1 {
				t.Errorf("%s altered: RTT %v, %v, %d attempts, %v, %q", r.name, a.RTT, a.Repeats, a.Attempts, codesOf(a), a.Close)
			}
		}
	}
}

// TestRenumberedOnTheWay shows each packet before and behind a firewall that
// changes the numbers of both ends: no more than one attempt for each side of
// it, and nothing sent again.
func TestRenumberedOnTheWay(t *testing.T) {
	k := newTalk(t, 1, 0).open()
	data(data(k, 0, 100), 1, 500).close()
	var both []stamped
	for _, p := range k.packets {
		var q craft.Packet
		if err := q.Decode(p.data, craft.TrustChecksums); err != nil {
			t.Fatal(err)
		}
		s := q.Segment
		client, server := uint32(0x5555_5555), uint32(0x6666_6666)
		if s.Src == k.server {
			client, server = server, client
		}
		s.Seq, s.TTL = s.Seq.Add(client), s.TTL-1
		if s.Flags.Has(craft.ACK) {
			s.Ack = s.Ack.Add(server)
		}
		b, err := s.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, p, stamped{p.at.Add(5 * us), b})
	}
	g, _ := through(t, flow.Config{}, plain(both)...)
	for i := range g.attempts {
		if a := &g.attempts[i]; len(g.attempts) > 2 || a.Gaps > 0 || a.Retransmissions(0)+a.Retransmissions(1) > 0 || len(codesOf(a)) > 1 {
			t.Errorf("%d attempts, %d gaps, %v, %v", len(g.attempts), a.Gaps, a.Repeats, codesOf(a))
		}
	}
}
