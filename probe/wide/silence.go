package wide

import (
	"fmt"
	"math"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

const (
	// surelySilent is how many answers must be missing, by what share of the
	// probes was answered before, until silence is taken for an outage: chance
	// alone keeps 20 away once in 5·10^8 times (Poisson). At the end of a run,
	// where asking costs least, 3 are enough to ask.
	surelySilent  = 20
	perhapsSilent = 3
	// canaries are the last targets that answered: they tell an outage from a
	// part of the plan that holds nothing. All of them are asked at first, and
	// then canariesAtOnce at a time.
	mostCanaries   = 8
	canariesAtOnce = 2
	canaryPause    = 500 * time.Millisecond
	// longestSilence is how long a run waits for any answer until it ends.
	longestSilence = 30 * time.Second
	// mostBelieved is how often a return is believed that nothing bears out: it is no
	// outage if after it those answer alone that had answered before. From then on
	// nothing is repeated, and it takes twice as much to take silence for an outage
	// each time.
	mostBelieved = 2
	// mostWaited is how long a run may wait for silences to end, all together, where
	// that is more than it has taken otherwise.
	mostWaited = time.Minute
)

// silence watches for the network behind us going away: no send fails, and
// nothing answers any more. The order of a plan is random, so answers come
// evenly, and their absence shows soon. Then sending stops, targets that had
// answered are asked until one answers again, and everything that was sent
// since the last answer is sent once more, as long as returns are borne out.
type silence struct {
	canaries   []netip.AddrPort
	next       int    // place of the next canary
	answers    uint64 // of targets that had not answered before
	heard      uint64 // all answers, repeated ones too
	lastAnswer time.Duration
	sentThen   uint64 // probes sent by the look after the last answer
	heardThen  uint64 // answers by then
	sent       trail
	before     time.Duration // the last answer before the silence
	since      time.Duration // when the canaries were asked first; 0: no silence
	nextAsk    time.Duration
	askedLast  bool // the end of the plan was looked at

	asked    int           // canaries asked, whose turn it is
	returns  uint64        // answers by the last return
	returned bool          // there was one
	inVain   int           // returns in a row that nothing bore out
	waited   time.Duration // all silences together

	outages int
	lasted  time.Duration
}

// hear notes a verified answer.
func (s *silence) hear(now time.Duration) {
	s.heard++
	s.lastAnswer = now
}

// answered notes the first answer of a target.
func (s *silence) answered(ev *wire.Event) {
	s.answers++
	if ev.Kind.Rank() < wire.RankReset {
		return
	}
	if len(s.canaries) < mostCanaries {
		s.canaries = append(s.canaries, ev.Target)
		return
	}
	s.canaries[s.next%mostCanaries] = ev.Target
	s.next++
}

// missing is how many answers should have come since the last one, to probes
// that were sent a lag ago and more.
func (s *silence) missing(now, lag time.Duration) float64 {
	sent := s.sent.by(now - lag)
	if s.answers < surelySilent || len(s.canaries) == 0 || s.sentThen == 0 || sent <= s.sentThen {
		return 0
	}
	return float64(s.answers) / float64(s.sentThen) * float64(sent-s.sentThen)
}

// enough is how many answers must be missing for an outage.
func (s *silence) enough() float64 {
	return surelySilent * math.Pow(2, float64(max(0, s.inVain-mostBelieved+1)))
}

// watches tells whether silence may still be taken for an outage: not where the run has
// waited more than it has worked.
func (s *silence) watches(now time.Duration) bool {
	return s.waited < max(mostWaited, now-s.waited)
}

// begin takes note that a silence was noticed, and judges the return before by what came since.
func (s *silence) begin(now time.Duration) {
	s.since, s.before = now, s.lastAnswer
	switch {
	case !s.returned:
	case s.answers < s.returns+surelySilent:
		s.inVain++
	default:
		s.inVain = 0
	}
}

// end takes note that something answered again, and tells whether the silence is to be
// taken for an outage.
func (s *silence) end(now time.Duration) (believed bool) {
	s.waited += now - s.since
	s.returned, s.returns = true, s.answers
	return s.inVain < mostBelieved
}

// turn are the canaries that are to be asked now.
func (s *silence) turn(first bool) (targets []netip.AddrPort) {
	if first {
		return s.canaries
	}
	for range min(canariesAtOnce, len(s.canaries)) {
		targets = append(targets, s.canaries[s.asked%len(s.canaries)])
		s.asked++
	}
	return targets
}

// note takes in how many probes were sent by now.
func (s *silence) note(now time.Duration, sent uint64) {
	s.sent.reach(now, sent)
	if s.heard != s.heardThen {
		s.heardThen, s.sentThen = s.heard, sent
	}
}

// orders are what the run tells the sender.
type orders struct {
	on       bool           // nothing answers: only canaries may be sent
	canaries []craft.Fields // to be sent
	lookUp   bool           // link addresses that lead to them are to be asked for anew
	same     []craft.Fields // SYNs to be sent once more
	back     bool           // everything that was sent since is to be sent anew
	fresh    bool           // however often that was before: once a run
	since    time.Duration
	skip     answeredBefore // who is not asked by what is sent anew
	passes   int            // how many there are to be; 0: as many as there are
	spacing  time.Duration  // between the probes of a target from now on; 0: as it is
	rate     float64        // the pace from now on; 0: as it is
	from     time.Duration  // passes that are new begin where the last one was then
	sources  *sources       // to be used from now on; nil: as before
	window   bool           // the first probes are to be waited for
	hold     time.Duration  // until then no probe may leave
	inOrder  bool           // each pass is to end before the next begins
}

func (o *orders) pending() bool { return o.on || o.back || o.passes > 0 || len(o.same) > 0 }

// lag is how long an answer may be on its way, as far as is known.
func (w *run) lag() time.Duration {
	return min(max(w.slowest, wire.LookEvery), w.cfg.Timeout)
}

// listen looks whether answers have ceased, and what to do about it.
func (w *run) listen(status *sendStatus) {
	s := &w.silence
	s.note(w.now, status.sent-status.same)
	switch {
	case w.stopping || w.failure != nil:
		w.endSilence(func(*orders) {})
	case s.since == 0:
		missing := s.missing(w.now, w.lag())
		if !s.watches(w.now) {
			missing = 0
		}
		atEnd := status.idle && !s.askedLast && missing >= perhapsSilent
		s.askedLast = s.askedLast || atEnd
		if missing >= s.enough() || atEnd {
			s.begin(w.now)
			w.askCanaries(s.turn(true), true)
		}
	case s.lastAnswer > s.since:
		w.resume()
	case w.now-s.since > longestSilence:
		w.failure = fmt.Errorf("%w: nothing has answered for %v, not even the %d targets asked again that had answered before",
			probe.ErrNetworkDown, (w.now - s.lastAnswer).Round(time.Second), len(s.canaries))
	case w.now >= s.nextAsk:
		w.askCanaries(s.turn(false), false)
	}
}

// askCanaries has no others probed than some that had answered. At first the link addresses that lead to
// them are asked for, too: the kernel would go on for half a minute with one that is another's by now.
func (w *run) askCanaries(targets []netip.AddrPort, first bool) {
	w.silence.nextAsk = w.now + canaryPause
	w.renewSources()          // the way there may be another, without a word of the kernel's
	last := w.cfg.MostRetries // whose port no other probe leaves from, but at the greatest loss
	g := generator{
		cookie: w.matcher.Cookie, port: w.matcher.Port(last), attempt: last,
		acks: w.cfg.Technique.Acknowledges(),
	}
	var probes []craft.Fields
	for _, target := range targets {
		if source := w.sources.from(g.port, target); source.addr.IsValid() {
			probes = append(probes, g.stamp(source.addr, target))
		}
	}
	w.sender.order(func(o *orders) { o.on, o.canaries, o.lookUp = true, probes, first })
}

// resume ends a silence that was an outage: what was sent meanwhile is sent anew. Where
// nothing bore out the returns before, the run just goes on.
func (w *run) resume() {
	s := &w.silence
	if !s.end(w.now) {
		w.endSilence(func(*orders) {})
		return
	}
	s.outages++
	s.lasted += s.lastAnswer - s.before
	w.pacing.during, w.pacing.since = trials{}, w.now
	w.losses = losses{began: w.now, previous: w.now} // what fell into the outage was not lost on the way
	began := max(0, s.before-w.lag())
	w.endSilence(func(o *orders) { o.back, o.since = true, began })
}

// endSilence ends one, if there is one.
func (w *run) endSilence(order func(*orders)) {
	if w.silence.since == 0 {
		return
	}
	w.silence.since = 0
	w.sender.order(func(o *orders) {
		o.on, o.canaries, o.back = false, nil, false
		order(o)
	})
}

// order changes what the sender is told.
func (s *sender) order(change func(*orders)) {
	s.mu.Lock()
	if change(&s.orders); s.orders.pending() {
		s.status.finished, s.status.idle = false, false
	}
	s.mu.Unlock()
	s.responses.wake()
}

// sendCanaries sends those that are to be asked now.
func (s *sender) sendCanaries(budget int) (tried int) {
	s.mu.Lock()
	probes, lookUp := s.orders.canaries, s.orders.lookUp
	s.orders.canaries, s.orders.lookUp = nil, false
	s.mu.Unlock()
	if lookUp {
		s.neighbour.askAgain(probes)
	}
	probes = probes[:min(budget, len(probes))]
	now := s.now()
	for i := range probes {
		probes[i].TSval += clockAt(now)
		n, _ := s.net.Blast(probes[i : i+1])
		s.mu.Lock()
		s.left(s.cfg.MostRetries, n, now)
		s.mu.Unlock()
	}
	return len(probes)
}
