package scan

import (
	"fmt"
	"slices"
	"time"

	"synscope/probe"
)

// A limit of connections at a time refuses what comes while others are open. Which refusals may be
// the limit's is known: those that came while connections were half open. Their verdicts wait, up to
// a bound, for the end of the run, when ports that were open are asked at once (load.go). If one of
// these is refused then, the ports are asked again, a few at a time, until each was refused while
// nothing was open beside it.

const (
	// mostPressed and mostPressedAll bound the verdicts that wait, of one host and of all.
	mostPressed, mostPressedAll = 1024, 1 << 14
	// pressedAtOnce are asked again together: most of them are closed, and whoever is refused beside
	// one that is open is asked once more, pressedTries times at most.
	pressedAtOnce, pressedTries = 16, 3
	// pressedLast are asked together the last time.
	pressedLast = 4
	// closedAfter is how much longer than a round trip a connection may be open: our RST leaves
	// when the pace allows.
	closedAfter = 20 * time.Millisecond
)

// pressed are the refusals of a host that wait.
type pressed struct {
	waiting []refusal // the first of them are being asked again
	asking  int       // so many
	asked   int       // how many ports were asked again
	open    int       // and were open
	inVain  bool      // none answered of those that were asked last
}

// refusal is one of them.
type refusal struct {
	probe.Verdict
	tries    int
	now      probe.State // when it was asked again
	answered bool        // then
}

// underLoad tells whether an answer came while a connection to the host may have been open.
func (l *load) underLoad(v *probe.Verdict) bool {
	for _, at := range l.opened {
		if after := v.Time.Sub(at); after >= 0 && after <= v.RTT+closedAfter {
			return true
		}
	}
	return false
}

// presses keeps a verdict back that may be due to a limit of connections, and tells whether it did.
func (e *engine) presses(h *host, v *probe.Verdict) bool {
	if !e.cfg.Canaries || e.canaries.sent || e.Stopping || e.Failure != nil || h.several == nil || h.several.samples == nil {
		return false
	}
	l := &h.several.samples.load
	if !otherwise(probe.StateOpen, v) || len(l.pressed.waiting) >= mostPressed || e.pressed >= mostPressedAll || !l.underLoad(v) {
		return false
	}
	if l.pressed.waiting == nil {
		e.pressing = append(e.pressing, h)
	}
	l.pressed.waiting = append(l.pressed.waiting, refusal{Verdict: *v})
	e.pressed++
	return true
}

// limits tells whether a limit may have refused what waits: where answers have changed for good,
// or cease, there is nothing to be learnt.
func (s *samples) limits() bool {
	return s.load.limited != 0 && !s.load.pressed.inVain && !s.open.changed && !s.refused.changed
}

// askPressed has some ports of each host that limits connections asked again, hands out the verdicts
// of the others, and tells whether any is asked.
func (e *engine) askPressed() bool {
	still := e.pressing[:0]
	for _, h := range e.pressing {
		p := &h.several.samples.load.pressed
		e.endPressed(h, p)
		if len(p.waiting) == 0 || h.gone() || !h.several.samples.limits() {
			e.tellPressed(h)
			continue
		}
		p.asking = min(p.atOnce(), len(p.waiting))
		for i := range p.waiting[:p.asking] {
			e.sendRecheck(h, p.waiting[i].Target.Port())
		}
		still = append(still, h)
	}
	e.pressing = still
	return e.flights.live > 0
}

// atOnce is how many ports are asked again together.
func (p *pressed) atOnce() int {
	if p.waiting[0].tries == pressedTries-1 {
		return pressedLast
	}
	return pressedAtOnce
}

// askedAgain takes the answer of a port that was refused under load.
func (p *pressed) askedAgain(v *probe.Verdict) {
	for i := range p.waiting[:p.asking] {
		x := &p.waiting[i]
		if x.Target.Port() != v.Target.Port() {
			continue
		}
		x.answered = v.State == probe.StateOpen || otherwise(probe.StateOpen, v)
		if x.now, x.tries = v.State, x.tries+1; x.tries == 1 {
			p.asked++
		}
		x.Attempts += v.Attempts
		if v.State == probe.StateOpen || v.State == probe.StateRefused && x.State == probe.StateFiltered {
			v.Attempts = x.Attempts
			x.Verdict = *v
		}
	}
}

// endPressed hands out the verdicts on ports that were asked together: those that are open, and
// where none is the others. Else these may have been refused for it, and are asked once more.
func (e *engine) endPressed(h *host, p *pressed) {
	isOpen := func(x refusal) bool { return x.now == probe.StateOpen }
	loaded := slices.ContainsFunc(p.waiting[:p.asking], isOpen)
	p.inVain = p.asking > 0 && !slices.ContainsFunc(p.waiting[:p.asking], func(x refusal) bool { return x.answered })
	var again []refusal
	for _, x := range p.waiting[:p.asking] {
		switch {
		case isOpen(x):
			p.open++
			h.tally.open++
		case loaded && x.tries < pressedTries:
			again = append(again, x)
			continue
		}
		e.pressed--
		e.tell(x.Verdict)
	}
	p.waiting, p.asking = append(again, p.waiting[p.asking:]...), 0
}

// tellPressed hands out the verdicts of a host that wait.
func (e *engine) tellPressed(h *host) {
	p := &h.several.samples.load.pressed
	for _, x := range p.waiting {
		e.tell(x.Verdict)
	}
	e.pressed -= len(p.waiting)
	p.waiting, p.asking = nil, 0
}

// tellAllPressed hands out what waits where the run ends early.
func (e *engine) tellAllPressed() {
	for _, h := range e.pressing {
		e.tellPressed(h)
	}
	e.pressing = nil
}

func (p *pressed) evidence() string {
	if p.asked == 0 {
		return ""
	}
	return fmt.Sprintf("; %d of them were asked again while none was open beside them, %d were open then", p.asked, p.open)
}
