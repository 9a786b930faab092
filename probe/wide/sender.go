package wide

import (
	"context"
	"math"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"synscope/probe/internal/wire"
)

// sender sends everything at the pace of the run, on a goroutine of its own so
// that neither answers nor results hold it up: first what answers call for, then
// probes that were delayed, then retransmissions, which are due, then first
// probes; these before the others where a pass takes no time.
type sender struct {
	cfg       *Config
	net       Blaster
	held      func() bool // whether results wait too long to be written
	start     time.Time
	pace      wire.Pace
	cursors   []*cursor
	from      []uint64 // where each begins
	kept      int      // how many of them go on to the end of the plan
	stopAt    uint64   // where the others end
	highest   uint64   // where the first was that went back
	history   []trail  // of each, as far back as an outage may begin
	repeats   repeats
	settled   trail    // before which nothing waits to be sent
	lowest    []uint64 // see unsettled
	delayed   delayedProbes
	late      lateProbes
	neighbour *neighbourWait // nil where nothing is asked
	responses *responses
	cookie    wire.Cookie
	sources   sources        // as the generators of this pass have them
	skip      answeredBefore // who is not asked any more
	outage    wire.Outage
	firewall  wire.Firewall
	refusals  int           // of this turn, since a probe left
	inVain    int           // probes given up since one left
	odd       bool          // of the turns
	spacing   time.Duration // between the probes of a target
	inOrder   bool          // each pass is ended before the next
	window    time.Duration // until when others wait for the first probes; 0: none has left
	resetting func() uint64 // RSTs that the engine has sent itself
	resets    uint64        // of those, seen so far
	askResets time.Duration // when to ask for them
	debt      int           // of them, not yet counted by the pace

	ctx   context.Context // sending ends with it
	quit  chan struct{}   // closed when nothing at all is to be sent any more
	ended chan struct{}   // closed when run returns

	adaptAt    time.Duration
	adapted    uint64 // sent by then
	flood      wire.Flood
	firewalled uint64 // packets that a firewall of this machine refused since
	drops      uint64 // of the kernel's, seen by then

	mu      sync.Mutex // guards what others look at
	status  sendStatus
	noRoute uint64   // targets without one, of passes that have ended
	failed  []uint64 // probes that never left, by attempt
	orders  orders
	spaced  time.Duration   // as it was ordered last
	told    []refusedTarget // not yet taken by the run
}

// sendStatus is a look at the sender from outside.
type sendStatus struct {
	sent, retransmitted uint64
	resets, questions   uint64        // that answered answers
	rateAsked           float64       // after what was given up while the kernel dropped
	lastSend            time.Duration // of a probe
	held                time.Duration // spent waiting for results to be written
	idle                bool          // no more probes will be sent
	finished            bool          // every probe of the plan has been sent
	err                 error         // why sending ended early
	refusal             error         // of the last probe that the kernel did not take
	noNeighbour         uint64        // targets on the link that do not resolve
	again               uint64        // targets that were gone back to after an outage
	same                uint64        // of those sent, SYNs that were sent once more
	added               int           // how often passes were added
	addedFrom           uint64        // the position where those of the last time began
}

// refusedTarget is one that this machine's firewall does not let be probed.
type refusedTarget struct {
	target netip.AddrPort
	err    error
}

func newSender(b Blaster, c *Config, held func() bool, r *responses) *sender {
	s := &sender{
		cfg: c, net: b, held: held, pace: wire.NewPace(c.Rate), responses: r, flood: wire.NewFlood(b.Stats()),
		quit: make(chan struct{}), ended: make(chan struct{}),
		kept: c.Retries + 1, failed: make([]uint64, c.MostRetries+1), settled: newTrail(mostPatience(c.Timeout), c.From),
		spacing: c.Timeout, spaced: c.Timeout, resetting: func() uint64 { return 0 },
		repeats: newRepeats(c.Retries), late: lateProbes{horizon: max(c.Timeout, longestQueue)},
	}
	if engine, ok := b.(interface{ Resets() uint64 }); ok {
		s.resetting, s.resets = engine.Resets, engine.Resets()
	}
	if c.Neighbours != nil {
		s.neighbour = newNeighbourWait(c.Neighbours)
	}
	for range c.Retries + 1 {
		s.from = append(s.from, c.From)
		s.history = append(s.history, newTrail(mostPatience(c.Timeout), c.From))
	}
	s.newCursors()
	return s
}

// newCursors begins a pass for each attempt, at its position.
func (s *sender) newCursors() {
	generators := max(1, min(mostEach, runtime.GOMAXPROCS(0))/len(s.from))
	cursors := make([]*cursor, len(s.from))
	for attempt, from := range s.from {
		trail := newFineTrail(max(s.cfg.Timeout, longestQueue), s.cfg.Timeout/trailMarks, from)
		if attempt < len(s.cursors) { // goes on, or back: the spacing holds
			trail = s.cursors[attempt].trail.cutAt(from)
		}
		cursors[attempt] = newCursor(attempt, generators, trail)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.cursors) > 0 {
		s.noRoute += s.cursors[0].lost
	}
	s.cursors = cursors
}

// run sends until quit is closed; cancelling ctx ends the probes.
func (s *sender) run(ctx context.Context, start time.Time, m *wire.Matcher, from sources) {
	defer close(s.ended)
	s.start, s.ctx = start, ctx
	s.cookie, s.sources = m.Cookie, from
	for s.pass(ctx, m, s.sources) {
		s.newCursors()
	}
}

// pass sends the plan from where the cursors are, and reports whether they have
// to begin anew elsewhere.
func (s *sender) pass(ctx context.Context, m *wire.Matcher, from sources) (back bool) {
	stop := make(chan struct{})
	var generators sync.WaitGroup
	defer generators.Wait()
	defer close(stop)
	for _, c := range s.cursors {
		for i, q := range c.queues {
			g := generator{
				plan: s.cfg.Plan, cookie: m.Cookie, sources: from, port: m.Port(c.attempt),
				attempt: c.attempt, acks: s.cfg.Technique.Acknowledges(), skip: s.skip,
			}
			first, step := s.from[c.attempt]+uint64(i)*chunkSize, uint64(len(c.queues))*chunkSize
			generators.Go(func() { g.run(q, first, step, stop) })
		}
	}
	return s.send(ctx)
}

// send takes one turn after another.
func (s *sender) send(ctx context.Context) (back bool) {
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for {
		if s.rearrange() {
			return true
		}
		done := ctx.Done()
		if ctx.Err() != nil {
			done = nil
		}
		if wait := s.turn() - s.now(); wait > 0 {
			alarm.Reset(wait)
			select {
			case <-alarm.C:
			case <-done:
			case <-s.responses.waiting:
			case <-s.neighbour.ready():
			case <-s.quit:
			}
		}
		select {
		case <-s.quit:
			return false
		default:
		}
	}
}

// goesOn tells whether probes are to be sent. It is asked after every call of
// the engine, which may take long.
func (s *sender) goesOn() bool { return s.status.err == nil && s.ctx.Err() == nil }

func (s *sender) now() time.Duration { return time.Since(s.start) }

// turn sends what may be sent now, and tells when to come again.
func (s *sender) turn() (wake time.Duration) {
	now := s.now()
	s.obey()
	s.adapt(now)
	budget := s.pace.Allowance(now, chunkSize)
	if budget == 0 {
		if !s.goesOn() {
			s.settle() // nothing of the plan waits for the pace any more
		}
		return s.pace.WakeUp()
	}
	granted := budget
	s.refusals = 0
	if s.neighbour != nil && s.goesOn() {
		s.askNeighbours()
	}
	probing := s.goesOn() && !s.finished()
	budget -= s.respond(budget, probing)
	wake = min(s.now()+wire.Idle, s.neighbour.next(s.now()))
	if probing {
		budget, wake = s.probe(budget)
	}
	s.pace.Spend(granted - budget)
	s.pace.Departed(granted-budget, s.now())
	s.settle()
	if budget < granted {
		return s.pace.WakeUp()
	}
	if at, ok := s.responses.due(); ok {
		wake = min(wake, max(at, s.pace.WakeUp()))
	}
	return wake
}

// probe sends probes, and tells how much of the budget is left and, in case that
// nothing was sent, when to look again.
func (s *sender) probe(budget int) (left int, wake time.Duration) {
	budget -= s.sendCanaries(budget)
	if hold := s.holds(); hold > 0 {
		return budget, s.now() + hold
	}
	budget -= s.sendSame(budget)
	budget -= s.retry(budget)
	last := len(s.cursors) - 1
	for i := 0; i <= last && budget > 0; i++ {
		if s.short() {
			budget -= s.advance(i, budget)
		} else {
			budget -= s.advance(last-i, budget)
		}
	}
	wake = min(s.nextDue(), s.delayed.nextDue(), s.neighbour.next(s.now()))
	return budget, max(wake, s.now()+shortestNap)
}

// shortPass is how long a pass lasts that is ended before the next ones go on. Of longer
// ones the last goes first: what is between it and the first has to be repeated when a
// run is resumed.
const shortPass = time.Second

// short tells whether the passes of this run are. It may be over before the last.
func (s *sender) short() bool { return s.inOrder || s.shortAt(s.pace.Rate()) }

// shortAt tells whether a pass at a rate is.
func (s *sender) shortAt(rate float64) bool {
	return float64(s.cfg.Plan.Count()-s.cfg.From) <= rate*shortPass.Seconds()
}

// shortOrdered is what short tells, as it was ordered and last seen, to who looks from outside.
func (s *sender) shortOrdered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orders.inOrder || s.shortAt(s.status.rateAsked)
}

// shortestNap is how soon a sender looks again that could send nothing.
const shortestNap = 100 * time.Microsecond

// holdFor is how often a held sender looks again.
const holdFor = time.Millisecond

// holds is how long no probe may leave: while nothing answers any more, results
// wait to be written, or answers to be read.
func (s *sender) holds() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.orders.on:
		return wire.MinRTO
	case s.waits() > 0:
		return s.waits()
	case s.held():
		s.status.held += holdFor
		return holdFor
	case s.behind():
		return holdFor
	}
	return 0
}

// mostBacklog is the share of the receive buffer that may be full while probes
// leave: what is in flight must find room in the rest.
const mostBacklog = 0.25

// behind tells whether answers come faster than they are read: at a rate
// without bound reading comes before sending, so that nothing is dropped here.
func (s *sender) behind() bool {
	engine, ok := s.net.(interface{ Backlog() float64 })
	return ok && engine.Backlog() > mostBacklog
}

// advance sends up to budget probes of a cursor, and returns how many it tried.
func (s *sender) advance(i, budget int) (tried int) {
	c := s.cursors[i]
	budget = int(min(uint64(budget), s.room(i)))
	for tried < budget && s.goesOn() && !s.stuck() {
		probes := c.peek(budget - tried)
		if len(probes) == 0 {
			return tried
		}
		if c.chunk.onLink && s.neighbour != nil {
			probes = s.resolved(c, probes)
		}
		tried += s.blast(c, probes)
	}
	return tried
}

// stuck tells whether no fresh probe may be tried now.
func (s *sender) stuck() bool {
	return s.outage.Lasting() && len(s.delayed.list) > 0 || s.refusals >= refusedInRow || s.delayed.full() || s.neighbour.full()
}

// room is how many probes a cursor may send without coming too close behind
// the one before it.
func (s *sender) room(i int) uint64 {
	at, end := s.cursors[i].position(), s.endOf(i)
	if i > 0 {
		end = min(end, s.cursors[i-1].reached(s.now()-s.spacing))
	}
	if i == 0 && at < end {
		return chunkSize
	}
	return end - min(at, end)
}

// clockAt is the clock of the timestamp option, in microseconds modulo 2^32.
func clockAt(now time.Duration) uint32 { return uint32(now / time.Microsecond) }

// settle notes up to where nothing waits to be sent.
func (s *sender) settle() {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	all := uint64(math.MaxUint64)
	for i, at := range s.unsettled() {
		s.history[i].reach(now, at)
		all = min(all, at)
	}
	s.settled.reach(now, all)
	s.status.finished = s.allSent() && !s.orders.pending()
	s.status.idle = s.status.finished || !s.goesOn()
}

// unsettled is, of each pass, before which position nothing waits to be sent. What
// waits has been taken from its cursor, and has not left.
func (s *sender) unsettled() []uint64 {
	s.lowest = s.lowest[:0]
	for _, c := range s.cursors {
		s.lowest = append(s.lowest, c.position())
	}
	last := len(s.lowest) - 1
	for i := range s.delayed.list {
		s.delayed.list[i].lower(s.lowest, last)
	}
	s.neighbour.lower(s.lowest, last)
	return s.lowest
}

// allSent tells whether every probe of the plan has left, or never will.
func (s *sender) allSent() bool {
	for i, c := range s.cursors {
		if c.position() < s.endOf(i) {
			return false
		}
	}
	return len(s.delayed.list) == 0 && s.neighbour.count() == 0
}

// finished tells whether nothing is left to probe, as far as is known.
func (s *sender) finished() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.allSent() && !s.orders.pending()
}

// nextDue is when the first repeat may leave, after all first probes have.
func (s *sender) nextDue() time.Duration {
	wake := s.now() + s.spacing
	for i, c := range s.cursors[1:] {
		if at, ok := s.cursors[i].trail.passed(c.position()); ok {
			wake = min(wake, at+s.spacing)
		}
	}
	return wake
}
