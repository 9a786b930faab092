package connect_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/connect"
	"synscope/probe/ping"
	"synscope/probe/scan"
)

type verdicts map[netip.AddrPort]probe.Verdict

func (v verdicts) Port(x probe.Verdict) error { v[x.Target] = x; return nil }
func (verdicts) Host(probe.HostReport) error  { return nil }

// Where this process may open few files only, connects wait for each other: every
// port has its verdict.
func TestFewFileDescriptors(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	open := netip.MustParseAddrPort(listener.Addr().String())
	targets := []netip.AddrPort{open}
	for port := range uint16(400) {
		if port+1 != open.Port() {
			targets = append(targets, netip.AddrPortFrom(open.Addr(), port+1))
		}
	}
	limitFiles(t, 6)
	found := verdicts{}
	summary, err := connect.Run(t.Context(), netraw.Dialer{}, scan.Config{Targets: slices.Values(targets), Rate: 1e6}, found)
	if err != nil || len(found) != len(targets) || summary.SendErrors > 0 || summary.States[probe.StateUnknown] > 0 {
		t.Errorf("%d verdicts of %d, %v, %d not sent, %v", len(found), len(targets), summary.States, summary.SendErrors, err)
	}
	if v := found[open]; v.State != probe.StateOpen {
		t.Errorf("the open port is %v (%v)", v.State, v.Reason)
	}
}

// limitFiles lets this process open so many files more than it has.
func limitFiles(t *testing.T, more uint64) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc, where open files are counted: ", err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	limit := syscall.Rlimit{Cur: uint64(len(entries)) + more, Max: before.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before) })
}

// refusing answers every connect with an error.
type refusing struct {
	err   error
	calls atomic.Int64
}

func (r *refusing) Dial(context.Context, netip.AddrPort) (netraw.Handshake, error) {
	r.calls.Add(1)
	if r.err == nil {
		return netraw.Handshake{}, nil
	}
	return netraw.Handshake{}, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", r.err)}
}

// What each error of connect(2) says of the port.
func TestErrnoVerdicts(t *testing.T) {
	target := netip.MustParseAddrPort("192.0.2.1:80")
	for _, tc := range []struct {
		err    error
		state  probe.State
		reason probe.Reason
		sent   uint64
		ends   error
	}{
		{nil, probe.StateOpen, probe.ReasonConnected, 1, nil},
		{syscall.ECONNREFUSED, probe.StateRefused, probe.ReasonConnRefused, 1, nil},
		{syscall.ETIMEDOUT, probe.StateFiltered, probe.ReasonNoResponse, 1, nil},
		{syscall.EHOSTUNREACH, probe.StateFiltered, "host-unreachable", 1, nil},
		{syscall.ENETUNREACH, probe.StateFiltered, "net-unreachable", 1, nil},
		{syscall.EPERM, probe.StateFiltered, probe.ReasonLocalFirewall, 0, nil},
		{syscall.EAFNOSUPPORT, probe.StateUnknown, probe.ReasonSendFailed, 0, nil},
		{errors.Join(syscall.ENETUNREACH, netraw.ErrNoRoute), probe.StateUnknown, probe.ReasonNoRoute, 0, netraw.ErrNoRoute},
		{netraw.ErrNoInterface, probe.StateUnknown, probe.ReasonNoRoute, 0, netraw.ErrNoInterface},
	} {
		found := verdicts{}
		summary, err := connect.Run(t.Context(), &refusing{err: tc.err}, scan.Config{Targets: slices.Values([]netip.AddrPort{target}), Timeout: time.Second}, found)
		if v := found[target]; v.State != tc.state || v.Reason != tc.reason || summary.Sent != tc.sent || !errors.Is(err, tc.ends) {
			t.Errorf("%v: %v (%v), %d sent, %v", tc.err, v.State, v.Reason, summary.Sent, err)
		}
		received := uint64(0)
		if tc.state == probe.StateOpen || tc.state == probe.StateRefused {
			received = 1
		}
		if summary.Received != received || summary.Matched != received {
			t.Errorf("%v: %d received, %d matched", tc.err, summary.Received, summary.Matched)
		}
	}
}

// leaving is a network to which there is a way for some connects, then none for some,
// and then one again.
type leaving struct {
	calls     atomic.Int64
	from, til int64
}

func (l *leaving) Dial(context.Context, netip.AddrPort) (netraw.Handshake, error) {
	if n := l.calls.Add(1); n > l.from && n <= l.til {
		return netraw.Handshake{}, errors.Join(syscall.ENETUNREACH, netraw.ErrNoRoute)
	}
	return netraw.Handshake{}, os.NewSyscallError("connect", syscall.ECONNREFUSED)
}

// A network that goes away delays a run; where it stays away the run ends and says so,
// and nothing is said of the ports that could not be asked.
func TestNetworkGoesAway(t *testing.T) {
	var targets []netip.AddrPort
	for port := range uint16(600) {
		targets = append(targets, netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port+1))
	}
	for _, back := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			l := &leaving{from: 100, til: 100 + 5*256}
			if !back {
				l.til = 1 << 40
			}
			found := verdicts{}
			s, err := connect.Run(t.Context(), l, scan.Config{Targets: slices.Values(targets), Rate: 1e4, Timeout: time.Second}, found)
			switch refused := s.States[probe.StateRefused]; {
			case back && (err != nil || refused != 600 || !s.Complete):
				t.Errorf("it came back: %v, %v", err, s)
			case !back && (!errors.Is(err, probe.ErrNetworkDown) || refused != 100 || s.Complete || s.States[probe.StateFiltered] > 0):
				t.Errorf("it stayed away: %v, %v", err, s)
			}
		})
	}
}

// taking answers every connect after a time.
type taking time.Duration

func (t taking) Dial(context.Context, netip.AddrPort) (netraw.Handshake, error) {
	return netraw.Handshake{RTT: time.Duration(t), Clock: netraw.ClockTCPInfo}, nil
}

// A handshake that took so long that its SYN-ACK may have been the second shows that the port is
// open, and no round trip.
func TestSlowHandshakeHasNoRoundTrip(t *testing.T) {
	target := netip.MustParseAddrPort("192.0.2.1:80")
	for took, want := range map[time.Duration]probe.Doubt{800 * time.Millisecond: probe.DoubtNone, 1008 * time.Millisecond: probe.DoubtRepeated} {
		found := verdicts{}
		if _, err := connect.Run(t.Context(), taking(took), scan.Config{Targets: slices.Values([]netip.AddrPort{target})}, found); err != nil {
			t.Fatal(err)
		}
		scanned := found[target]
		var pinged ping.Sample
		_, err := ping.RunConnect(t.Context(), taking(took), ping.Config{Targets: []netip.AddrPort{target}, Count: 1}, func(s ping.Sample) error { pinged = s; return nil })
		if claimed := want == probe.DoubtNone; err != nil || scanned.State != probe.StateOpen || pinged.State != probe.StateOpen || pinged.Doubt != want ||
			(scanned.RTT == took) != claimed || (pinged.RTT == took) != claimed || !claimed && (scanned.RTT != 0 || pinged.RTT != 0) {
			t.Errorf("%v: scan %v %v, ping %v %v, %v", took, scanned.State, scanned.RTT, pinged.RTT, pinged.Doubt, err)
		}
	}
}
