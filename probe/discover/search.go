package discover

import (
	"context"
	"iter"
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// Search is a run that pauses. Behind a router whose table is full hosts wait
// seconds for each other, and on the link those that are not there are waited for:
// time for the ports of those that were found, if [Config.Neighbours] is polled meanwhile. It is not safe
// for concurrent use.
type Search struct {
	engine *engine
	stop   func()
	left   time.Duration // when the latest pause began
	stats  netraw.Stats  // of the network then
}

// Begin prepares what [Run] does in one go; nothing is sent before [Search.Next].
// The caller closes it.
func Begin(network probe.Polled, cfg Config, yield func(Host) error) (*Search, error) {
	if err := cfg.check(network); err != nil {
		return nil, err
	}
	e, err := newEngine(network, &cfg, wire.Told(yield))
	if err != nil {
		return nil, err
	}
	s := &Search{engine: e}
	e.next, s.stop = iter.Pull(unmapped(cfg.Hosts))
	return s, nil
}

// unmapped are hosts as they are asked: see [wire.Unmapped].
func unmapped(hosts iter.Seq[netip.Addr]) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for a := range hosts {
			if !yield(a.Unmap()) {
				return
			}
		}
	}
}

// Next searches until it is done, or until hosts have been found and all others wait
// for a place in the table of a router or do not answer on the link; more tells that it has to be called again.
// Errors are those of [Run].
func (s *Search) Next(ctx context.Context) (more bool, err error) {
	e := s.engine
	if s.left > 0 {
		e.apart += time.Since(e.Start) - s.left
		e.Now = time.Since(e.Start)
		e.Counters.Pass(s.stats, e.Network.Stats())
		e.forgetTrials(s.left)
		e.resolving.Review(e.Now, e.resolved)
	}
	before := e.found
	err = e.run(ctx, func() bool {
		more = e.found > before && e.idle()
		return more
	})
	s.left, s.stats = e.Now, e.Network.Stats()
	return more && err == nil, err
}

// Summary is that of [Run], so far; pauses do not count.
func (s *Search) Summary() probe.Summary { return s.engine.summary() }

// Loss is what was seen of the loss on the way: of so many questions to hosts that had answered
// the same before, so many were not answered.
func (s *Search) Loss() probe.HostLoss {
	if s.engine.slow.state >= paceLimited {
		return probe.HostLoss{} // of packets that a lower pace loses, or a higher one
	}
	return s.engine.loss()
}

// Earlier is what the run that probes the ports has to know of the search; it grows while that goes on.
func (s *Search) Earlier() *probe.Earlier { return &s.engine.earlier }

// Close ends the search.
func (s *Search) Close() { s.stop() }
