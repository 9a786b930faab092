package wide

import (
	"fmt"
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
	// part of the plan that holds nothing.
	mostCanaries = 8
	canaryPause  = 500 * time.Millisecond
	// longestSilence is how long a run waits for any answer until it ends.
	longestSilence = 30 * time.Second
)

// silence watches for the network behind us going away: no send fails, and
// nothing answers any more. The order of a plan is random, so answers come
// evenly, and their absence shows soon. Then sending stops, targets that had
// answered are asked until one answers again, and everything that was sent
// since the last answer is sent once more.
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
	same     []craft.Fields // SYNs to be sent once more
	back     bool           // everything that was sent since is to be sent anew
	since    time.Duration
	passes   int           // how many there are to be; 0: as many as there are
	spacing  time.Duration // between the probes of a target from now on; 0: as it is
	rate     float64       // the pace from now on; 0: as it is
	from     time.Duration // passes that are new begin where the last one was then
	sources  *sources      // to be used from now on; nil: as before
	window   bool          // the first probes are to be waited for
	hold     time.Duration // until then no probe may leave
	inOrder  bool          // each pass is to end before the next begins
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
		atEnd := status.idle && !s.askedLast && missing >= perhapsSilent
		s.askedLast = s.askedLast || atEnd
		if missing >= surelySilent || atEnd {
			s.since, s.before = w.now, s.lastAnswer
			w.askCanaries()
		}
	case s.lastAnswer > s.since:
		w.resume()
	case w.now-s.since > longestSilence:
		w.failure = fmt.Errorf("%w: nothing has answered for %v, not even the %d targets asked again that had answered before",
			probe.ErrNetworkDown, (w.now - s.lastAnswer).Round(time.Second), len(s.canaries))
	case w.now >= s.nextAsk:
		w.askCanaries()
	}
}

// askCanaries has only those targets probed that had answered.
func (w *run) askCanaries() {
	w.silence.nextAsk = w.now + canaryPause
	w.renewSources()          // the way there may be another, without a word of the kernel's
	last := w.cfg.MostRetries // whose port no other probe leaves from, but at the greatest loss
	g := generator{
		cookie: w.matcher.Cookie, port: w.matcher.Port(last), attempt: last,
		acks: w.cfg.Technique.Acknowledges(),
	}
	var probes []craft.Fields
	for _, target := range w.silence.canaries {
		if source := w.sources.from(g.port, target); source.addr.IsValid() {
			probes = append(probes, g.stamp(source.addr, target))
		}
	}
	w.sender.order(func(o *orders) { o.on, o.canaries = true, probes })
}

// resume ends a silence that was an outage: what was sent meanwhile is sent anew.
func (w *run) resume() {
	s := &w.silence
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
	probes := s.orders.canaries
	s.orders.canaries = nil
	s.mu.Unlock()
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
