package wide

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// sender lets the probes out at their pace, on a goroutine of its own so that
// neither answers nor results hold it up. Repeats come before first probes:
// they are due.
type sender struct {
	cfg     *Config
	net     Blaster
	held    func() bool // whether results wait too long to be written
	start   time.Time
	pace    wire.Pace
	cursors []*cursor
	outage  wire.Outage
	inVain  int             // probes refused since one left
	ctx     context.Context // of run
	done    chan struct{}   // closed when run returns

	adaptAt time.Duration
	adapted uint64 // sent by then
	drops   uint64 // of the kernel's, seen by then

	mu     sync.Mutex // guards what others look at
	status sendStatus
	failed []uint64 // packets the kernel refused, by attempt
}

// sendStatus is a look at the sender from outside.
type sendStatus struct {
	sent, retransmitted uint64
	rateAsked           float64       // after what was given up while the kernel dropped
	lastSend            time.Duration // of a probe
	held                time.Duration // spent waiting for results to be written
	finished            bool          // every probe of the plan has been sent
	err                 error         // why sending ended early
	refusal             error         // of the last probe that the kernel did not take
}

func newSender(b Blaster, c *Config, held func() bool) *sender {
	s := &sender{
		cfg: c, net: b, held: held, pace: wire.NewPace(c.Rate), done: make(chan struct{}),
		failed: make([]uint64, c.Retries+1),
	}
	lanes := max(1, min(mostLanes, runtime.GOMAXPROCS(0))/(c.Retries+1))
	for attempt := range c.Retries + 1 {
		horizon := c.Timeout
		if attempt == c.Retries {
			horizon = mostPatience(c.Timeout)
		}
		s.cursors = append(s.cursors, newCursor(attempt, lanes, c.From, horizon))
	}
	return s
}

// run sends the plan; cancelling ctx ends it between two batches.
func (s *sender) run(ctx context.Context, start time.Time, m *wire.Matcher, from sources) {
	defer close(s.done)
	s.start = start
	ctx, stop := context.WithCancel(ctx)
	s.ctx = ctx
	var stampers sync.WaitGroup
	defer stampers.Wait()
	defer stop()
	for _, c := range s.cursors {
		for i, l := range c.lanes {
			st := stamper{
				plan: s.cfg.Plan, cookie: m.Cookie, sources: from, port: m.Port(c.attempt),
				attempt: c.attempt, acks: s.cfg.Technique.Acknowledges(),
			}
			first, step := s.cfg.From+uint64(i)*chunkSize, uint64(len(c.lanes))*chunkSize
			stampers.Go(func() { st.run(l, first, step, ctx.Done()) })
		}
	}
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	for ctx.Err() == nil {
		wake, more := s.turn()
		if !more {
			return
		}
		if wait := wake - s.now(); wait > 0 {
			alarm.Reset(wait)
			select {
			case <-alarm.C:
			case <-ctx.Done():
			}
		}
	}
}

// goesOn is asked after every call of the engine: one that waits for a neighbour
// may take long.
func (s *sender) goesOn() bool { return s.status.err == nil && s.ctx.Err() == nil }

func (s *sender) now() time.Duration { return time.Since(s.start) }

// turn sends what may be sent now, and tells when to come again.
func (s *sender) turn() (wake time.Duration, more bool) {
	now := s.now()
	s.adapt(now)
	if s.held() {
		return s.wait(now), true
	}
	budget := s.pace.Allowance(now, chunkSize)
	if budget == 0 {
		return s.pace.WakeUp(), true
	}
	granted := budget
	for i := len(s.cursors) - 1; i >= 0 && budget > 0; i-- {
		budget -= s.advance(i, budget)
	}
	s.pace.Spend(granted - budget)
	if !s.goesOn() || s.finished() {
		return 0, false
	}
	if budget == granted {
		return s.nextDue(), true
	}
	return s.pace.WakeUp(), true
}

// holdFor is how often a held sender looks again.
const holdFor = time.Millisecond

func (s *sender) wait(now time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.held += holdFor
	return now + holdFor
}

// advance sends up to budget probes of a cursor, and returns how many it tried.
func (s *sender) advance(i, budget int) (tried int) {
	c := s.cursors[i]
	budget = int(min(uint64(budget), s.room(i)))
	for tried < budget && s.goesOn() {
		probes := c.peek(budget - tried)
		if len(probes) == 0 {
			return tried
		}
		tried += s.blast(c, probes)
	}
	return tried
}

// room is how many probes a cursor may send without coming too close behind
// the one before it.
func (s *sender) room(i int) uint64 {
	if i == 0 {
		return chunkSize
	}
	return s.cursors[i-1].reached(s.now()-s.cfg.Timeout) - s.cursors[i].position()
}

// blast sends probes, and passes over those that the kernel refuses.
func (s *sender) blast(c *cursor, probes []craft.Fields) (tried int) {
	now := s.now()
	clock := uint32(now / time.Microsecond)
	for i := range probes {
		probes[i].TSval += clock
	}
	for tried < len(probes) && s.goesOn() {
		n, err := s.net.Blast(probes[tried:])
		if s.book(c, n, err, now); err != nil {
			n++
		}
		tried += n
	}
	return tried
}

// book notes what became of probes that were stamped at now.
func (s *sender) book(c *cursor, n int, err error, now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.sent += uint64(n)
	s.status.lastSend = now
	if c.attempt > 0 {
		s.status.retransmitted += uint64(n)
	}
	if n > 0 {
		s.outage.End()
		s.inVain = 0
	}
	if err != nil {
		s.refused(c, err)
		n++
	}
	c.advance(n, s.now())
}

// mostInVain is how many probes in a row may be refused before a run is given
// up, whatever the reason; but for neighbours that do not answer, of which a
// network may well have more.
const mostInVain = 4096

// refused takes note of a probe that the kernel did not take.
func (s *sender) refused(c *cursor, err error) {
	s.failed[c.attempt]++
	s.status.refusal = err
	s.outage.Note(err)
	if !errors.Is(err, netraw.ErrNextHop) {
		s.inVain++
	}
	switch {
	case s.outage.Certain():
		s.status.err = s.outage.Error()
	case s.status.sent == 0 && errors.Is(err, netraw.ErrXDPInterface):
		s.status.err = err // the first probe: it never could
	case s.inVain >= mostInVain:
		s.status.err = fmt.Errorf("%w: %d probes in a row could not be sent: %w", probe.ErrNetworkDown, s.inVain, err)
	}
}

func (s *sender) finished() bool {
	for _, c := range s.cursors {
		if c.position() < s.cfg.Plan.Count() {
			return false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.finished = true
	return true
}

// nextDue is when the first repeat may leave, after all first probes have.
func (s *sender) nextDue() time.Duration {
	wake := s.now() + s.cfg.Timeout
	for i, c := range s.cursors[1:] {
		if at, ok := s.cursors[i].trail.passed(c.position()); ok {
			wake = min(wake, at+s.cfg.Timeout)
		}
	}
	return wake
}

// adapt slows down while the kernel drops answers, unless the rate was a
// command.
func (s *sender) adapt(now time.Duration) {
	if now < s.adaptAt {
		return
	}
	drops := s.net.Stats().KernelDrops
	if !s.cfg.FixedRate {
		if s.adaptAt > 0 && drops > s.drops {
			s.pace.Slower(wire.PerSecond(s.status.sent-s.adapted, wire.LookEvery))
		} else {
			s.pace.Faster()
		}
	}
	s.drops, s.adapted, s.adaptAt = drops, s.status.sent, now+wire.LookEvery
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.rateAsked = s.pace.Rate()
}

// look is how the sender does.
func (s *sender) look() sendStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// first and last are the walks of the first and of the last probe of each
// target.
func (s *sender) first() *cursor { return s.cursors[0] }
func (s *sender) last() *cursor  { return s.cursors[len(s.cursors)-1] }

// unsent is how many targets got no probe at all: they have no route, or the
// kernel refused each one.
func (s *sender) unsent() uint64 {
	return s.cursors[0].lost + slices.Min(s.failed)
}
