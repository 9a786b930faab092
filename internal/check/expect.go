package check

import (
	"net/netip"
	"time"

	"synscope/internal/target"
	"synscope/probe"
)

// Expectations are a file of expectations with all that it includes.
type Expectations struct {
	Probing Probing
	Expect  []Expectation

	groups []string // names
}

// Probing says how is probed. Zero values are the commands' defaults, but for
// Count and Interval.
type Probing struct {
	Timeout  time.Duration
	Retries  int // -1: not said
	Rate     string
	Count    int // probes for a round-trip time or a loss
	Interval time.Duration
}

// Expectation is what is expected of some targets.
type Expectation struct {
	Name    string
	Targets []string // words, groups resolved
	Where   string   // file and line

	States  []PortState  // ports and what they must be
	NotOpen target.Ports // ports that may be refused or filtered
	Only    bool         // of Scope, nothing but what States has as open may be open
	Scope   target.Ports
	Ports   target.Ports // on which the rest is measured; empty: those that must be open

	RTT       []Bound
	Loss      *float64 // at most, 0 to 1
	Handshake *Handshake
	ISN       *ISN
	Path      *Path

	Overrides map[string]*Expectation // by target
}

// PortState is a state that ports must be in.
type PortState struct {
	State probe.State
	Ports target.Ports
}

// Bound is the most that a percentile, or the largest or mean, may be.
type Bound struct {
	Of   string // "p95", "max", "mean"
	Most time.Duration
}

// Handshake is what a connection must be like.
type Handshake struct {
	Options    []string // negotiated: mss, wscale, sack, ts, ecn, tfo, mptcp
	Without    []string // not negotiated
	Close      []string // one of these
	Findings   []string // must be there
	NoFindings []string // must not be there
}

// ISN is how sequence numbers must be chosen.
type ISN struct {
	AtLeast    string   // a class, in the order of [Ranked]
	Classes    []string // one of these
	Difficulty float64  // bits at least; 0: not said
	Quick      bool     // 8 SYNs instead of 22
}

// Path is how the way there must be.
type Path struct {
	MaxHops int            // 0: not said
	Through []netip.Prefix // each on the way
	Avoid   []netip.Prefix // none on the way
}

// of is the expectation as it is for one target.
func (e *Expectation) of(word string) *Expectation {
	if o := e.Overrides[word]; o != nil {
		return o
	}
	return e
}

// open are the ports that must be open.
func (e *Expectation) open() (all []uint16) {
	for _, s := range e.States {
		if s.State == probe.StateOpen {
			for p := range s.Ports.All() {
				all = append(all, p)
			}
		}
	}
	return all
}

// measured are the ports on which more than the state is looked at.
func (e *Expectation) measured() []uint16 {
	if e.Ports.Len() == 0 {
		return e.open()
	}
	var all []uint16
	for p := range e.Ports.All() {
		all = append(all, p)
	}
	return all
}
