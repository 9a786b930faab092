package handshake_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe/handshake"
	"synscope/probe/simnet"
)

// A whole connection with a model host; a netraw.Conn takes its place on a real
// network.
func ExampleRun() {
	network := simnet.New(simnet.Config{})
	network.HandleAddr("198.51.100.1", &simnet.Listener{App: simnet.App{Banner: []byte("220 ready")}})
	conn := network.Conn(1, simnet.WatchOutgoing())
	defer conn.Close()

	result, err := handshake.Run(context.Background(), conn, handshake.Config{
		Target: netip.MustParseAddrPort("198.51.100.1:25"),
		Quiet:  10 * time.Millisecond,
		OnSegment: func(l handshake.Line) {
			rung := fmt.Sprintf("%-6s %-3s %-12s %s", l.From, l.Segment.Flags, l.Client, l.Server)
			fmt.Println(strings.TrimSpace(rung))
		},
	})
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(result.State, result.Close, string(result.Data))
	// Output:
	// client S   SYN_SENT
	// server S.  ESTABLISHED  SYN_RECEIVED
	// client .   ESTABLISHED  ESTABLISHED
	// server P.  ESTABLISHED  ESTABLISHED
	// client .   ESTABLISHED  ESTABLISHED
	// client F.  FIN_WAIT_1   CLOSE_WAIT
	// server F.  TIME_WAIT    LAST_ACK
	// client .   TIME_WAIT    CLOSED
	// open three-way 220 ready
}

// The machine alone: what a client does when its SYN is answered.
func ExampleStep() {
	profile, _ := craft.ProfileByName("minimal")
	us, peer := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("198.51.100.1:80")
	plan := handshake.Plan{SYN: profile.SYN(us, peer, 1000, 0, 0), Timeout: time.Second, MSS: 1460}

	session, actions := handshake.Step(handshake.NewSession(&plan), handshake.Event{Kind: handshake.Start})
	fmt.Println(session.Client.State(), &actions[0].Segment)

	synack := craft.Segment{Src: peer, Dst: us, Seq: 5000, Ack: 1001, Flags: craft.SYN | craft.ACK, Window: 65535}
	session, actions = handshake.Step(session, handshake.Event{
		Kind: handshake.Arrive, At: 20 * time.Millisecond, Segment: &synack,
	})
	fmt.Println(session.Client.State())
	for _, a := range actions {
		if a.Kind == handshake.Send {
			fmt.Println(&a.Segment)
		}
	}
	// Output:
	// SYN_SENT IP 192.0.2.1.40000 > 198.51.100.1.80: Flags [S], seq 1000, win 65535, options [mss 1460], length 0
	// ESTABLISHED
	// IP 192.0.2.1.40000 > 198.51.100.1.80: Flags [.], seq 1001, ack 5001, win 65535, length 0
}

// A capture is followed by the same rules, one segment after the other.
func ExampleFollower() {
	var f *handshake.Follower
	for i, text := range []string{
		"IP 192.0.2.1.40000 > 198.51.100.1.80: Flags [S], seq 1000, win 1024, options [mss 1460], length 0",
		"IP 198.51.100.1.80 > 192.0.2.1.40000: Flags [R.], seq 0, ack 1001, win 0, length 0",
	} {
		s, err := craft.ParseSegment(text)
		if err != nil {
			panic(err)
		}
		if f == nil {
			f = handshake.NewFollower(s.Src, s.Dst, handshake.Context{})
		}
		f.Segment(time.Unix(0, int64(i)*2_000_000), &s)
	}
	r := f.Result()
	r.Clock = netraw.ClockKernel
	fmt.Println(r.State, r.Reason, r.RTT)
	// Output: refused reset 2ms
}
