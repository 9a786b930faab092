package connect_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/connect"
	"synscope/probe/scan"
)

// dialing is what comes of a connect that begins at a time of the run.
type dialing func(ctx context.Context, at time.Duration) error

// dialler has such connects, by address.
type dialler struct {
	start time.Time
	to    map[netip.Addr]dialing
}

func (d *dialler) Dial(ctx context.Context, target netip.AddrPort) (netraw.Handshake, error) {
	return netraw.Handshake{}, d.to[target.Addr()](ctx, time.Since(d.start))
}

var errNoWay = errors.Join(syscall.ENETUNREACH, netraw.ErrNoRoute)

// errClosed is how connect(2) reports a closed port.
var errClosed = os.NewSyscallError("connect", syscall.ECONNREFUSED)

// closedBut is a host whose ports are closed, but to which there is no way in a time.
func closedBut(from, to time.Duration) dialing {
	return func(_ context.Context, at time.Duration) error {
		if at >= from && at < to {
			return errNoWay
		}
		return errClosed
	}
}

// sourceUntil is a closed host that connects go to from an address which is this machine's until
// a time: then bind(2) says so.
func sourceUntil(until time.Duration) dialing {
	return func(_ context.Context, at time.Duration) error {
		if at >= until {
			return os.NewSyscallError("bind", syscall.EADDRNOTAVAIL)
		}
		return errClosed
	}
}

// silentUntil is a host that answers nothing, and to which there is no way from a time on.
func silentUntil(from time.Duration) dialing {
	return func(ctx context.Context, at time.Duration) error {
		if at >= from {
			return errNoWay
		}
		<-ctx.Done()
		return ctx.Err()
	}
}

// forbiddenUntil is a host to which a firewall lets nothing, and then there is no way.
func forbiddenUntil(from time.Duration) dialing {
	return func(_ context.Context, at time.Duration) error {
		if at >= from {
			return errNoWay
		}
		return os.NewSyscallError("connect", syscall.EPERM)
	}
}

// Where one route goes for good, the ports behind it are unknown and the others are what they are;
// where nothing else is reached but this machine itself, the network is away.
func TestOneRouteOfSeveralGoesAway(t *testing.T) {
	const s, never = time.Second, 1000 * time.Hour
	one, other, self := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("127.0.0.1")
	for _, row := range []struct {
		name    string
		to      map[netip.Addr]dialing
		down    bool
		unknown int // the least number of ports without a way, of 600
		within  time.Duration
	}{
		{"one of two, for good", map[netip.Addr]dialing{one: closedBut(s, never), other: closedBut(never, never)}, false, 280, 45 * s},
		{"one of two, for a moment", map[netip.Addr]dialing{one: closedBut(s, 6*s), other: closedBut(never, never)}, false, 0, 45 * s},
		{"both, one after the other", map[netip.Addr]dialing{one: closedBut(s, never), other: closedBut(5*s, never)}, true, 1, 20 * s},
		{"all but this machine", map[netip.Addr]dialing{one: closedBut(s, never), self: closedBut(never, never)}, true, 1, 20 * s},
		{"both, while connects wait", map[netip.Addr]dialing{one: closedBut(s, never), other: silentUntil(s)}, true, 1, 20 * s},
		{"the source of both", map[netip.Addr]dialing{one: sourceUntil(s), other: sourceUntil(s)}, true, 0, 20 * s},
		{"one that was never reached", map[netip.Addr]dialing{one: forbiddenUntil(s), other: closedBut(never, never)}, false, 280, 31 * s},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var targets []netip.AddrPort
				for port := uint16(1); port <= 300; port++ {
					for _, a := range []netip.Addr{one, other, self} {
						if row.to[a] != nil {
							targets = append(targets, netip.AddrPortFrom(a, port))
						}
					}
				}
				found := verdicts{}
				d := &dialler{time.Now(), row.to}
				sum, err := connect.Run(t.Context(), d, scan.Config{Targets: slices.Values(targets), Rate: 20, Timeout: time.Second}, found)
				if down := errors.Is(err, probe.ErrNetworkDown); down != row.down || !down && err != nil || sum.Took > row.within {
					t.Errorf("%v after %v", err, sum.Took)
				}
				unknown := 0
				for _, v := range found {
					if v.Reason == probe.ReasonNoRoute {
						unknown++
					}
				}
				if unknown < row.unknown || row.unknown == 0 && unknown > 0 || !row.down && len(found) != len(targets) {
					t.Errorf("%d without a way, of %d verdicts", unknown, len(found))
				}
			})
		})
	}
}
