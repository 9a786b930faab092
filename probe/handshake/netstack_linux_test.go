package handshake

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/lab"
	"synscope/internal/lab/netstack"
	"synscope/probe"
)

// TestAnotherStack walks connections to gVisor's netstack, a TCP that is not
// Linux's, and holds what was seen against a capture by tcpdump beside it.
func TestAnotherStack(t *testing.T) {
	t.Parallel()
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
		synack []time.Duration // when the SYN-ACK is retransmitted: until the last of them is awaited
		fin    []time.Duration // when the FIN is
	}{
		{"we close", Config{Target: open, Data: []byte("hello")}, probe.StateOpen, CloseFourWay, nil, nil},
		{"IPv6", Config{Target: netip.AddrPortFrom(netstack.Addr6, 80), Data: []byte("hello")}, probe.StateOpen, CloseFourWay, nil, nil},
		{"it closes", Config{Target: open, Data: []byte("bye")}, probe.StateOpen, CloseFourWay, nil, nil},
		{"we reset", Config{Target: open, Close: EndRST}, probe.StateOpen, CloseByReset, nil, nil},
		{"refused", Config{Target: closed}, probe.StateRefused, "", nil, nil},
		{"half-open", Config{Target: open, Withhold: WithholdSYNACKAck, Watch: time.Minute}, probe.StateOpen, CloseNever,
			[]time.Duration{time.Second, 3 * time.Second}, nil},
		{"withheld FIN", Config{Target: open, Withhold: WithholdLastAck, Watch: time.Minute}, probe.StateOpen, CloseTimeout,
			nil, []time.Duration{200 * time.Millisecond, 600 * time.Millisecond}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var ours []string
			var r Result
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			retransmitted, awaited := 0, len(tc.synack)+len(tc.fin)
			tc.cfg.OnSegment = func(l Line) {
				ours = append(ours, rungOf(l))
				if l.From == Server && l.Notes.Has(NoteRetransmission) {
					if retransmitted++; retransmitted == awaited {
						cancel()
					}
				}
			}
			var err error
			lines := capture(t, tc.cfg.Target, func() { r, err = attemptUntil(t, ctx, tc.cfg) })
			if errors.Is(err, probe.ErrInterrupted) != (awaited > 0) {
				t.Error(err)
			}
			if _, seen := replayed(lines, tc.cfg.Withhold); !slices.Equal(ours, seen) {
				t.Errorf("we saw:\n%s\ntcpdump saw:\n%s", strings.Join(ours, "\n"), strings.Join(seen, "\n"))
			}
			if r.State != tc.state || !sameClose(r.Close, tc.close) {
				t.Errorf("%v, closed %v; want %v, %v", r.State, r.Close, tc.state, tc.close)
			}
			repeated(t, r.SYNACKSchedule, after(lines, tc.cfg.Target, craft.SYN), tc.synack)
			repeated(t, r.FINSchedule, after(lines, tc.cfg.Target, craft.FIN), tc.fin)
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

// after is when a capture has the segments with a flag, from the first on.
func after(lines []captured, from netip.AddrPort, flag craft.Flags) (list []time.Duration) {
	var first time.Time
	for _, l := range lines {
		switch {
		case l.segment.Src != from || !l.segment.Flags.Has(flag):
		case first.IsZero():
			first = l.time
		default:
			list = append(list, l.time.Sub(first))
		}
	}
	return list
}

// repeated compares times of retransmission with those of a capture, and with what
// is usual: a stack that was not let run is late, and never early.
func repeated(t *testing.T, got, seen, usual []time.Duration) {
	t.Helper()
	for i, w := range usual {
		if i >= len(got) || i >= len(seen) || (got[i]-seen[i]).Abs() > time.Millisecond || got[i] < w/2 {
			t.Errorf("retransmitted after %v, in the capture after %v, usual is %v", got, seen, usual)
			return
		}
	}
}
