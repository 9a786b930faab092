package scan

import (
	"cmp"
	"fmt"
	"time"

	"synscope/probe"
)

// A limit of open connections refuses what comes while others are open. Only refusals that came
// while connections were half open can be due to it. Their verdicts wait, up to a bound, for the
// end of the run, when ports that were open are asked all at once (load.go). If one of these is
// refused then, the refused ports are asked again, a few at a time, and after them one that was
// open: if it is open again, the others were not refused because of the load; if not, fewer are
// asked at once.

const (
	// mostPressed and mostPressedAll bound the verdicts that wait, of one host and of all.
	mostPressed, mostPressedAll = 1024, 1 << 14
	// pressedAtOnce are asked again together, as long as that is not too many itself; then a part of
	// them is. A port is asked pressedTries times at most.
	pressedAtOnce, pressedPart, pressedTries = 16, 4, 4
	// mostFailed times in a row the limit may refuse what comes after one port alone.
	mostFailed = 8
	// pressedMost probes a port of the host are for that, with the first three at most.
	pressedMost = 2
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
	atOnce  int       // how many are asked together
	sent    int       // probes for that
	witness uint16    // a port that was open, asked after them
	passed  bool      // it was open again
	failed  int       // how often in a row it was not, after one port
	inVain  bool      // not even one port at a time can be asked, or none answers
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
	if v.Time.Sub(l.newest) > v.RTT+closedAfter { // than all of them
		return false
	}
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
		e.askTogether(h, p)
		still = append(still, h)
	}
	e.pressing = still
	return e.flights.live > 0
}

// askTogether asks some of the ports again, and then one that was open.
func (e *engine) askTogether(h *host, p *pressed) {
	p.atOnce = cmp.Or(p.atOnce, pressedAtOnce)
	p.asking, p.passed = min(p.atOnce, len(p.waiting)), false
	for i := range p.waiting[:p.asking] {
		e.sendRecheck(h, p.waiting[i].Target.Port())
	}
	p.sent += p.asking + 1
	p.witness = h.several.samples.load.opens[0]
	e.sendRecheck(h, p.witness)
}

// askedAgain takes the answer of a port that was refused under load.
func (p *pressed) askedAgain(v *probe.Verdict) {
	p.passed = p.passed || v.Target.Port() == p.witness && v.State == probe.StateOpen
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

// endPressed hands out the verdicts on ports that were asked together: those that are open, and the
// others where nothing was refused for the load. Else these are asked once more.
func (e *engine) endPressed(h *host, p *pressed) {
	if p.asking == 0 {
		return
	}
	opened, answered := 0, 0
	var again []refusal
	for _, x := range p.waiting[:p.asking] {
		if x.answered {
			answered++
		}
		switch {
		case x.now == probe.StateOpen:
			opened++
			h.tally.open++
		case !p.passed && x.tries < pressedTries:
			again = append(again, x)
			continue
		}
		e.pressed--
		e.tell(x.Verdict)
	}
	p.open += opened
	switch {
	case p.passed || opened > 0:
		p.failed = 0
	case p.atOnce > 1:
		p.atOnce = max(1, p.atOnce/pressedPart)
	default:
		p.failed++
	}
	p.inVain = p.failed >= mostFailed
	p.inVain = p.inVain || answered == 0 || p.sent+pressedAtOnce >= pressedMost*int(h.tally.ports)-canariesPerHost-mostTogether
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
	return fmt.Sprintf("; %d of them were asked again, a few at a time, and %d were open then", p.asked, p.open)
}
