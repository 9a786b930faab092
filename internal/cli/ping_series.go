package cli

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"synscope/internal/report/record"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/loss"
	"synscope/probe/ping"
	"synscope/probe/rtt"
)

// pingSeries is one target of a ping and what its probes gave.
type pingSeries struct {
	*rtt.Series
	word     string // as the user typed it
	name     string // of a name that did not resolve at first, without its port
	target   netip.AddrPort
	timeline *rtt.Timeline // nil: nothing is drawn
	late     uint64        // probes that were lost, and answered after their timeout
	vain     uint64        // SYNs that were lost before one with the same numbers was answered
	hardware uint64        // times between two stamps of hardware
	unsent   uint64        // probes that this machine could not send
	states   map[probe.State]uint64
	clocks   []string // of the times in the series, each once
	state    probe.State
	last     time.Duration
	splitter splitter
	losses   *loss.Tracker
	probed   uint64 // the number of its latest probe
	base     uint64 // what the engine's numbers begin after
}

// manyTargets is from how many targets on their statistics are kept coarsely.
const manyTargets = 50

// newPingSeries begins a series of which up to reach probes are in the air at once.
func newPingSeries(word string, pair netip.AddrPort, targets, reach int) *pingSeries {
	precision := rtt.Precise
	if targets >= manyTargets {
		precision = rtt.Coarse
	}
	return &pingSeries{
		Series: rtt.NewSeries(precision), word: word, target: pair,
		states: map[probe.State]uint64{}, losses: loss.NewTracker(reach),
	}
}

func (s *pingSeries) everOpen() bool { return s.states[probe.StateOpen] > 0 }

// label names the target in a picture or a message.
func (s *pingSeries) label() string {
	if name := record.NameOf(s.word, s.target.Addr()); name != s.target.Addr().String() {
		return fmt.Sprintf("%s port %d", name, s.target.Port())
	}
	return s.target.String()
}

// follow takes one sample into the account of losses, and returns the outages that
// are over now.
func (s *pingSeries) follow(p *ping.Sample, start time.Time) []loss.Window {
	if p.Doubt == probe.DoubtSkipped {
		return nil
	}
	at := p.Sent
	if at.IsZero() {
		at = start.Add(p.Due)
	}
	lost := !p.Answered()
	return s.losses.Add(loss.Probe{
		N: p.N, Sent: at, Port: p.SourcePort, Lost: lost, Unsent: lost && p.Sent.IsZero(), Absent: lost && errors.Is(p.Err, netraw.ErrNoNeighbour),
	})
}

// add takes one sample in.
func (s *pingSeries) add(p *ping.Sample) {
	if p.Doubt == probe.DoubtSkipped {
		return
	}
	s.target, s.state = p.Target, p.State
	s.states[p.State]++
	if p.Err != nil {
		s.unsent++
		if s.timeline != nil {
			s.timeline.Lost(p.Due)
		}
		return
	}
	for range p.Vain() {
		s.Lost()
		s.vain++
	}
	if p.Doubt == probe.DoubtLate && spoke(p) {
		s.late++
	}
	switch {
	case p.Timed():
		s.Series.Add(p.RTT)
		s.last = p.RTT
		if p.Device {
			s.hardware++
		}
		if clock := p.Clock.String(); !slices.Contains(s.clocks, clock) {
			s.clocks = append(s.clocks, clock)
		}
	case p.Answered():
		s.Unmeasured()
	default:
		s.Lost()
	}
	switch {
	case s.timeline == nil:
	case p.Timed():
		s.timeline.Add(p.Due, p.RTT)
	case !p.Answered():
		s.timeline.Lost(p.Due)
	}
}

// addLate takes in an answer that came after its probe was reported as something else. In the
// losses the probe stays what it was; among the states it is counted once, as what the port
// turned out to be.
func (s *pingSeries) addLate(p *ping.Sample) {
	s.states[p.Supersedes]--
	s.states[p.State]++
	if p.N == s.probed {
		s.state = p.State
	}
	if p.Supersedes != probe.StateRefused && spoke(p) { // a refusal is an answer: it is not among the lost
		s.late++
	}
}

// spoke reports whether the port itself said what it is.
func spoke(p *ping.Sample) bool { return p.State == probe.StateOpen || p.State == probe.StateRefused }
