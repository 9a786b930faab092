package sample

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
	"synscope/probe/isn"
)

const (
	// attempts is how often a SYN is sent that nothing answers; to a host that
	// has not answered yet each is sent once.
	attempts = 2
	// silence is how many SYNs in a row are lost before the host is taken to
	// have stopped answering: where one packet in ten is lost each way, that
	// happens by chance once in 4,000.
	silence = 5
	// leastTimeout and timeoutRTTs shorten the time-out once enough round
	// trips are known.
	leastTimeout = 250 * time.Millisecond
	timeoutRTTs  = 4
	knownRTTs    = 3
)

// series carries out the plan on one target, one SYN after the other.
type series struct {
	*engine
	res     Result
	steps   []isn.Step   // to come
	sources []netip.Addr // the route's, then further ones
	link    int          // the interface of a target in a zone; 0: any
	rng     *rand.Rand
	ladder  craft.Seq // the ladder's client ISN
	tsBase  uint32
	small   bool // a router asked for SYNs without options

	persistence wire.Persistence
	anew        bool          // the plan is to begin anew
	moves       int           // of the way to another address of ours
	routed      time.Duration // when the way was looked up

	probe *trial // under way, nil between two
	ready time.Duration
	over  bool

	numbers  map[int]craft.Seq        // by transmission: the ISN that was taken
	gaps     map[int]craft.Seq        // by transmission: another that a copy of the SYN drew
	last     *craft.Segment           // the last answer
	answered netip.AddrPort           // of ours, the first that was answered
	best     *wire.Outcome            // since the last answer
	silent   int                      // SYNs lost since the last answer
	late     wire.Outcome             // of the answers to SYNs that were given up
	trips    wire.Trips               // what a round trip takes
	longest  time.Duration            // answer so far
	shortest time.Duration            // round trip so far; 0: none
	findings map[string]probe.Finding // of all trials, by code
}

func newSeries(e *engine, target netip.AddrPort) *series {
	rng := rand.New(rand.NewChaCha8(fork(e.seeds)))
	s := &series{engine: e, rng: rng, numbers: map[int]craft.Seq{}, gaps: map[int]craft.Seq{}, findings: map[string]probe.Finding{}}
	s.res = Result{Target: target, Clock: netraw.ClockKernel}
	s.ladder, s.tsBase = s.random(), rng.Uint32()
	return s
}

func (s *series) random() craft.Seq { return craft.Seq(s.rng.Uint32()) }

// route finds the way to the target, and lays the steps out that can be taken
// from here.
func (s *series) route() {
	route, err := wire.RouteTo(s.Network, s.res.Target.Addr())
	if err != nil {
		s.Counters.NoRoute(err)
		s.stop(probe.StateUnknown, wire.NoWay(s.res.Target, err).Reason, err)
		return
	}
	if s.res.Target.Addr().Zone() != "" {
		s.link = route.IfIndex
	}
	s.routeFrom(route.Source)
	s.take(s.cfg.Plan.Steps)
	s.res.Planned = len(s.steps)
}

// take lets steps be the next ones, but for those from addresses that we have not.
func (s *series) take(steps []isn.Step) {
	s.steps = nil
	for _, step := range steps {
		if step.Addr < len(s.sources) {
			s.steps = append(s.steps, step)
		}
	}
	s.rest()
}

// rest waits for as long as the next step says.
func (s *series) rest() {
	s.ready = s.Now
	if len(s.steps) > 0 {
		s.ready += s.steps[0].Pause
	}
}

// further are the addresses beside source from which a target can be sampled.
func (c *Config) further(source netip.Addr) (list []netip.Addr) {
	for _, a := range c.Sources {
		if a != source && a.Is4() == source.Is4() && a.IsLinkLocalUnicast() == source.IsLinkLocalUnicast() {
			list = append(list, a)
		}
	}
	return list
}

// source is where the SYN of a step leaves from. The first port is the same
// tuple's own; steps beyond the ports held go round the others again.
func (s *series) source(step isn.Step) netip.AddrPort {
	if s.res.kept.IsValid() {
		return s.res.kept
	}
	i := 0
	if step.Port > 0 && len(s.ports) > 1 {
		i = 1 + (step.Port-1)%(len(s.ports)-1)
	}
	return netip.AddrPortFrom(s.sources[step.Addr].WithZone(""), s.ports[i])
}

// goOn does what is due on the target.
func (s *series) goOn() {
	switch {
	case s.over:
	case s.probe != nil:
		s.probe.goOn()
	case s.Stopping:
		s.interrupt()
	case len(s.steps) == 0:
		s.finish()
	case s.Now >= s.ready:
		s.probe = &trial{series: s, step: s.steps[0]}
		s.steps = s.steps[1:]
		s.probe.goOn()
	}
}

// finish ends the plan, or lets the options ladder follow where the samples call
// for it.
func (s *series) finish() {
	switch {
	case s.res.finished:
	case len(s.numbers) == 0 && s.best != nil:
		s.giveUp()
		return
	case len(s.numbers) > 0 && !s.cfg.WithoutLadder:
		s.res.finished = true
		s.take(s.cfg.Plan.Next(s.res.Samples))
		return
	}
	s.res.finished, s.over = true, true
}

// next follows a step that had its turn.
func (s *series) next() {
	s.probe = nil
	if !s.res.finished {
		s.res.Carried++
	}
	s.progress(1)
	if s.silent > 0 {
		s.followLoss()
	}
	if s.anew && !s.res.finished {
		s.anew, s.res.Carried = false, 0
		s.take(s.cfg.Plan.Steps)
	}
	s.rest()
	if s.silent >= silence && !s.keepTo() {
		s.giveUp()
	}
}

// keepTo turns to the tuple that answered where others do not, once: some hosts serve the
// first that asks and nobody else. What is to come of the plan goes to that tuple, and the
// first silence there ends the sampling.
func (s *series) keepTo() bool {
	if s.res.kept.IsValid() || !s.answered.IsValid() || s.silent >= 2*silence {
		return false
	}
	s.res.kept, s.silent = s.answered, silence-attempts
	s.take(s.steps)
	return true
}

// wakeUp is when there is something to do.
func (s *series) wakeUp() time.Duration {
	if s.probe != nil {
		return s.probe.wakeUp()
	}
	return s.ready
}

// learn takes what an answer tells about the way and the host.
func (s *series) learn(t *wire.Transmission, in *craft.Segment, rtt time.Duration, reason probe.Reason) {
	s.numbers[t.ID] = in.Seq
	if !s.answered.IsValid() {
		s.answered = in.Dst
	}
	s.last, s.silent, s.best = in, 0, nil
	s.res.State, s.res.Reason = probe.StateOpen, reason
	if rtt > 0 && (s.shortest == 0 || rtt < s.shortest) {
		s.shortest = rtt
	}
}

// timeout is how long the next answer may take.
func (s *series) timeout() time.Duration {
	if len(s.numbers) < knownRTTs {
		return s.cfg.Timeout
	}
	return min(s.cfg.Timeout, max(timeoutRTTs*s.longest, leastTimeout))
}

// attempts is how often a step's SYN may be sent.
func (s *series) attempts() int {
	if len(s.numbers) == 0 {
		return 1
	}
	return attempts
}

// lost takes note of a trial without an answer: the best of what came
// instead is the verdict, if nothing answers any more.
func (s *series) lost(o *wire.Outcome, syns int) {
	s.silent += syns
	if s.best == nil || o.Rank > s.best.Rank {
		s.best = o
	}
}

// giveUp ends the sampling where nothing answers any more.
func (s *series) giveUp() {
	v := s.best.Verdict(s.Matcher.Tech, s.res.Target)
	s.res.ICMP, s.res.Sender = v.ICMP, v.Responder
	if v.ICMP != nil && !v.Responder.IsValid() {
		s.res.Sender = s.res.Target.Addr()
	}
	s.stop(v.State, v.Reason, nil)
}

// interrupt notes that we were stopped, if the plan was under way.
func (s *series) interrupt() {
	if s.probe != nil {
		s.probe.close()
	}
	s.cut = s.cut || !s.res.finished
	s.stop(s.res.State, probe.ReasonInterrupted, nil)
}

// stop ends the sampling of the target and notes why. What happens on the
// ladder takes nothing back.
func (s *series) stop(state probe.State, why probe.Reason, err error) {
	s.over, s.probe = true, nil
	if s.res.finished {
		return
	}
	if late := s.late.Best; late != nil && len(s.numbers) == 0 && err == nil && why != probe.ReasonInterrupted && (s.best == nil || s.late.Rank > s.best.Rank) {
		s.res.late, state, why = s.late.Open(), late.State, late.Reason
	}
	if len(s.numbers) > 0 || s.late.Open() {
		state = probe.StateOpen
	}
	s.res.State, s.res.Reason, s.res.Err = state, why, err
}
