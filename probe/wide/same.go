package wide

import (
	"net/netip"
	"slices"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// After the last pass of a plan that is not large, targets whose address has answered nothing at
// all get their last SYN once more, a second later (probe/internal/wire/same.go says why), unless
// they are many. It is no trial of the loss, and one packet more for each of them.

const (
	// mostSame is how many targets these may be, and mostSamePlan how many the plan may have.
	mostSame     = 1000
	mostSamePlan = nearTargets
)

// same is what a run knows for that.
type same struct {
	possible bool
	heard    map[netip.Addr]bool // addresses that have answered a SYN
	sent     time.Duration       // when the SYNs were sent once more; 0: they were not yet
	attempt  int                 // whose SYNs these were
	asked    map[netip.AddrPort]bool
	hosts    map[netip.Addr]*wire.Persistence
}

func newSame(c *Config) (x same) {
	n := c.Plan.Count() - c.From
	if !c.Technique.Opens() || c.Timeout < wire.SYNRTO || c.MostRetries == 0 || n == 0 || n > mostSamePlan {
		return x
	}
	return same{possible: true, heard: map[netip.Addr]bool{}, asked: map[netip.AddrPort]bool{}, hosts: map[netip.Addr]*wire.Persistence{}}
}

// hear takes note of an address that has answered. One that answers the SYN before the one
// that was sent once more requires no retransmission.
func (x *same) hear(ev *wire.Event) {
	if !x.possible || ev.Kind.Rank() < wire.RankReset || !ev.Kind.Verified() {
		return
	}
	a := ev.Target.Addr()
	if x.sent == 0 {
		x.heard[a] = true
	} else if p := x.hosts[a]; p != nil && ev.Attempt != x.attempt {
		p.AnsweredFirst()
	}
}

// persist has the SYNs sent once more, once that is due, and tells whether any are.
func (w *run) persist(status *sendStatus) (more bool) {
	x := &w.same
	if !x.possible || x.sent > 0 || !status.idle || w.stopping || w.failure != nil || w.silence.since > 0 ||
		status.sent == 0 || w.passes < 2 || w.now < w.lastSend+wire.SYNRTO {
		return false
	}
	x.sent, x.attempt = w.now, w.passes-1
	probes := w.unheard()
	for i := range probes {
		x.asked[probes[i].Dst] = true
	}
	if len(probes) > 0 {
		w.sender.order(func(o *orders) { o.same = probes })
	}
	return len(probes) > 0
}

// unheard are the last SYNs to targets whose addresses have answered nothing.
func (w *run) unheard() (probes []craft.Fields) {
	g := generator{cookie: w.matcher.Cookie, port: w.matcher.Port(w.same.attempt), attempt: w.same.attempt}
	for i := w.cfg.From; i < w.cfg.Plan.Count(); i++ {
		target := wire.Unmapped(w.cfg.Plan.At(i))
		if !target.IsValid() || w.same.heard[target.Addr()] || w.seen.rank(target) != wire.RankSilence || !w.doubts.of[target].unanswered() {
			continue
		}
		if from := w.sources.from(g.port, target); from.addr.IsValid() {
			probes = append(probes, g.stamp(from.addr, target))
		}
		if len(probes) > mostSame {
			return nil
		}
	}
	return probes
}

// persisted takes note of an answer that may be to a SYN that was sent once more, and tells
// whether it is, and what is known of the host by that. A time stamp tells which it is to.
func (w *run) persisted(ev *wire.Event, rtt time.Duration) (again bool, found []probe.Finding) {
	x := &w.same
	if x.sent == 0 || ev.Attempt != x.attempt || !x.asked[ev.Target] || ev.Kind.Rank() < wire.RankReset {
		return false, nil
	}
	a, took := ev.Target.Addr(), w.now-x.sent
	p := x.hosts[a]
	if p == nil {
		p = &wire.Persistence{}
		x.hosts[a] = p
	}
	if rtt > took { // of the SYN before
		p.AnsweredFirst()
		return false, nil
	}
	sure := rtt > 0 || x.attempt > 0 && took < wire.SYNRTO // the pass before would have been answered by now too
	p.Answered(x.attempt+1, sure, wire.SYNRTO, took)
	t, _ := w.losses.measured()
	return true, p.FindingsAt(t.share())
}

// sendSame sends SYNs once more, and returns how many it tried.
func (s *sender) sendSame(budget int) (tried int) {
	probes := s.takeSame(budget)
	now := s.now()
	for i := range probes {
		probes[i].TSval += clockAt(now)
	}
	for rest := probes; len(rest) > 0; {
		n, err := s.net.Blast(rest)
		s.mu.Lock()
		s.left(s.cfg.MostRetries, n, now)
		s.status.same += uint64(n)
		s.mu.Unlock()
		if err != nil {
			n++
		}
		rest = rest[n:]
	}
	return len(probes)
}

// takeSame removes up to n of those to be sent once more, and all whose neighbour is not there.
func (s *sender) takeSame(n int) (probes []craft.Fields) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.DeleteFunc(s.orders.same, func(f craft.Fields) bool { return s.neighbour.absent(f.Dst.Addr()) })
	probes = list[:min(n, len(list))]
	s.orders.same = list[len(probes):]
	return probes
}

// absent tells whether a target on the link was not found.
func (n *neighbourWait) absent(a netip.Addr) bool {
	if n == nil {
		return false
	}
	state, asked := n.known[a]
	return asked && (state == netraw.NeighbourPending || state == netraw.NeighbourFailed)
}
