package handshake

import (
	"context"
	"time"

	"synscope/probe/internal/wire"
)

const (
	// wayLook is how often it is looked whether routes have changed, wayAge how long the way is
	// believed where nobody tells.
	wayLook = 50 * time.Millisecond
	wayAge  = time.Second
	// mostMoves is how often a connection begins anew since the way leads from another address.
	mostMoves = 2
)

// ourWay is where the connection leads, until something has answered it.
type ourWay struct {
	changes wire.RouteChanges
	asked   time.Duration // when it was looked up
	moves   int           // of the connections before
	moved   bool          // it leads from another address of ours now: this connection is over
}

// unanswered tells whether nothing has come of the SYN.
func (r *runner) unanswered() bool {
	return r.session.phase == phaseOpening && r.session.came == 0 && r.opening.syns > 0 && r.opening.outcome.Unanswered()
}

// follows looks the way up anew where it may be another by now, and tells whether the connection
// is to begin anew from another address: the answers to what left from this one go where it was.
func (r *runner) follows() bool {
	now, w := time.Since(r.start), &r.way
	if !r.unanswered() || w.moves == mostMoves || !w.changes.Due(now, wire.RouteCost) && now-w.asked < wayAge {
		return false
	}
	w.asked = now
	route, err := wire.RouteTo(r.network, r.cfg.Target.Addr())
	w.moved = err == nil && route.NextHops <= 1 && route.Source != r.plan.SYN.Src.Addr()
	return w.moved
}

// movesOn opens the connection anew as long as the way moves, and once where an old connection
// stays in its way; it returns the last runner.
func (r *runner) movesOn(ctx context.Context, err error) (*runner, error) {
	for err == nil && (r.way.moved || r.blocked()) {
		cfg := *r.cfg
		cfg.past = r.opening.past
		next, failed := newRunner(ctx, r.network, &cfg)
		if failed != nil {
			return r, failed
		}
		next.plan.Retries = max(1, r.plan.Retries-r.session.rto.tries)
		next.start, next.traffic, next.way.moves = r.start, r.traffic, r.way.moves
		if r.way.moved {
			next.way.moves++
		} else {
			next.succeed(r)
		}
		r, err = next, next.play(ctx)
	}
	return r, err
}
