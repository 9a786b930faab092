package handshake

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"synscope/internal/lab"
	"synscope/internal/lab/netstack"
	"synscope/probe"
)

// TestAnotherStack walks connections to gVisor's netstack, a TCP that is not
// Linux's, and holds what was seen against a capture by tcpdump beside it.
func TestAnotherStack(t *testing.T) {
	lab.RequireTun(t)
	h, err := netstack.New(netstack.Config{Ports: []uint16{80}, Serve: hangUpOnBye})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	open, closed := netip.AddrPortFrom(netstack.Addr4, 80), netip.AddrPortFrom(netstack.Addr6, 81)
	for _, tc := range []struct {
		name   string
		cfg    Config
		state  probe.State
		close  Close
		synack []time.Duration // when the SYN-ACK came again
		fin    []time.Duration // when the FIN came again
	}{
		{"we close", Config{Target: open, Data: []byte("hello")}, probe.StateOpen, CloseFourWay, nil, nil},
		{"IPv6", Config{Target: netip.AddrPortFrom(netstack.Addr6, 80), Data: []byte("hello")}, probe.StateOpen, CloseFourWay, nil, nil},
		{"it closes", Config{Target: open, Data: []byte("bye")}, probe.StateOpen, CloseFourWay, nil, nil},
		{"we reset", Config{Target: open, Close: EndRST}, probe.StateOpen, CloseByReset, nil, nil},
		{"refused", Config{Target: closed}, probe.StateRefused, "", nil, nil},
		{"half-open", Config{Target: open, Withhold: WithholdSYNACKAck, Watch: 3500 * time.Millisecond}, probe.StateOpen, CloseNever,
			[]time.Duration{time.Second, 3 * time.Second}, nil},
		{"withheld FIN", Config{Target: open, Withhold: WithholdLastAck, Watch: time.Second}, probe.StateOpen, CloseTimeout,
			nil, []time.Duration{200 * time.Millisecond, 600 * time.Millisecond}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var ours []string
			var r Result
			tc.cfg.OnSegment = func(l Line) { ours = append(ours, rungOf(l)) }
			lines := capture(t, tc.cfg.Target, func() { r = attempt(t, tc.cfg) })
			if _, seen := replayed(lines, tc.cfg.Withhold); !slices.Equal(ours, seen) {
				t.Errorf("we saw:\n%s\ntcpdump saw:\n%s", strings.Join(ours, "\n"), strings.Join(seen, "\n"))
			}
			if r.State != tc.state || !sameClose(r.Close, tc.close) {
				t.Errorf("%v, closed %v; want %v, %v", r.State, r.Close, tc.state, tc.close)
			}
			repeated(t, "SYN-ACK", r.SYNACKSchedule, tc.synack)
			repeated(t, "FIN", r.FINSchedule, tc.fin)
			for _, f := range r.Findings {
				if f.Severity > probe.SeverityInfo && tc.cfg.Withhold == WithholdNothing {
					t.Errorf("a healthy host: %v %v", f.Severity, f.Code)
				}
			}
		})
	}
}

// hangUpOnBye echoes, and closes after "bye".
func hangUpOnBye(conn net.Conn) {
	defer conn.Close()
	buf := make([]byte, 64)
	for {
		n, err := conn.Read(buf)
		if err != nil || string(buf[:n]) == "bye" {
			return
		}
		conn.Write(buf[:n])
	}
}

// repeated compares times of retransmission: none is more than a quarter early. The
// stack's timers may be late on a busy machine, and so the last of them not seen.
func repeated(t *testing.T, what string, got, want []time.Duration) {
	t.Helper()
	early := len(got) < min(1, len(want))
	for i := range min(len(got), len(want)) {
		early = early || got[i] < want[i]*3/4-50*time.Millisecond
	}
	if early {
		t.Errorf("%s again after %v, want %v or later", what, got, want)
	}
}
