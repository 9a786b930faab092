package connect

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"synscope/netraw"
	"synscope/probe/internal/wire"
)

// away watches for the network going away under a run: there is no way any more to an
// address to which there was one. Connects wait for it to come back, for as long as
// package scan waits.
type away struct {
	mu     sync.Mutex
	routed map[netip.Addr]bool
	outage wire.Outage
}

// lookForNetwork is how often it is looked whether the network is back.
const lookForNetwork = 100 * time.Millisecond

// dialRouted is one connect, again where there was a way and is none. The error is
// [probe.ErrNetworkDown] once that has lasted too long.
func (c *run) dialRouted(ctx context.Context, target netip.AddrPort) (netraw.Handshake, error) {
	for {
		h, err := c.dials.Dial(ctx, c.dialer, target, c.cfg.Timeout*time.Duration(c.cfg.Retries+1))
		gone, err := c.away.gone(target.Addr(), err, time.Since(c.start))
		if !gone {
			return h, err
		}
		select {
		case <-time.After(lookForNetwork):
		case <-ctx.Done():
			return h, ctx.Err()
		}
	}
}

// gone tells whether to try again, by what came of a connect.
func (a *away) gone(to netip.Addr, err error, now time.Duration) (again bool, why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !errors.Is(err, netraw.ErrNoRoute) && !errors.Is(err, netraw.ErrNoInterface):
		if a.routed == nil {
			a.routed = map[netip.Addr]bool{}
		}
		a.routed[to] = true
		a.outage.End()
		return false, err
	case !a.routed[to]:
		return false, err
	}
	a.outage.Note(fmt.Errorf("%w (%w)", err, wire.ErrRouteGone), now)
	if a.outage.Certain(now) {
		return false, a.outage.Error()
	}
	return true, err
}
