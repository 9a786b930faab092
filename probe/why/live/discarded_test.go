package live_test

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe/simnet"
	"synscope/probe/why"
	"synscope/probe/why/live"
)

const ms = time.Millisecond

// forged is how far the number of a segment is from ours that nobody takes for an answer.
const forged = 1 << 20

var (
	asked  = netip.MustParseAddrPort("198.51.100.1:443")
	router = netip.MustParseAddr("203.0.113.9")
)

// scripted is a host of which each SYN and each segment of no connection is met by a
// list of packets.
type scripted []func(in *craft.Segment, out simnet.Emitter)

func (a scripted) Respond(_ time.Time, in *craft.Segment, out simnet.Emitter) {
	if in.Flags.Has(craft.RST) {
		return
	}
	for _, send := range a {
		send(in, out)
	}
}

// prohibited is an ICMP error of a router's, so long after the segment.
func prohibited(after time.Duration) func(*craft.Segment, simnet.Emitter) {
	return func(in *craft.Segment, out simnet.Emitter) {
		out.ICMP(after, &simnet.ICMP{From: router, Type: 3, Code: 13, Quote: *in})
	}
}

// segment is one that acknowledges our number and off more.
func segment(after time.Duration, flags craft.Flags, off craft.Seq) func(*craft.Segment, simnet.Emitter) {
	return func(in *craft.Segment, out simnet.Emitter) {
		out.Segment(after, &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 60, Flags: flags, Seq: 77, Ack: in.Seq + 1 + off})
	}
}

// fromElsewhere is a SYN-ACK with our number from an address that was not asked.
func fromElsewhere(after time.Duration) func(*craft.Segment, simnet.Emitter) {
	return func(in *craft.Segment, out simnet.Emitter) {
		out.Segment(after, &craft.Segment{Src: netip.AddrPortFrom(router, in.Dst.Port()), Dst: in.Src, TTL: 60, Flags: craft.SYN | craft.ACK, Seq: 77, Ack: in.Seq + 1})
	}
}

// What comes for a trial and is not its answer is counted, before an answer and after it.
func TestDiscardedIsCounted(t *testing.T) {
	const synack, rst = craft.SYN | craft.ACK, craft.RST | craft.ACK
	for _, tc := range []struct {
		name    string
		kind    why.Kind
		host    scripted
		outcome why.Outcome
		want    why.Discarded
	}{
		{"an answer alone", why.SYN, scripted{segment(0, synack, 0)}, why.SYNACK, why.Discarded{}},
		{"a forged RST", why.SYN, scripted{segment(0, rst, forged)}, why.Silence, why.Discarded{RSTs: 1}},
		{"a forged RST before the answer", why.SYN, scripted{segment(0, rst, forged), segment(20*ms, synack, 0)}, why.SYNACK, why.Discarded{RSTs: 1}},
		{"a SYN-ACK with another number", why.SYN, scripted{segment(0, synack, forged)}, why.Silence, why.Discarded{ACKs: 1}},
		{"a SYN-ACK with another number before the answer", why.SYN, scripted{segment(0, synack, forged), segment(20*ms, synack, 0)}, why.SYNACK, why.Discarded{ACKs: 1}},
		{"a SYN-ACK from another address", why.SYN, scripted{fromElsewhere(0)}, why.Elsewhere, why.Discarded{}},
		{"a SYN-ACK from another address before the answer", why.SYN, scripted{fromElsewhere(0), segment(20*ms, synack, 0)}, why.SYNACK, why.Discarded{}},
		{"an ICMP error alone", why.SYN, scripted{prohibited(0)}, why.Prohibited, why.Discarded{}},
		{"one more ICMP error", why.SYN, scripted{prohibited(0), prohibited(20 * ms)}, why.Prohibited, why.Discarded{Errors: 1}},
		{"a forged RST after an ICMP error", why.SYN, scripted{prohibited(0), segment(20*ms, rst, forged)}, why.Prohibited, why.Discarded{RSTs: 1}},
		{"both, and then the answer", why.SYN, scripted{prohibited(0), prohibited(20 * ms), segment(40*ms, rst, forged), segment(60*ms, synack, 0)}, why.SYNACK, why.Discarded{RSTs: 1, Errors: 1}},
		{"an ICMP error after the answer", why.SYN, scripted{segment(0, synack, 0), prohibited(10 * ms)}, why.SYNACK, why.Discarded{Errors: 1}},
		{"an ICMP error before the answer to an ACK", why.ACK, scripted{prohibited(0), func(in *craft.Segment, out simnet.Emitter) {
			out.Segment(20*ms, &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 60, Flags: craft.RST, Seq: in.Ack})
		}}, why.Reset, why.Discarded{Errors: 1}},
		{"a forged ACK to a hop, asked twice", why.Trace, scripted{segment(0, craft.ACK, forged)}, why.TraceEnds, why.Discarded{ACKs: 2}},
		{"an ICMP error to the SYN, the ACK and three copies of a byte", why.Connect, scripted{segment(0, synack, 0), prohibited(30 * ms)}, why.Ignored, why.Discarded{Errors: 5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				trial := why.Trial{Kind: tc.kind, Hops: 1}
				got := madeOf(t, tc.host, trial)
				if got.Outcome != tc.outcome || got.Reply.Discarded != tc.want {
					t.Errorf("%v, %+v; want %v, %+v", got.Outcome, got.Reply.Discarded, tc.outcome, tc.want)
				}
			})
		})
	}
}

// madeOf makes one trial with a host.
func madeOf(t *testing.T, host simnet.Host, trial why.Trial) why.Trial {
	t.Helper()
	way := simnet.Path{Delay: 10 * ms}
	n := simnet.New(simnet.Config{Out: way, Back: way})
	n.HandleAddr(asked.Addr().String(), host)
	conn := n.Conn(8, simnet.WatchOutgoing())
	defer conn.Close()
	i := live.New(conn, live.Config{Addrs: []why.Address{{AddrPort: asked}}})
	defer i.Close()
	made, err := i.Run(t.Context(), []why.Trial{trial})
	if err != nil {
		t.Fatal(err)
	}
	return made[0]
}
