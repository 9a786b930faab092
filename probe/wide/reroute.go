package wide

import (
	"slices"
	"time"

	"synscope/probe/internal/wire"
)

// followRoutes looks the sources up anew where the kernel says that routes changed:
// probes may leave another way since, from another address of ours.
func (w *run) followRoutes() {
	if w.routes.Due(w.now, sampled*wire.RouteCost) {
		w.renewSources()
	}
}

// longestBack bounds how much is sent anew where the last answer was long ago.
const longestBack = 5 * time.Second

// renewSources has the sender use other sources. Where all of them are, what was sent
// since the last answer may have left by a way that was dead, and is sent anew.
func (w *run) renewSources() {
	now, changed, moved := w.sources.renewed(w.cfg.Plan)
	if !changed {
		return
	}
	w.sources = now
	w.sender.order(func(o *orders) {
		if moved && w.silence.since == 0 {
			o.back, o.since = true, max(0, w.lastNew-w.lag(), w.now-longestBack)
		}
		theirs := now // its cache is for one goroutine
		theirs.cache, theirs.single = nil, nil
		o.sources = &theirs
	})
}

// moveTo has the passes begin anew where they are, with other sources, and moves what
// waits. The lock is held.
func (s *sender) moveTo(from *sources) {
	s.sources = *from
	mine := *from // its cache is for one goroutine
	for i := range s.delayed.list {
		s.move(&s.delayed.list[i], &mine)
	}
	if s.neighbour != nil {
		for _, list := range s.neighbour.waiting {
			for i := range list {
				s.move(&list[i], &mine)
			}
		}
	}
}

// move makes the probe that waits one of the source of now.
func (s *sender) move(d *delayed, from *sources) {
	g := generator{cookie: s.cookie, port: d.probe.Src.Port(), attempt: d.attempt, acks: s.cfg.Technique.Acknowledges()}
	if now := from.from(g.port, d.probe.Dst); now.addr.IsValid() {
		d.probe = g.stamp(now.addr, d.probe.Dst)
	}
}

// anew tells whether passes have to begin anew, where they are or elsewhere. The lock
// is held.
func (s *sender) anew(from, now []uint64) bool {
	moved := s.orders.sources != nil
	if moved {
		s.moveTo(s.orders.sources)
		s.orders.sources = nil
	}
	return moved || !slices.Equal(from, now)
}
