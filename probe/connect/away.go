package connect

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
	"synscope/probe/scan"
)

// away watches for the way to addresses that were reached going away under a run. Connects wait
// for it to come back, for as long as package scan waits. Where others were reached
// meanwhile that is one route, and costs the ports behind it; else it is the network.
type away struct {
	mu      sync.Mutex
	routed  map[netip.Addr]bool     // that were reached
	absent  map[netip.Addr]*absence // to which there is no way any more
	own     []netip.Addr            // addresses of this machine when the first of them went
	reached time.Duration           // when the latest connect began that reached another machine
}

// absence is the time without a way to an address.
type absence struct {
	since   time.Duration
	givenUp bool // nothing waits any more
}

// lookForNetwork is how often it is looked whether the network is back.
const lookForNetwork = 100 * time.Millisecond

// dialRouted is one connect, again where there was a way and is none. The error is
// [probe.ErrNetworkDown] once that has lasted too long, and nothing else was reached.
func (c *run) dialRouted(ctx context.Context, target netip.AddrPort) (netraw.Handshake, error) {
	for {
		began := time.Since(c.start)
		h, err := c.dials.Dial(ctx, c.dialer, target, c.cfg.Timeout*time.Duration(c.cfg.Retries+1))
		if !c.away.lost(target.Addr(), err) {
			if didLeave(target, err) {
				c.away.left(target.Addr(), began)
			}
			return h, err
		}
		again, err := c.away.wait(target.Addr(), err, time.Since(c.start))
		if !again {
			return h, err
		}
		select {
		case <-time.After(lookForNetwork):
		case <-ctx.Done():
			return h, ctx.Err()
		}
	}
}

// lost tells whether a connect failed because the way to an address is gone that there was, or
// the address that it came from.
func (a *away) lost(to netip.Addr, err error) bool {
	if !errors.Is(err, netraw.ErrNoRoute) && !errors.Is(err, netraw.ErrNoInterface) && !wire.SourceGone(err) {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.routed[to]
}

// didLeave tells by what came of a connect whether a SYN left: not where this machine refused
// it, had nothing to send it by, or was told to stop.
func didLeave(target netip.AddrPort, err error) bool {
	v := wire.JudgeConnect(target, netraw.Handshake{}, err)
	return v.Err == nil && v.State != probe.StateUnknown
}

// left takes note of a connect that began at a time and had a way.
func (a *away) left(to netip.Addr, began time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.routed == nil {
		a.routed, a.absent = map[netip.Addr]bool{}, map[netip.Addr]*absence{}
	}
	if len(a.routed) < scan.MaxIdleHosts {
		a.routed[to] = true
	}
	delete(a.absent, to)
	if len(a.absent) == 0 || !to.IsLoopback() && !slices.Contains(a.own, to.Unmap().WithZone("")) {
		a.reached = max(a.reached, began)
	}
}

// wait tells whether to wait for the way to an address, and if not, why.
func (a *away) wait(to netip.Addr, err error, now time.Duration) (again bool, why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	gone := a.absent[to]
	if gone == nil {
		if len(a.absent) == 0 {
			a.own = ownAddresses()
		}
		gone = &absence{since: now}
		a.absent[to] = gone
	}
	switch {
	case gone.givenUp:
		return false, err
	case now-gone.since < wire.OutageLimit:
		return true, err
	case a.reached <= gone.since:
		return false, fmt.Errorf("%w: %w", probe.ErrNetworkDown, err)
	}
	gone.givenUp = true
	return false, err
}

// ownAddresses are those of this machine, which are reached without any network.
func ownAddresses() (own []netip.Addr) {
	list, _ := net.InterfaceAddrs()
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Addr())
		}
	}
	return own
}
