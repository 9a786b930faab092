package handshake

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/simnet"
)

// TestLossyPaths: whatever the network does, a run ends, what was echoed is
// what was sent, the session and a tap beside it agree on every state, and the
// far end is left with nothing half-open.
func TestLossyPaths(t *testing.T) {
	data := []byte("a message that has to arrive whole")
	answered := 0
	for seed := range uint64(150) {
		listener := &simnet.Listener{App: simnet.App{Echo: true, RTO: 300 * time.Millisecond}}
		bad := simnet.Path{Loss: 0.15, Duplicate: 0.1, Jitter: 15 * time.Millisecond, Reorder: 0.1, Hold: 40 * time.Millisecond}
		got := scene{host: listener, out: bad, back: bad, seed: seed, cfg: Config{Data: data, Retries: 6}}.play(t)
		if got.err != nil {
			t.Fatalf("seed %d: %v", seed, got.err)
		}
		r := got.result
		if r.State != probe.StateOpen {
			t.Errorf("seed %d: %s (%s)", seed, r.State, r.Reason)
		}
		for _, f := range r.Findings {
			if f.Severity == probe.SeverityWarning {
				t.Errorf("seed %d: %s: %s\n%v", seed, f.Code, f.Evidence, got.lines)
			}
		}
		if string(r.Data) == string(data) {
			answered++
		} else if r.Received > 0 {
			t.Errorf("seed %d: echo of %q", seed, r.Data)
		}
	}
	if answered < 140 {
		t.Errorf("only %d of 150 were answered", answered)
	}
}

// plan80 is a plan for tests of the bare machine.
func plan80() *Plan {
	cfg := Config{Target: simTarget, Data: []byte("data"), Random: &counter{}}
	cfg.setDefaults()
	p, err := cfg.plan(routeOf("192.0.2.1"), 40000)
	if err != nil {
		panic(err)
	}
	return p
}

// TestStepIsPure: a state gives the same answer to the same event every time,
// and stays as it was.
func TestStepIsPure(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		s := NewSession(plan80())
		s, _ = Step(s, Event{Kind: Start})
		for i := range 12 {
			e := randomEvent(r, &s, time.Duration(i)*50*time.Millisecond)
			before := s
			one, did := Step(s, e)
			two, again := Step(s, e)
			if !reflect.DeepEqual(before, s) || !reflect.DeepEqual(one, two) || !reflect.DeepEqual(did, again) {
				t.Fatalf("event %+v is answered differently, or changes the state it met", e)
			}
			s = one
		}
	}
}

// randomEvent is anything that may happen, numbers right and wrong alike.
func randomEvent(r *rand.Rand, s *Session, at time.Duration) Event {
	e := Event{Kind: EventKind(1 + r.IntN(4)), At: at, Timer: Timer(r.IntN(2)), MTU: r.IntN(1500)}
	if e.Kind == Arrive {
		e.Segment = randomSegment(r, &s.Pair, s.plan.SYN.Dst, s.plan.SYN.Src)
	}
	return e
}

func randomSegment(r *rand.Rand, p *Pair, src, dst netip.AddrPort) *craft.Segment {
	near := func(n craft.Seq) craft.Seq { return n.Add(uint32(r.IntN(5) - 2)) }
	in := &craft.Segment{
		Src: src, Dst: dst, TTL: 64, Seq: near(p.Server.Nxt), Ack: near(p.Client.Nxt),
		Flags: craft.Flags(r.IntN(32)), Window: uint16(r.IntN(3) * 1000), Payload: filler(r.IntN(3)),
	}
	if r.IntN(2) == 0 {
		in.Flags |= craft.ACK
	}
	return in
}

// TestSessionKeepsItsWord: whatever comes, every segment of the session's has
// numbers that are its own, carries timestamps once they are agreed on, and a
// cancelled session sends nothing but RSTs.
func TestSessionKeepsItsWord(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		p := plan80()
		s := NewSession(p)
		s, did := Step(s, Event{Kind: Start})
		for i := range 20 {
			checkActions(t, &s, did)
			s, did = Step(s, randomEvent(r, &s, time.Duration(i)*30*time.Millisecond))
		}
		_, did = Step(s, Event{Kind: Cancel})
		for _, a := range did {
			if a.Kind == Send && a.Segment.Flags != craft.RST {
				t.Fatalf("cancelled, it sends %s", &a.Segment)
			}
		}
	}
}

func checkActions(t *testing.T, s *Session, did []Action) {
	t.Helper()
	for _, a := range did {
		if a.Kind != Send {
			continue
		}
		out := &a.Segment
		last := s.end().Add(1)
		rst := out.Flags.Has(craft.RST)
		if !rst && (out.Seq.LessThan(s.plan.SYN.Seq) || last.LessThan(out.Seq.Add(out.Len()))) {
			t.Fatalf("%s lies outside what the plan has to say", out)
		}
		if rst && len(out.Options) > 0 {
			t.Fatalf("%s: an RST bears no options", out)
		}
		_, _, stamped := out.Options.Timestamps()
		if s.Server.Stamped && s.Client.Stamped && !rst && !stamped {
			t.Fatalf("%s: no timestamps", out)
		}
	}
}

// TestRetransmission: RFC 6298's timer doubles, starts from a second before
// there is a sample, and is bounded.
func TestRetransmission(t *testing.T) {
	r := newRTO(time.Second)
	var got []time.Duration
	for range 6 {
		got = append(got, r.current())
		r.backOff()
	}
	if fmt.Sprint(got) != "[1s 2s 4s 8s 8s 8s]" {
		t.Errorf("without a sample %v", got)
	}
	r = newRTO(time.Second)
	r.timed(10, 0)
	r.sampleFor(9, 50*time.Millisecond)
	r.sampleFor(10, 100*time.Millisecond)
	if got := r.current(); got != 300*time.Millisecond {
		t.Errorf("after a sample of 100 ms: %v", got)
	}
	r.timed(20, 200*time.Millisecond)
	r.backOff()
	r.sampleFor(20, 900*time.Millisecond)
	if r.SRTT != 100*time.Millisecond {
		t.Error("a segment that was retransmitted was timed: Karn forbids it")
	}
}

// TestStates: every arrow of RFC 9293 figure 5 that a client or its peer takes.
func TestStates(t *testing.T) {
	none := facts(0)
	open := synSent | synAcked | synReceived
	for f, want := range map[facts]State{
		none:                                    Unknown,
		synSent:                                 SYNSent,
		synSent | synReceived:                   SYNReceived,
		open:                                    Established,
		open | finSent | finFirst:               FINWait1,
		open | finSent | finFirst | finAcked:    FINWait2,
		open | finReceived:                      CloseWait,
		open | finReceived | finSent:            LastAck,
		open | finReceived | finSent | finAcked: Closed,
		open | finReceived | finSent | finFirst: Closing,
		open | finReceived | finSent | finFirst | finAcked: TimeWait,
		open | wasReset: Closed,
	} {
		if got := (&End{facts: f}).State(); got != want {
			t.Errorf("%b: %s, want %s", f, got, want)
		}
	}
}

// FuzzFollower: nothing that a capture may hold makes a Follower panic, grow
// without bound, or call a port open that did not acknowledge the client.
func FuzzFollower(f *testing.F) {
	f.Add([]byte{0, 2, 0, 0, 1, 18, 0, 1})
	f.Add([]byte{0, 2, 0, 0, 1, 4, 0, 0, 1, 2, 9, 9})
	client, server := netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:2")
	f.Fuzz(func(t *testing.T, data []byte) {
		w := NewFollower(client, server, Context{})
		acked := false
		for i := 0; i+4 <= len(data); i += 4 {
			s := craft.Segment{Src: client, Dst: server, Flags: craft.Flags(data[i+1]), Window: uint16(data[i+2])}
			s.Seq, s.Ack = craft.Seq(data[i+2]), craft.Seq(data[i+3])
			if data[i]&1 != 0 {
				s.Src, s.Dst = server, client
			}
			s.Payload = filler(int(data[i] >> 5))
			open := w.Client.Opened()
			l := w.Segment(time.Unix(int64(i), 0), &s)
			acked = acked || open && l.From == Server && s.Flags.Has(craft.SYN) && !l.Notes.Void()
		}
		r := w.Result()
		if r.State == probe.StateOpen && w.Client.Opened() && !acked && w.seen.syn.seen() && w.seen.synack.at.After(w.seen.syn.at) {
			t.Errorf("open without an acknowledgement: %+v", r)
		}
		if len(r.SYNACKSchedule) > maxSchedule || len(r.FINSchedule) > maxSchedule {
			t.Error("grows without bound")
		}
	})
}
