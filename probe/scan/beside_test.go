package scan_test

import (
	"math"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
	"synscope/probe/simnet"
)

// twoLanes is a network over which a second goroutine may send, and what its kernel does
// there: it may hold a call up before anything leaves or after, and refuse packets.
type twoLanes struct {
	*simnet.Conn
	before func(pkts [][]byte)    // nil: at once
	after  time.Duration          // that a call lasts once its packets left
	refuse func(pkt []byte) error // nil: takes all
	beside uint64                 // packets that left so
	held   uint64                 // calls that were held up
}

func (n *twoLanes) SendBeside() (send func([][]byte) (int, error), ok bool) {
	return n.sendBeside, true
}

func (n *twoLanes) sendBeside(pkts [][]byte) (int, error) {
	if n.before != nil {
		n.before(pkts)
	}
	defer time.Sleep(n.after)
	for i, pkt := range pkts {
		if n.refuse != nil {
			if err := n.refuse(pkt); err != nil {
				return i, err
			}
		}
		if sent, err := n.Send(pkts[i : i+1]); sent == 0 {
			return i, err
		}
		n.beside++
	}
	return len(pkts), nil
}

// attemptOf is the attempt that a probe of IPv4 is, by its source port.
func (n *twoLanes) attemptOf(pkt []byte) int {
	return slices.Index(n.Ports(), uint16(pkt[20])<<8|uint16(pkt[21]))
}

// portOf is the port that it is for.
func portOf(pkt []byte) uint16 { return uint16(pkt[22])<<8 | uint16(pkt[23]) }

// once tells of each key that it is new.
func once[K comparable]() func(K) bool {
	seen := map[K]bool{}
	return func(k K) bool {
		again := seen[k]
		seen[k] = true
		return !again
	}
}

// besides is a scan beside which batches are sent.
type besides struct {
	world
	cfg  scan.Config
	lane func(n *twoLanes)
}

// run scans, and checks that what counts as sent is what left, and that no round trip is
// any but what the network made it.
func (b besides) run(t *testing.T, all []netip.AddrPort) (*collector, probe.Summary, *twoLanes) {
	t.Helper()
	n := &twoLanes{Conn: probetest.World(b.world).Conn()}
	defer n.Close()
	b.lane(n)
	found := newCollector()
	b.cfg.Targets = slices.Values(all)
	summary, err := scan.Run(t.Context(), n, b.cfg, found)
	probetest.Balance(t, &summary)
	if err != nil || len(found.ports) != len(all) {
		t.Fatalf("%d of %d verdicts: %v", len(found.ports), len(all), err)
	}
	if left := n.Stats().Sent; summary.Sent+summary.Resets != left {
		t.Errorf("%d probes and %d resets, but %d packets left", summary.Sent, summary.Resets, left)
	}
	return found, summary, n
}

// inBubble runs f under virtual time.
func inBubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

var tenEachWay = simnet.Config{Out: simnet.Path{Delay: 10 * ms}, Back: simnet.Path{Delay: 10 * ms}}

// What is sent beside the engine gets the same verdicts, however late it leaves and
// whatever the kernel does not take, and each round trip begins when its packet left.
func TestSendingBesideTheEngine(t *testing.T) {
	for _, tc := range []struct {
		name    string
		after   time.Duration // that each call lasts
		refuses uint64        // every so many packets, one; 0: none
		err     error
	}{
		{"at once", 0, 0, nil}, {"late", 7 * ms, 0, nil}, {"partly refused", ms, 9, syscall.EAGAIN},
		{"the queue is full for long", 150 * ms, 40, syscall.ENOBUFS}, {"longer than a timeout", 400 * ms, 50, syscall.EAGAIN},
	} {
		inBubble(t, tc.name, func(t *testing.T) {
			internet := &simnet.Synthetic{Seed: 3, Open: 0.1, Refused: 0.7}
			all := ranges(1, 500, addresses(20)...)
			b := besides{world{Host: internet, Config: tenEachWay}, scan.Config{Rate: math.Inf(1)}, func(n *twoLanes) {
				tried := uint64(0)
				n.after = tc.after
				n.refuse = func([]byte) error {
					if tried++; tc.refuses > 0 && tried%tc.refuses == 0 {
						return tc.err
					}
					return nil
				}
			}}
			found, _, n := b.run(t, all)
			if n.beside == 0 {
				t.Fatal("nothing was sent beside")
			}
			want := map[simnet.Outcome]probe.State{simnet.Open: probe.StateOpen, simnet.Refused: probe.StateRefused, simnet.Silent: probe.StateFiltered}
			for _, target := range all {
				v := found.ports[target]
				if v.State != want[internet.Expect(target)] {
					t.Errorf("%v is %v (%v), expected %v", target, v.State, v.Reason, internet.Expect(target))
				}
				if v.RTT != 0 && (v.RTT-20*ms).Abs() > time.Microsecond {
					t.Fatalf("%v took %v of 20 ms, attempt %d", target, v.RTT, v.Attempts)
				}
			}
		})
	}
}

// inTurn answers the SYNs to each port one after the other, the last ones alike; nil: not.
func inTurn(turns ...simnet.Host) simnet.Host {
	came := map[uint16]int{}
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Flags != craft.SYN {
			return
		}
		turn := min(came[in.Dst.Port()], len(turns)-1)
		came[in.Dst.Port()]++
		if turns[turn] != nil {
			turns[turn].Respond(now, in, out)
		}
	})
}

// reply is a host that answers a SYN with a segment, after a while.
func reply(after time.Duration, with func(in, out *craft.Segment)) simnet.Host {
	return simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
		s := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64}
		with(in, &s)
		out.Segment(after, &s)
	})
}

func refusing(in, out *craft.Segment)  { out.Flags, out.Ack = craft.RST|craft.ACK, in.Seq.Add(1) }
func accepting(in, out *craft.Segment) { out.Flags, out.Ack = craft.SYN|craft.ACK, in.Seq.Add(1) }
func bare(in, out *craft.Segment)      { out.Flags, out.Seq = craft.RST, 99 }
func challenging(in, out *craft.Segment) {
	out.Flags, out.Seq, out.Ack = craft.ACK, 99, in.Seq.Add(1<<30)
}

// What comes to an earlier transmission while a later one waits to be sent, and is refused then:
// an answer stands, what proves nothing leaves the port as it was, and after an old connection
// was closed the next transmission is timed from when it left itself.
func TestAnswerWhileTheNextAttemptIsBeside(t *testing.T) {
	const answerAfter, holdUp = 1300 * ms, 600 * ms // the second attempt begins after 0.9 s, too soon for the first once more
	for _, row := range []struct {
		name     string
		first    func(in, out *craft.Segment)
		err      error // of the second attempt, the first time
		state    probe.State
		attempts int // after which the port was answered
		rtt      time.Duration
	}{
		{"refused, then the kernel refuses for good", refusing, syscall.EMSGSIZE, probe.StateRefused, 1, answerAfter},
		{"refused, then the kernel refuses for now", refusing, syscall.EAGAIN, probe.StateRefused, 1, answerAfter},
		{"open, then the kernel refuses for good", accepting, syscall.EMSGSIZE, probe.StateOpen, 1, answerAfter},
		{"nothing proven, then the kernel refuses for now", bare, syscall.EAGAIN, probe.StateOpen, 2, 20 * ms},
		{"an old connection, then the kernel refuses for now", challenging, syscall.EAGAIN, probe.StateOpen, 2, 20 * ms},
		{"an old connection, and the kernel takes it", challenging, nil, probe.StateOpen, 3, 20 * ms},
	} {
		inBubble(t, row.name, func(t *testing.T) {
			host := inTurn(reply(answerAfter-20*ms, row.first), reply(0, accepting))
			if row.err == nil {
				host = inTurn(reply(answerAfter-20*ms, row.first), nil, reply(0, accepting))
			}
			all := ranges(1, 4*64, addresses(1)...)
			cfg := scan.Config{Rate: math.Inf(1), Retries: 1, Timeout: 900 * ms}
			b := besides{world{Host: host, Config: tenEachWay}, cfg, func(n *twoLanes) {
				refusedOnce, heldOnce := once[uint16](), false
				n.before = func(pkts [][]byte) {
					if n.attemptOf(pkts[0]) == 1 && !heldOnce {
						heldOnce = true
						time.Sleep(holdUp)
					}
				}
				n.refuse = func(pkt []byte) error {
					if n.attemptOf(pkt) == 1 && refusedOnce(portOf(pkt)) {
						n.held++
						return row.err
					}
					return nil
				}
			}}
			found, _, n := b.run(t, all)
			if n.held < 64 {
				t.Fatalf("%d second attempts beside", n.held)
			}
			untimed := 0
			for _, target := range all {
				v := found.ports[target]
				if v.State != row.state || v.Attempts != row.attempts {
					t.Fatalf("%v is %v (%v) after %d attempts: %v", target, v.State, v.Reason, v.Attempts, v.Err)
				}
				if v.RTT == 0 {
					untimed++
				} else if (v.RTT - row.rtt).Abs() > time.Microsecond {
					t.Fatalf("%v took %v of %v", target, v.RTT, row.rtt)
				}
			}
			late := row.state == probe.StateOpen && row.rtt > time.Second // SYN-ACKs that may be retransmissions
			if late && untimed != len(all) || !late && untimed > 0 {
				t.Errorf("%d have no round trip", untimed)
			}
		})
	}
}

// While batches are out the network goes away, or a firewall refuses all that is sent: what did
// not leave never counts as sent, so the rate that is shown and asked for stays what it is.
func TestNothingLeavesWhileBatchesAreBeside(t *testing.T) {
	for _, row := range []struct {
		name     string
		rate     float64
		err      error
		from, to time.Duration
	}{
		{"the link is down for a while", 500_000, syscall.ENETDOWN, 30 * ms, 2 * time.Second},
		{"the link is down for a while, no rate", 0, syscall.ENETDOWN, 300 * ms, 2 * time.Second},
		{"a firewall refuses all", 500_000, syscall.EPERM, 0, forever},
		{"a firewall refuses all, no rate", 0, syscall.EPERM, 300 * ms, forever},
	} {
		inBubble(t, row.name, func(t *testing.T) {
			start := time.Now()
			away := func() bool { at := time.Since(start); return at >= row.from && at < row.to }
			w := world{Host: simnet.Closed{}, Config: tenEachWay}
			w.SendError = func([]byte) error {
				if away() {
					return row.err
				}
				return nil
			}
			var last probe.Progress
			asked := map[float64]bool{}
			cfg := scan.Config{Rate: row.rate, OnProgress: func(p probe.Progress) {
				if p.Sent < last.Sent || p.RateAchieved > 10_000_000 {
					t.Errorf("%v: %d sent after %d, at %v a second", p.Elapsed, p.Sent, last.Sent, p.RateAchieved)
				}
				last, asked[p.RateAsked] = p, true
			}}
			_, summary, n := besides{w, cfg, func(n *twoLanes) {
				n.before = func(pkts [][]byte) {
					if away() && len(pkts) == 64 { // once a batch
						n.held++
						time.Sleep(300 * ms) // longer than the counters are not looked at
					}
				}
			}}.run(t, ranges(1, 600, addresses(50)...))
			if n.held == 0 {
				t.Fatal("no batch was beside")
			}
			if answered := summary.States[probe.StateRefused]; row.to != forever && answered != summary.Probes {
				t.Errorf("%v", summary.States)
			}
			if row.from == 0 && (summary.States[probe.StateFiltered] != summary.Probes || summary.Sent != 0 || len(asked) != 1) {
				t.Errorf("%d sent, %v, rates asked: %v", summary.Sent, summary.States, asked)
			}
		})
	}
}
