package scan

import (
	"slices"
	"time"

	"synscope/probe/internal/limit"
	"synscope/probe/internal/wire"
)

// Something on the way may let through so many packets a second, to all hosts or to one, and drop
// the rest. Behind it ports look silent as behind a filter. So ports that have answered (witnesses)
// are asked again from time to time. If much of that is lost, they are asked at lower paces while
// nothing else is sent ([limit.Trial]). If a larger share passes at one of these, the run goes on
// at that pace, and silence before counts for nothing. slow_all.go has what is special to a limit
// before all hosts, slow_host.go to one before a single host.

const (
	// fewAsked questions, at least, tell that much is lost.
	fewAsked = 6
	// askEvery packets one question is among the others, and while none is lost, one when so many more have left as are
	// an askShare of all; after manyClean when as many have: a bucket lets the first through.
	askEvery, askShare, manyClean = 32, 4, 12
	// seldom packets one question is for a limit before all hosts, or a seldomShare of all: the pace grows.
	seldom, seldomShare = 256, 64
	// searchShare is that of a run that searches: hosts hang on it.
	searchShare = 16
	// sharedEvery packets at a lower pace one asks a witness, and of one host every hostEvery.
	sharedEvery, hostEvery = 8, 16
)

// paceState is what is known of a pace.
type paceState uint8

const (
	paceFull    paceState = iota // nothing is known of a limit
	paceQuiet                    // nothing is sent to the host, so that a question would pass
	paceTrying                   // witnesses are asked at lower ones
	paceLimited                  // a lower one passes, and is kept to
	paceTooLow                   // one that passes would take too long
	paceOwn                      // what is lost is lost at any
)

// slowdown is the search for a pace that passes, and what it has found.
type slowdown struct {
	host     *host // before which the limit is; nil: before all
	state    paceState
	trial    *limit.Trial
	waits    time.Duration // for each answer, as of when the trial began
	full     float64       // the pace before, in packets a second
	asks     limit.Witnesses[witness]
	due      time.Duration // when the next question may leave
	latest   uint64        // as of so many packets the latest left beside others
	beside   int           // packets since the latest, at a pace that is kept
	quiet    quiet
	held     []ticket // silent probes whose verdict waits
	higher   higher
	guess    guess
	late     bool // answers have come later than they are waited for: what is late looks lost
	mistaken bool // lower paces were tried since answers before all hosts were late
}

// witness is a port that has answered, or a host that has replied to an echo request.
type witness struct {
	host *host
	port uint16 // 0: an echo
}

// limits are those that are looked for.
type limits struct {
	all   slowdown
	looks bool        // whether one before all hosts is looked for, or kept to
	hosts []*slowdown // of hosts, that are not over
	asks  []*slowdown // whose witness is to be asked beside others
	last  bool        // they left behind all probes in the latest turn that had some
}

// pending tells whether there is anything to do for them.
func (l *limits) pending() bool {
	return len(l.asks) > 0 || l.looks && l.all.on() || slices.ContainsFunc(l.hosts, (*slowdown).on)
}

// on tells whether nobody else is to be asked.
func (s *slowdown) on() bool { return s.state == paceQuiet || s.state == paceTrying }

// mindLimits goes on with all of them.
func (e *engine) mindLimits() {
	if e.resting() {
		return
	}
	e.mindBan()
	l := &e.limits
	if l.looks {
		e.mindLimit(&l.all)
	}
	still := l.hosts[:0]
	for _, s := range l.hosts {
		if e.mindLimit(s); s.on() || s.state == paceLimited {
			still = append(still, s)
		}
	}
	clear(l.hosts[len(still):])
	l.hosts = still
}

func (e *engine) mindLimit(s *slowdown) {
	switch s.state {
	case paceFull:
		if s.host == nil && e.suspectsShared() {
			e.beginShared()
		}
	case paceQuiet:
		e.askInQuiet(s)
	case paceTrying:
		e.followTrial(s)
	case paceLimited:
		if s.mistaken {
			e.endTrial(s, paceOwn)
		} else if e.bansAgain(s) {
			e.restAll(e.banned.vouched)
		} else if since := s.trial.Since(); s.trial.Watch(e.Now, e.trialWait(s)) {
			e.keepTo(s, since)
		} else if e.mayBeOver(s) {
			e.beginHigher(s)
		}
	}
}

// losesMuch tells whether much of the latest questions was lost.
func (e *engine) losesMuch(s *slowdown) bool {
	return s.asks.LosesMuch(fewAsked, e.Now, e.trialWait(s))
}

// trialWait is how long the answer to a question is waited for.
func (e *engine) trialWait(s *slowdown) time.Duration {
	if s.host == nil {
		return limit.Wait(e.Slowest, e.cfg.Timeout)
	}
	return limit.Least(max(2*s.host.SRTT, s.host.Timeout()), e.cfg.Timeout)
}

// beginTrial asks at lower paces.
func (e *engine) beginTrial(s *slowdown) {
	s.full, s.waits = e.Pace.Rate(), e.trialWait(s)
	asked, lost := s.asks.Late(2*limit.Lately, e.Now, s.waits)
	s.trial = limit.Begin(s.full, asked, lost, s.asks.Room())
	s.state, s.due = paceTrying, e.Now
}

func (e *engine) followTrial(s *slowdown) {
	if s.higher.found != nil {
		e.followHigher(s)
		return
	}
	outcome, spent := s.trial.Turn(e.Now, e.trialWait(s)), false
	if outcome == limit.Undecided && s.asks.Room() == 0 {
		outcome, spent = s.trial.Spent(), true
	}
	if outcome == limit.Lossy && !s.mistaken {
		if since, ok := e.bansAll(s); ok {
			e.restAll(since)
			return
		}
	}
	switch {
	case spent && outcome == limit.Lossy && s.host == nil && !e.cfg.Search: // too few could be asked yet
		e.endTrial(s, paceFull)
	case e.Stopping, outcome == limit.Lossy, s.mistaken:
		e.noteBan(s)
		e.endTrial(s, paceOwn)
	case outcome == limit.Undecided:
	case !limit.Worth(e.leftToAsk(s), s.trial.Rate()):
		e.endTrial(s, paceTooLow)
	default:
		s.state = paceLimited
		e.keepTo(s, 0)
	}
}

// keepTo keeps to the pace that was found. What has left since a time counts for nothing.
func (e *engine) keepTo(s *slowdown, since time.Duration) {
	s.asks.Anew()
	raised := s.higher.lowered(e.Now)
	if s.host == nil {
		e.keepShared(s, since)
	} else {
		e.keepHost(s, raised)
	}
}

// endTrial goes on at the pace that was.
func (e *engine) endTrial(s *slowdown, to paceState) {
	s.state = to
	if s.host == nil {
		e.noteOutage(s)
		e.endShared()
	} else {
		e.releaseHeld(s)
	}
}

// askBeside has a witness asked beside a packet to a host, where it is time for that.
func (e *engine) askBeside(h *host) {
	if e.tellsOfAll(h) {
		e.askWhenDue(&e.limits.all, e.Counters.Sent)
	}
	if h.left >= askEvery && !e.keptShared() && e.looksFor(h) {
		e.askWhenDue(e.slowOf(h), uint64(h.left))
	}
}

// askWhenDue has a witness asked if it is time for that after so many packets.
func (e *engine) askWhenDue(s *slowdown, sent uint64) {
	l := &e.limits
	switch {
	case s.state == paceLimited:
		if s.beside = (s.beside + 1) % s.watchEvery(); s.beside == 0 {
			l.asks = append(l.asks, s)
		}
	case s.state == paceFull && sent >= s.latest+askEvery && len(s.asks.List()) > 0 && sent >= s.latest+e.apart(s, sent):
		s.latest = sent
		l.asks = append(l.asks, s)
	}
}

// apart is how many packets after the latest question the next one leaves.
func (e *engine) apart(s *slowdown, sent uint64) uint64 {
	switch asked, lost := s.asks.Late(limit.Lately, e.Now, e.trialWait(s)); {
	case s.host == nil && e.cfg.Search:
		return max(askEvery, sent/searchShare)
	case lost > 0:
		return askEvery
	case asked < manyClean:
		return max(askEvery, sent/askShare)
	case s.host == nil:
		return min(sent/2, max(seldom, sent/seldomShare))
	}
	return sent / 2
}

func (s *slowdown) watchEvery() int {
	if s.host != nil {
		return hostEvery
	}
	return sharedEvery
}

// sendBeside asks the witnesses that are to be asked beside others, as far as the budget allows, and returns what
// it leaves of it.
func (e *engine) sendBeside(budget int) int {
	l := &e.limits
	later := l.asks[:0]
	for _, s := range l.asks {
		switch {
		case budget == 0 || s.state == paceLimited && s.host != nil && !s.host.limiter().room(e.Now):
			later = append(later, s) // beside a probe it would not pass where there is no room for two
		case !s.on() && e.ask(s):
			budget--
		}
	}
	l.asks = later
	return budget
}

// sendTrials asks witnesses at the paces that are tried.
func (e *engine) sendTrials(budget int) int {
	l := &e.limits
	if l.looks {
		budget = e.sendTrial(&l.all, budget)
	}
	for _, s := range l.hosts {
		budget = e.sendTrial(s, e.sendGuess(s, budget))
	}
	return budget
}

// sendTrial asks at the pace that is tried.
func (e *engine) sendTrial(s *slowdown, budget int) int {
	for budget > 0 && s.state == paceTrying && s.trial.Wants() && s.due <= e.Now {
		if !e.ask(s) {
			s.due = e.Now + limit.Look
			break
		}
		s.due = max(s.due, e.Now-wire.Slack) + time.Duration(float64(time.Second)/s.trial.Rate())
		budget--
	}
	return budget
}

// ask asks the next witness once more, and tells whether that has left.
func (e *engine) ask(s *slowdown) bool { return e.askOne(s, s.asks.Least(s.asks.Most)) }

// askOne asks a witness, nil: there is none.
func (e *engine) askOne(s *slowdown, w *limit.Witness[witness]) bool {
	if w == nil || e.sendQuestion(&w.Of, e.numberOf(s, w)) != nil {
		return false
	}
	number := -1
	if s.state == paceTrying || s.state == paceLimited {
		number = s.trial.Ask(e.Now)
	}
	s.asks.Left(w, number, e.Now)
	if s.host != nil {
		s.host.limiter().depart(e.Now)
	}
	return true
}

// limitsWake is when there is something to do for them, if nothing arrives before.
func (e *engine) limitsWake(wake time.Duration) time.Duration {
	l := &e.limits
	if l.looks && (l.all.on() || e.awaitsQuestions()) {
		wake = min(wake, e.wakeFor(&l.all))
	}
	for _, s := range l.hosts {
		if s.on() {
			wake = min(wake, e.wakeFor(s))
		}
	}
	return wake
}

// wakeFor is when there is something to do for one that is looked for.
func (e *engine) wakeFor(s *slowdown) time.Duration {
	wake := e.Now + limit.Look
	if s.state == paceTrying && s.trial.Wants() {
		wake = min(wake, max(s.due, e.Pace.WakeUp(), e.Paused))
	}
	if due, ok := s.nextGuess(); ok {
		wake = min(wake, max(due, e.Pace.WakeUp(), e.Paused))
	}
	return wake
}
