package simnet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
)

// randomSegment stays near the numbers of a connection at ISNs 100 and 1000,
// so that most states are reached.
func randomSegment(rng *rand.Rand, c *Conn) craft.Segment {
	flags := []craft.Flags{
		craft.SYN, craft.ACK, craft.ACK, craft.PSH | craft.ACK, craft.FIN | craft.ACK,
		craft.RST, craft.FIN, 0, craft.SYN | craft.ACK, craft.Flags(rng.Uint32N(512)),
	}
	s := syn(c, target4, 100+craft.Seq(rng.Uint32N(8)))
	s.Flags = flags[rng.IntN(len(flags))]
	s.Ack = 1000 + craft.Seq(rng.Uint32N(40))
	s.Window = uint16(rng.Uint32N(50))
	s.Payload = make([]byte, rng.IntN(4))
	return s
}

// Whatever it is sent, a Listener neither panics nor acknowledges what was
// never sent, sends beyond what it has, nor keeps half-open connections.
func TestListenerSurvivesAnything(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 0))
		app := App{Echo: seed%2 == 0, Hangup: seed%3 == 0, OnFIN: OnFIN(seed % 3), Banner: make([]byte, seed%30)}
		app.Linger = time.Duration(seed%4) * time.Second
		l := &Listener{ISN: isn1000, App: app, Shut: Shut(seed % 5 / 3)}
		synctest.Test(t, func(t *testing.T) {
			n := New(Config{Seed: seed, Back: Path{Delay: time.Millisecond}})
			n.HandleAddr(scriptHost, l)
			c := n.Conn(1)
			highest := craft.Seq(108)
			for range 60 {
				s := randomSegment(rng, c)
				if end := s.Seq.Add(s.Len()); highest.LessThan(end) {
					highest = end
				}
				send(t, c, s)
				for _, pkt := range recv(t, c, time.Duration(rng.Int64N(int64(3*time.Second)))) {
					checkReply(t, seed, pkt.Data, highest)
				}
			}
			send(t, c, craft.Segment{Src: addrPort("192.0.2.1:1"), Dst: addrPort(target4)})
			recv(t, c, 10*time.Minute)
			for _, conn := range l.conns {
				if conn.state == synReceived || conn.state == timeWait || conn.state == lastAck {
					t.Errorf("seed %d: state %d ten minutes on", seed, conn.state)
				}
			}
		})
	}
}

func checkReply(t *testing.T, seed uint64, data []byte, highest craft.Seq) {
	t.Helper()
	var p craft.Packet
	if err := p.Decode(data, craft.VerifyChecksums); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	s := &p.Segment
	if s.Flags.Has(craft.ACK) && !s.Flags.Has(craft.RST) && highest.LessThan(s.Ack) {
		t.Errorf("seed %d: %v acknowledges beyond %d", seed, s, highest)
	}
	if !s.Flags.Has(craft.RST) && !s.Seq.InWindow(1000, 400) {
		t.Errorf("seed %d: %v", seed, s)
	}
}

// Without an observer hosts are worked out in batches; what arrives, and when,
// is the same.
func TestObserverChangesNothing(t *testing.T) {
	arrivals := func(observe func(Event)) (got []string) {
		synctest.Test(t, func(t *testing.T) {
			rough := Path{Delay: 20 * time.Millisecond, Jitter: 30 * time.Millisecond, Loss: 0.2, Duplicate: 0.1, Reorder: 0.1}
			n := New(Config{Seed: 3, Out: rough, Back: rough, Observe: observe})
			n.HandleAddr(scriptHost, &Listener{ISN: StepISN(1)})
			c := n.Conn(1)
			for i := range 200 {
				s := syn(c, target4, craft.Seq(i))
				s.Src = addrPort(fmt.Sprintf("192.0.2.1:%d", 1000+i))
				send(t, c, s)
				for _, p := range recv(t, c, time.Millisecond) {
					got = append(got, fmt.Sprint(p.Time, describe(p.Data)))
				}
			}
			for _, p := range recv(t, c, 2*time.Minute) {
				got = append(got, fmt.Sprint(p.Time, describe(p.Data)))
			}
		})
		return got
	}
	with, without := arrivals(func(Event) {}), arrivals(nil)
	if len(with) < 500 || !slices.Equal(with, without) {
		t.Errorf("%d arrivals with an observer, %d without, or not the same", len(with), len(without))
	}
}
