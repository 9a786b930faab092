package scan

import (
	"fmt"
	"time"

	"synscope/probe"
)

// Something may begin to answer for a host while it is scanned: a firewall that bans scanners by
// RSTs or ICMP errors, or a SYN proxy that steps in under load. Each of its answers is genuine, and
// says nothing of the port. So a port that was open and one that was refused early on are asked
// again at the end, if enough others have since answered otherwise. A host that falls silent during
// the scan is another matter: watch.go.

const (
	// leastChanged is how many ports must have answered otherwise.
	leastChanged = 10
	// fewestSampled is how many ports of a host have to have a verdict, or be asked for, for samples
	// to be kept: a run may meet very many hosts of few ports.
	fewestSampled = 3
	// recheckTries are the transmissions of a port that is asked again.
	recheckTries = 3
)

// sample is one port of a host, as it answered first.
type sample struct {
	port uint16
	was  probe.State
	at   time.Time // of its answer
	last time.Time // of the latest other port that answered the same
	not  int       // ports that answered otherwise

	now    probe.State // when it was asked again; unknown: it was not, or in vain
	reason probe.Reason
	asked  time.Time
	// changed: it answered otherwise then.
	changed bool
}

// samples are the first ports that were open and refused, and what tells of limits.
type samples struct {
	open, refused sample
	load          load
}

// note takes the verdict on one more port of the host.
func (s *samples) note(v *probe.Verdict) {
	if v.Reason == probe.ReasonUnverifiedReset { // anybody's
		return
	}
	s.open.note(v, probe.StateOpen)
	s.refused.note(v, probe.StateRefused)
	s.load.note(v)
}

func (s *sample) note(v *probe.Verdict, was probe.State) {
	switch {
	case v.State == was && s.at.IsZero():
		*s = sample{port: v.Target.Port(), was: was, at: v.Time, last: v.Time}
	case s.at.IsZero(): // nothing that could have changed
	case v.State == was && v.Time.After(s.last):
		s.last = v.Time
	case otherwise(was, v):
		s.not++
	}
}

// otherwise tells whether a verdict is an answer that contradicts what a port was: a
// refusal where it was open, and the other way round. Silence is none.
func otherwise(was probe.State, v *probe.Verdict) bool {
	switch v.State {
	case probe.StateOpen:
		return was == probe.StateRefused
	case probe.StateRefused:
		return was == probe.StateOpen
	case probe.StateFiltered:
		return v.Responder.IsValid() || v.ICMP != nil
	}
	return false
}

// sample takes note of a verdict.
func (h *host) sample(v *probe.Verdict) {
	s := h.several
	if s == nil || s.samples == nil && int(h.tally.ports)+int(h.flights) < fewestSampled {
		return
	}
	if s.samples == nil {
		s.samples = &samples{}
	}
	s.samples.note(v)
}

// sendRechecks asks for the samples of the hosts that may have changed.
func (e *engine) sendRechecks(h *host) {
	if h.several == nil || h.several.samples == nil || h.gone() || h.onlyAgain() {
		return
	}
	first := h.several.samples
	for _, s := range []*sample{&first.open, &first.refused} {
		if s.not >= leastChanged {
			e.sendRecheck(h, s.port)
		}
	}
	e.sendTogether(h)
}

// sendRecheck queues a probe of a port that has had its verdict, unless one is on its way that nobody
// serves, as it seemed.
func (e *engine) sendRecheck(h *host, port uint16) {
	if id, ok := e.newRecheck(h, port); ok {
		e.enqueue(id)
	}
}

// sendRecheckFirst is sendRecheck before all others of the host. While the port of the witness is asked so,
// silent probes wait for that, and each looks every [witnessLook] whether it is over.
func (e *engine) sendRecheckFirst(h *host, port uint16) {
	if id, ok := e.newRecheck(h, port); ok {
		e.enqueueFirst(id)
	}
}

func (e *engine) newRecheck(h *host, port uint16) (id uint32, ok bool) {
	if _, canary := e.flights.find(h, port); canary != nil {
		return 0, false
	}
	id = e.addAgain(h, port)
	e.flights.at(id).rechecks = true
	return id, true
}

// firstAttempt is the number of the first attempt of a probe: the one that is not
// counted as a retransmission.
func (e *engine) firstAttempt(f *flight) int {
	if f.watches || f.rechecks {
		return e.cfg.attempts()
	}
	return 0
}

// recheckAttempts is the end of the attempts at a port that is asked again.
func (c *Config) recheckAttempts() int { return min(c.attempts()+recheckTries, c.witnessAttempts()) }

// rechecked takes the answer of a port that was asked again.
func (s *samples) rechecked(v *probe.Verdict) {
	s.load.rechecked(v)
	for _, one := range []*sample{&s.open, &s.refused} {
		if one.port == v.Target.Port() {
			one.now, one.reason, one.asked = v.State, v.Reason, v.Time
			one.changed = otherwise(one.was, v)
		}
	}
}

// findings are one at most: both samples tell of the same change.
func (s *samples) findings() []probe.Finding {
	for _, one := range []*sample{&s.open, &s.refused} {
		if one.changed {
			return []probe.Finding{one.finding()}
		}
	}
	return s.load.findings(s.open.not)
}

func (s *sample) finding() probe.Finding {
	const clock = "15:04:05.000"
	return probe.Finding{
		Code: "answers-changed", Severity: probe.SeverityWarning,
		Text: fmt.Sprintf("a port that was %v is %v now: during the scan the host, or something on the way, began to answer otherwise, "+
			"so that what other ports answered since need not be their own: probe them again, more slowly", s.was, s.now),
		Evidence: fmt.Sprintf("port %d %v at %s, %v (%v) at %s; the latest port that was %v answered at %s; %d answered otherwise", s.port, s.was, s.at.Format(clock),
			s.now, s.reason, s.asked.Format(clock), s.was, s.last.Format(clock), s.not),
	}
}
