package handshake

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/simnet"
)

func forged(in *craft.Segment, flags craft.Flags, seq, ack uint32) *craft.Segment {
	return &craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 60, Flags: flags, Seq: craft.Seq(seq), Ack: craft.Seq(ack), Window: 100}
}

// ahead lets somebody answer each SYN ahead of the host, n times.
func ahead(h simnet.Host, n int, forge func(in *craft.Segment, r *rand.Rand) *craft.Segment) simnet.Host {
	r := rand.New(rand.NewPCG(7, 8))
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		for range n {
			if in.Flags.Has(craft.SYN) && !in.Flags.Has(craft.ACK) {
				out.Segment(0, forge(in, r))
			}
		}
		h.Respond(now, in, out)
	})
}

var forgeries = []struct {
	name  string
	forge func(in *craft.Segment, r *rand.Rand) *craft.Segment
}{
	{"SYN-ACKs", func(in *craft.Segment, r *rand.Rand) *craft.Segment {
		return forged(in, craft.SYN|craft.ACK, r.Uint32(), r.Uint32())
	}},
	{"ACKs", func(in *craft.Segment, r *rand.Rand) *craft.Segment {
		return forged(in, craft.ACK, r.Uint32(), r.Uint32())
	}},
	{"RSTs", func(in *craft.Segment, r *rand.Rand) *craft.Segment {
		return forged(in, craft.RST|craft.ACK, r.Uint32(), r.Uint32())
	}},
	{"RSTs without ACK", func(in *craft.Segment, r *rand.Rand) *craft.Segment {
		return forged(in, craft.RST, r.Uint32(), 0)
	}},
	{"SYNs", func(in *craft.Segment, r *rand.Rand) *craft.Segment {
		return forged(in, craft.SYN, r.Uint32(), 0)
	}},
	{"data", func(in *craft.Segment, r *rand.Rand) *craft.Segment {
		s := forged(in, craft.ACK|craft.PSH, r.Uint32(), r.Uint32())
		s.Payload = []byte("HTTP/1.0 200 OK\r\n\r\n")
		return s
	}},
	{"FINs", func(in *craft.Segment, r *rand.Rand) *craft.Segment {
		return forged(in, craft.FIN|craft.ACK, r.Uint32(), r.Uint32())
	}},
}

// Whatever strangers send who do not know our numbers: a silent port stays
// silent, for as long and at the cost of as many SYNs as ever; an open one opens.
func TestStrangersDecideNothing(t *testing.T) {
	for _, tt := range forgeries {
		t.Run(tt.name, func(t *testing.T) {
			silent := scene{host: ahead(simnet.Dropped{}, 200, tt.forge), cfg: Config{Retries: 2}}.play(t)
			r := &silent.result
			if r.State == probe.StateOpen || r.Reason == probe.ReasonReset || r.Close != "" {
				t.Errorf("silent: %s (%s), close %q", r.State, r.Reason, r.Close)
			}
			if silent.took < 7*time.Second || silent.took > 7100*time.Millisecond || r.Attempts > 4 {
				t.Errorf("silent: ended after %v and %d SYNs", silent.took, r.Attempts)
			}
			if len(silent.lines) > 40 {
				t.Errorf("silent: %d lines", len(silent.lines))
			}
			if silent.result.Traffic.Sent+silent.result.Traffic.Resets > 12 {
				t.Errorf("silent: %d segments and %d RSTs", r.Traffic.Sent, r.Traffic.Resets)
			}
			open := scene{host: ahead(healthy(), 200, tt.forge), cfg: Config{Data: []byte("hello")}}.play(t)
			if r := &open.result; r.State != probe.StateOpen || r.Reason != probe.ReasonSYNACK || string(r.Data) != "hello" || r.Close != CloseThreeWay {
				t.Errorf("open: %s (%s), close %q, %q", r.State, r.Reason, r.Close, r.Data)
			}
		})
	}
}

// What arrived before the SYN left answers something else, whatever its numbers.
func TestNothingCountsFromBeforeTheSYN(t *testing.T) {
	for _, flags := range []craft.Flags{craft.SYN | craft.ACK, craft.RST | craft.ACK, craft.RST, craft.SYN, craft.ACK} {
		synctest.Test(t, func(t *testing.T) {
			n := simnet.New(simnet.Config{})
			conn := n.Conn(1, simnet.WatchOutgoing())
			defer conn.Close()
			trigger := craft.Segment{Src: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), conn.Ports()[0]), Dst: simTarget, TTL: 64, Flags: craft.SYN}
			n.HandleAddr(simHost, simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
				if in.TTL == trigger.TTL && in.Window == 0 {
					out.Segment(0, forged(in, flags, 5, 1)) // the ISN will be 0
				}
			}))
			b, err := trigger.AppendTo(nil)
			if err != nil {
				t.Fatal(err)
			}
			conn.Send([][]byte{b})
			time.Sleep(time.Millisecond)
			r, err := Run(t.Context(), conn, Config{Target: simTarget, Retries: 1, Random: &counter{}})
			if err != nil || r.Reason != probe.ReasonNoResponse || r.Traffic.Rejected["unsolicited"] != 1 {
				t.Errorf("[%s]: %s (%s), %v, %v", flags, r.State, r.Reason, r.Traffic.Rejected, err)
			}
		})
	}
}

// sender is a service that sends once it is connected to, and goes on whatever
// we say.
func sender(size int, every time.Duration) simnet.Host {
	talking := false
	return simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
		answer := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Window: 60000, Seq: 1000, Ack: in.Seq.Add(in.Len()), Flags: craft.SYN | craft.ACK}
		switch {
		case in.Flags == craft.SYN:
			out.Segment(0, &answer)
		case in.Flags.Has(craft.RST):
			talking = false
		case !talking:
			talking = true
			answer.Flags, answer.Payload = craft.ACK, filler(size)
			answer.Seq = 1001
			var say func(time.Time, simnet.Emitter)
			say = func(_ time.Time, out simnet.Emitter) {
				if talking {
					out.Segment(0, &answer)
					answer.Seq = answer.Seq.Add(uint32(size))
					out.Schedule(every, say)
				}
			}
			out.Schedule(every, say)
		case in.Flags.Has(craft.FIN):
			answer.Ack = in.Seq.Add(1)
		}
	})
}

// A peer that never stops sending is ended by a limit, and said to be one.
func TestEndlessSender(t *testing.T) {
	for _, tt := range []struct {
		name  string
		size  int
		every time.Duration
		limit string
		took  time.Duration // at most
		most  uint64        // bytes
	}{
		{"as fast as it goes", 1400, 100 * time.Microsecond, "limit of bytes", time.Second, 1<<20 + 2000},
		{"in small pieces", 10, 100 * time.Microsecond, "limit of segments", time.Second, 41000},
		{"a byte now and then", 1, 200 * time.Millisecond, "limit of time", 40 * time.Second, 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := scene{host: sender(tt.size, tt.every)}.play(t)
			if got.err != nil {
				t.Fatal(got.err)
			}
			f := find(t, &got.result, "endless-sender")
			if !strings.Contains(f.Evidence, tt.limit) || got.took > tt.took || got.result.Received > tt.most {
				t.Errorf("%v, %d bytes: %s", got.took, got.result.Received, f.Evidence)
			}
			if got.result.Traffic.Resets == 0 {
				t.Error("the connection was left open")
			}
		})
	}
	if got := (scene{host: healthy(), cfg: Config{Data: filler(3000)}}).play(t); has(&got.result, "endless-sender") {
		t.Errorf("%v", codes(&got.result))
	}
}

// What a host sends again and again, a SYN-ACK or a segment of data, is answered now
// and then: it cannot have us flood it.
func TestCopiesAreAnsweredNowAndThen(t *testing.T) {
	const copies = 2000
	for name, flags := range map[string]craft.Flags{"SYN-ACK": craft.SYN | craft.ACK, "data": craft.ACK | craft.PSH} {
		answer := craft.Segment{TTL: 64, Window: 60000, Seq: 1000}
		host := simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
			answer.Src, answer.Dst, answer.Ack = in.Dst, in.Src, in.Seq.Add(in.Len())
			switch {
			case in.Flags == craft.SYN:
				answer.Flags, answer.Seq = craft.SYN|craft.ACK, 1000
				out.Segment(0, &answer)
				for i := range copies {
					again := answer
					if again.Flags = flags; !flags.Has(craft.SYN) {
						again.Seq, again.Payload = 1001, []byte("again")
					}
					out.Segment(time.Duration(i+1)*100*time.Microsecond, &again)
				}
			case in.Flags.Has(craft.FIN):
				answer.Flags, answer.Seq, answer.Payload = craft.FIN|craft.ACK, 1001, nil
				if !flags.Has(craft.SYN) {
					answer.Seq = 1006
				}
				out.Segment(0, &answer)
			}
		})
		got := scene{host: host}.play(t)
		if tr := got.result.Traffic; got.err != nil || got.result.State != probe.StateOpen || tr.Sent > 20 {
			t.Errorf("%s: %v, %v, %d segments sent", name, got.err, got.result.State, tr.Sent)
		}
	}
}

// An interrupted watch tells how long it was, and nothing of what it did not
// wait for.
func TestInterruptedWatch(t *testing.T) {
	for _, tt := range []struct {
		name  string
		host  simnet.Host
		after time.Duration
		want  string // of the evidence of synack-retransmissions; "": no such finding
	}{
		{"after two", healthy(), 4 * time.Second, "watched for 3.98s"},
		{"before any", healthy(), 500 * time.Millisecond, ""},
		{"before any, cookies", &simnet.Listener{ISN: simnet.CookieISN(1), SYNACKs: []time.Duration{}, Forget: time.Millisecond}, 500 * time.Millisecond, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := scene{host: tt.host, cfg: Config{Withhold: WithholdSYNACKAck}, after: func(cancel context.CancelFunc) {
				time.Sleep(tt.after)
				cancel()
			}}.play(t)
			if !errors.Is(got.err, probe.ErrInterrupted) || has(&got.result, "syn-cookies") {
				t.Errorf("%v, %v", got.err, codes(&got.result))
			}
			if tt.want == "" {
				if has(&got.result, "synack-retransmissions") {
					t.Errorf("%v", got.result.Findings)
				}
				return
			}
			f := find(t, &got.result, "synack-retransmissions")
			if !strings.Contains(f.Evidence, tt.want) || strings.Contains(f.Evidence, "silence") {
				t.Errorf("evidence %q", f.Evidence)
			}
		})
	}
	whole := scene{host: healthy(), cfg: Config{Withhold: WithholdSYNACKAck}}.play(t)
	if f := find(t, &whole.result, "synack-retransmissions"); !strings.Contains(f.Evidence, "then silence for 39") {
		t.Errorf("a whole watch: %q", f.Evidence)
	}
}

// What this machine refuses to send is a delay, or a verdict of its own.
func TestRefusedByThisMachine(t *testing.T) {
	during := func(from, to time.Duration, errno error) func(time.Duration) error {
		return func(since time.Duration) error {
			if since >= from && since < to {
				return errno
			}
			return nil
		}
	}
	const ever = 24 * time.Hour
	for _, tt := range []struct {
		name   string
		refuse func(since time.Duration) error
		state  probe.State
		reason probe.Reason
		code   string
		err    error
	}{
		{name: "a firewall", refuse: during(0, ever, syscall.EPERM), state: probe.StateFiltered, reason: probe.ReasonLocalFirewall, code: "local-firewall"},
		{name: "a full table for a moment", refuse: during(0, 60*time.Millisecond, syscall.EPERM), state: probe.StateOpen, reason: probe.ReasonSYNACK},
		{name: "a full queue", refuse: during(0, 3*time.Second, syscall.ENOBUFS), state: probe.StateOpen, reason: probe.ReasonSYNACK},
		{name: "no network for a while", refuse: during(0, 5*time.Second, syscall.ENETDOWN), state: probe.StateOpen, reason: probe.ReasonSYNACK},
		{name: "no network in the middle", refuse: during(15*time.Millisecond, 5*time.Second, syscall.ENETUNREACH), state: probe.StateOpen, reason: probe.ReasonSYNACK},
		{name: "never room", refuse: during(0, ever, syscall.ENOBUFS), state: probe.StateUnknown, reason: probe.ReasonSendFailed, err: probe.ErrNothingSent},
		{name: "no room any more", refuse: during(15*time.Millisecond, ever, syscall.EINVAL), state: probe.StateOpen, reason: probe.ReasonSYNACK, err: probe.ErrNetworkDown},
		{name: "no network any more", refuse: during(0, ever, syscall.ENETDOWN), state: probe.StateUnknown, reason: probe.ReasonSendFailed, err: probe.ErrNetworkDown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				n := simnet.New(simnet.Config{Out: simnet.Path{Delay: 10 * time.Millisecond}, Back: simnet.Path{Delay: 10 * time.Millisecond},
					SendError: func([]byte) error { return tt.refuse(time.Since(start)) }})
				n.HandleAddr(simHost, healthy())
				conn := n.Conn(1, simnet.WatchOutgoing())
				defer conn.Close()
				r, err := Run(t.Context(), conn, Config{Target: simTarget, Data: []byte("hello")})
				if !errors.Is(err, tt.err) || r.State != tt.state || r.Reason != tt.reason || tt.code != "" && !has(&r, tt.code) {
					t.Fatalf("%s (%s) %v: %v", r.State, r.Reason, codes(&r), err)
				}
				if tt.err == nil && tt.state == probe.StateOpen && (string(r.Data) != "hello" || r.RTT != 20*time.Millisecond || r.Retransmits[Client] != 0) {
					t.Errorf("%q, RTT %v, %v retransmitted", r.Data, r.RTT, r.Retransmits)
				}
			})
		})
	}
}

// wayless is a network without a way to anywhere for a while.
type wayless struct {
	probe.Network
	until time.Time
}

func (w *wayless) Route(a netip.Addr) (netraw.Route, error) {
	if time.Now().Before(w.until) {
		return netraw.Route{}, netraw.ErrNoRoute
	}
	return w.Network.Route(a)
}

// A way that is gone once the target has answered is waited for; before, nobody knows of one.
func TestWayThatIsGone(t *testing.T) {
	for _, tt := range []struct {
		name  string
		known Known
		away  time.Duration
		state probe.State
		err   error
		took  time.Duration
	}{
		{"from the start", Known{}, time.Hour, probe.StateUnknown, netraw.ErrNoRoute, 0},
		{"for a moment", Known{TTL: 64}, 3 * time.Second, probe.StateOpen, nil, 3 * time.Second},
		{"for good", Known{TTL: 64}, time.Hour, probe.StateUnknown, probe.ErrNetworkDown, 10 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				n := simnet.New(simnet.Config{Back: simnet.Path{Delay: 10 * time.Millisecond}})
				n.HandleAddr(simHost, healthy())
				conn := n.Conn(1, simnet.WatchOutgoing())
				defer conn.Close()
				r, err := Run(t.Context(), &wayless{conn, start.Add(tt.away)}, Config{Target: simTarget, Known: tt.known})
				if took := time.Since(start); !errors.Is(err, tt.err) || r.State != tt.state || took < tt.took || took > tt.took+time.Second {
					t.Errorf("%s (%s) after %v: %v", r.State, r.Reason, took, err)
				}
			})
		})
	}
}

// lateReader is a network whose reader stands still now and then.
type lateReader struct {
	probe.Network
	reads atomic.Int64
}

func (l *lateReader) Recv(pkts []netraw.Packet) (int, error) {
	n, err := l.Network.Recv(pkts)
	if l.reads.Add(1)%4 == 2 {
		time.Sleep(1600 * time.Millisecond)
	}
	return n, err
}

// A process that stood still retransmits nothing that was answered in time.
func TestStallIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{Out: simnet.Path{Delay: 10 * time.Millisecond}, Back: simnet.Path{Delay: 10 * time.Millisecond}})
		n.HandleAddr(simHost, healthy())
		conn := n.Conn(1, simnet.WatchOutgoing())
		defer conn.Close()
		r, err := Run(t.Context(), &lateReader{Network: conn}, Config{Target: simTarget, Data: []byte("hello")})
		if err != nil || r.State != probe.StateOpen || r.Attempts != 1 || r.Retransmits[Client] != 0 || string(r.Data) != "hello" || r.RTT != 20*time.Millisecond {
			t.Errorf("%s (%s), %d SYNs, %v retransmitted, %q, RTT %v: %v", r.State, r.Reason, r.Attempts, r.Retransmits, r.Data, r.RTT, err)
		}
	})
}

// A SYN-ACK that came a second late, on a way that takes less, was a
// retransmission: it has no round-trip time.
func TestNoTimeOverARepeatedSYNACK(t *testing.T) {
	lost, listener := true, healthy()
	host := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		if in.Flags == craft.SYN && lost {
			lost = false
			again := *in
			out.Schedule(time.Second, func(now time.Time, out simnet.Emitter) { listener.Respond(now, &again, out) })
			return
		}
		listener.Respond(now, in, out)
	})
	got := scene{host: host, cfg: Config{Data: []byte("hello"), Timeout: 3 * time.Second}}.play(t)
	if r := &got.result; r.State != probe.StateOpen || r.Attempts != 1 || r.RTT != 0 || string(r.Data) != "hello" {
		t.Errorf("%s, %d SYNs, RTT %v, %q", r.State, r.Attempts, r.RTT, r.Data)
	}
}

// A host that waits for data takes the byte that tells it from a full queue.
func TestDeferredAccept(t *testing.T) {
	for _, takes := range []bool{true, false} {
		t.Run(fmt.Sprint(takes), func(t *testing.T) {
			listener, open := healthy(), false
			host := simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
				if !open && in.Flags&(craft.SYN|craft.RST) == 0 && (len(in.Payload) == 0 || !takes) {
					return // TCP_DEFER_ACCEPT, or a full queue
				}
				open = open || len(in.Payload) > 0
				listener.Respond(now, in, out)
			})
			got := scene{host: host, cfg: Config{Close: EndNone, Watch: 10 * time.Second}}.play(t)
			if r := &got.result; r.State != probe.StateOpen || has(r, "accept-queue-full") == takes {
				t.Errorf("%s, %v\n%s", r.State, codes(r), strings.Join(got.lines, "\n"))
			}
		})
	}
}

// Exchange: what came before the segment left is no answer, a stall loses none,
// and a firewall is told from other refusals.
func TestExchange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refuse := false
		n := simnet.New(simnet.Config{Back: simnet.Path{Delay: 10 * time.Millisecond}, SendError: func([]byte) error {
			if refuse {
				return syscall.EPERM
			}
			return nil
		}})
		n.HandleAddr(simHost, healthy())
		conn := n.Conn(1, simnet.WatchOutgoing())
		defer conn.Close()
		own := craft.Segment{Src: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), conn.Ports()[0]), Dst: simTarget, TTL: 64, Flags: craft.SYN}
		var lines []string
		cfg := ExchangeConfig{Segment: own, OnSegment: func(l Line) { lines = append(lines, fmt.Sprint(l.From, " ", l.Segment.Flags)) }}
		if _, err := Exchange(t.Context(), &lateReader{Network: conn}, cfg); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(lines, ", "); got != "client S, server S., server S." && got != "client S, server S." {
			t.Errorf("lines %s", got)
		}
		refuse = true
		if _, err := Exchange(t.Context(), conn, cfg); !errors.Is(err, ErrLocalFirewall) {
			t.Errorf("refused: %v", err)
		}
	})
}

// By default a silent port is sent three SYNs, not more.
func TestSilenceCostsThreeSYNs(t *testing.T) {
	if r := (scene{host: simnet.Dropped{}}).play(t).result; r.Attempts != 3 || r.Reason != probe.ReasonNoResponse {
		t.Errorf("%d SYNs, %s (%s)", r.Attempts, r.State, r.Reason)
	}
}

// Only what acknowledges the whole SYN is its answer, whatever else comes back.
func TestExchangeTakesWhatIsAcknowledged(t *testing.T) {
	for _, tc := range []struct {
		name    string
		ack     craft.Seq // beyond the SYN's number
		data    int
		flags   craft.Flags
		answers bool
		matched uint64
	}{
		{"SYN-ACK", 1, 0, craft.SYN | craft.ACK, true, 1},
		{"SYN-ACK of the ISN itself", 0, 0, craft.SYN | craft.ACK, false, 0},
		{"SYN-ACK of one too many", 2, 0, craft.SYN | craft.ACK, false, 0},
		{"SYN-ACK of the data too", 6, 5, craft.SYN | craft.ACK, true, 1},
		{"SYN-ACK of more than the data", 7, 5, craft.SYN | craft.ACK, false, 0},
		{"RST", 1, 0, craft.RST | craft.ACK, true, 1},
		{"RST of the ISN itself", 0, 0, craft.RST | craft.ACK, false, 1},
		{"RST without a number", 0, 0, craft.RST, false, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := simnet.New(simnet.Config{})
				n.Handle(netip.MustParsePrefix("198.51.100.0/24"), simnet.HostFunc(func(_ time.Time, in *craft.Segment, out simnet.Emitter) {
					s := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 64, Flags: tc.flags, Seq: 77}
					if tc.flags.Has(craft.ACK) {
						s.Ack = in.Seq + tc.ack
					}
					out.Segment(0, &s)
				}))
				conn := n.Conn(1, simnet.WatchOutgoing())
				defer conn.Close()
				route, _ := conn.Route(netip.MustParseAddr("198.51.100.7"))
				syn := craft.Segment{
					Src: netip.AddrPortFrom(route.Source, conn.Ports()[0]), Dst: netip.MustParseAddrPort("198.51.100.7:80"),
					Flags: craft.SYN, Seq: 1000, TTL: 64, Payload: make([]byte, tc.data),
				}
				shown, answers := 0, 0
				s, err := Exchange(t.Context(), conn, ExchangeConfig{Segment: syn, OnSegment: func(l Line) {
					if l.From == Server {
						shown++
						if l.Notes&NoteAside == 0 {
							answers++
						}
					}
				}})
				if err != nil || shown != 1 || (answers == 1) != tc.answers || s.Matched != tc.matched || s.Received != 1 {
					t.Errorf("%d shown, %d answers, %+v, %v", shown, answers, s, err)
				}
			})
		})
	}
}
