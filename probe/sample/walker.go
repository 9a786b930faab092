package sample

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/isn"
)

const (
	// attempts is how often a SYN is sent that nothing answers.
	attempts = 2
	// challenges is how often a SYN is sent anew because an old connection
	// stands in the way.
	challenges = 3
	// silence is how many exchanges in a row are lost before the host is
	// taken to have stopped answering: where one packet in ten is lost each
	// way, that happens by chance once in 4,000.
	silence = 5
	// leastTimeout and timeoutRTTs shorten the time-out once enough round
	// trips are known.
	leastTimeout = 250 * time.Millisecond
	timeoutRTTs  = 4
	knownRTTs    = 3
)

// sent names one SYN of ours.
type sent struct {
	src    netip.AddrPort
	client craft.Seq
}

// taken is the number that answered a SYN, if any did.
type taken struct {
	ok  bool
	isn craft.Seq
}

// walker carries out the plan on one target, one SYN after the other.
type walker struct {
	run     *run
	res     Result
	box     chan *letter
	sources []netip.Addr // the route's, then further ones
	rng     *rand.Rand
	ladder  craft.Seq // the ladder's client ISN
	tsBase  uint32
	buf     []byte

	past              map[sent]taken // every SYN sent, and what was taken for its answer
	last              *craft.Segment // the last answer
	answers, silent   int            // answers; exchanges lost since the last
	longest, shortest time.Duration  // round trips so far
}

func newWalker(r *run, target netip.AddrPort, rng *rand.Rand) *walker {
	w := &walker{run: r, rng: rng, past: map[sent]taken{}, buf: make([]byte, 0, 128)}
	w.res = Result{Target: target, Clock: netraw.ClockKernel}
	w.ladder, w.tsBase = w.random(), rng.Uint32()
	return w
}

func (w *walker) random() craft.Seq { return craft.Seq(w.rng.Uint32()) }

// walk carries out the plan, and the options ladder where the samples call for
// it.
func (w *walker) walk(ctx context.Context) {
	steps := w.run.cfg.Plan.Steps
	route, err := w.run.network.Route(w.res.Target.Addr())
	if err != nil {
		w.stop(probe.StateUnknown, probe.ReasonNoRoute, err)
		return
	}
	w.sources = append([]netip.Addr{route.Source}, w.run.cfg.further(route.Source)...)
	for _, s := range steps {
		if s.Addr < len(w.sources) {
			w.res.Planned++
		}
	}
	if !w.carryOut(ctx, steps) {
		return
	}
	w.res.finished = true
	if !w.run.cfg.WithoutLadder && w.answers > 0 {
		w.carryOut(ctx, w.run.cfg.Plan.Next(w.res.Samples))
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
func (w *walker) source(step isn.Step) netip.AddrPort {
	ports, i := w.run.desk.ports, 0
	if step.Port > 0 && len(ports) > 1 {
		i = 1 + (step.Port-1)%(len(ports)-1)
	}
	return netip.AddrPortFrom(w.sources[step.Addr].WithZone(""), ports[i])
}

// carryOut runs steps one after the other and reports whether all had their turn.
func (w *walker) carryOut(ctx context.Context, steps []isn.Step) bool {
	for _, step := range steps {
		if step.Addr >= len(w.sources) {
			continue
		}
		if !w.idle(ctx, step.Pause) {
			w.interrupt()
			return false
		}
		if !w.try(ctx, step) {
			return false
		}
		if !w.res.finished {
			w.res.Carried++
		}
		w.run.progress(1)
	}
	return true
}

// try sends the SYN of one step until it is answered or given up. It reports
// whether to go on.
func (w *walker) try(ctx context.Context, step isn.Step) bool {
	for attempt, stale := 0, 0; attempt < attempts; {
		x := w.exchange(ctx, step, attempt+stale)
		switch x.end {
		case challenged:
			w.res.Stale++
			w.abort(x.src, x.answer.Ack)
			if !w.keep(x) {
				return false
			}
			if stale++; stale >= challenges {
				attempt++
			}
			continue
		case unsent:
			w.stop(w.res.State, probe.ReasonSendFailed, x.err)
			return false
		case cancelled:
			if !x.asked.IsZero() {
				w.abort(x.src, x.client.Add(1))
			}
			w.interrupt()
			return false
		case refused:
			w.stop(probe.StateRefused, probe.ReasonReset, nil)
			return false
		}
		w.abort(x.src, x.client.Add(1))
		if !w.keep(x) {
			return false
		}
		if x.end == answered {
			return true
		}
		if attempt++; w.tooSilent(x) {
			return false
		}
	}
	return true
}

// keep makes a sample of an exchange that has ended. One that was not answered
// is kept as lost, also after a challenge: a copy of its SYN that came later may
// have drawn a number that nobody saw.
func (w *walker) keep(x *exchange) bool {
	s := isn.Sample{Series: x.step.Series, Src: x.src.Addr(), SrcPort: isn.Some(x.src.Port()),
		ClientISN: isn.Some(x.client), Offer: isn.Some(x.step.Offer)}
	w.times(x, &s)
	if x.end == answered {
		fill(&s, &x.answer)
		w.learn(x, &s)
	} else if x.end != challenged {
		w.silent++
	}
	w.res.Samples = append(w.res.Samples, s)
	return w.run.sample(w.res.Target, s)
}

// times enters the stamps, unless the wall clock was set between them.
func (w *walker) times(x *exchange, s *isn.Sample) {
	_, now := w.run.line.read()
	if stepped(now, x.offset) {
		w.res.Stepped++
		return
	}
	departure := x.left
	if departure.IsZero() {
		departure = x.asked
		w.res.Clock = netraw.ClockKernelRx
	}
	s.Sent = isn.Some(stamp(departure, x.offset))
	if x.end == answered {
		s.Received = isn.Some(stamp(x.came, x.offset))
	}
}

// learn takes what an answer tells about the way and the host.
func (w *walker) learn(x *exchange, s *isn.Sample) {
	w.past[sent{x.src, x.client}] = taken{true, x.answer.Seq}
	w.last, w.silent = &x.answer, 0
	w.answers++
	w.res.State, w.res.Reason = probe.StateOpen, probe.ReasonSYNACK
	if rtt, ok := s.RTT(); ok {
		w.longest = max(w.longest, rtt)
		if w.shortest == 0 || rtt < w.shortest {
			w.shortest = rtt
		}
	}
}

// timeout is how long the next answer may take.
func (w *walker) timeout() time.Duration {
	if w.answers < knownRTTs {
		return w.run.cfg.Timeout
	}
	return min(w.run.cfg.Timeout, max(timeoutRTTs*w.longest, leastTimeout))
}

// tooSilent ends the sampling where nothing answers any more.
func (w *walker) tooSilent(x *exchange) bool {
	if w.silent < silence || w.res.finished {
		return w.silent >= silence
	}
	if x.end == unreachable {
		w.res.ICMP, w.res.Sender = &x.icmp, x.sender
	}
	state := probe.StateFiltered
	if w.answers > 0 {
		state = probe.StateOpen
	}
	w.stop(state, probe.ReasonNoResponse, nil)
	return true
}

// interrupt notes that we were stopped, if the plan was under way.
func (w *walker) interrupt() { w.stop(w.res.State, probe.ReasonInterrupted, nil) }

// stop notes why the plan was not carried out. What happens on the ladder
// after it takes nothing back.
func (w *walker) stop(s probe.State, why probe.Reason, err error) {
	if w.res.finished {
		return
	}
	if w.answers > 0 {
		s = probe.StateOpen
	}
	w.res.State, w.res.Reason, w.res.Err = s, why, err
}
