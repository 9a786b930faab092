package probe

import (
	"errors"
	"fmt"
	"synscope/netraw"
	"time"
)

// Summary counts what a run did. Nothing is dropped uncounted: Received is
// Matched plus the sum of Rejected.
type Summary struct {
	Probes        uint64            // ports probed, whatever came of it
	Sent          uint64            // packets that left and are no RSTs: probes, first ones and repeated ones, those that warm up a way, and questions about answers
	Retransmitted uint64            // of those, repeated ones
	Resets        uint64            // RSTs of our own that closed half-open connections
	SendErrors    uint64            // packets that the kernel refused
	ResetsRefused uint64            // of those, RSTs that an output rule of this machine refused: connections stay half open at the targets
	ResetsLost    uint64            // RSTs that seem not to have arrived: the SYN-ACK was retransmitted long after
	Storms        uint64            // connections whose SYN was answered with more different numbers than a TCP chooses
	Received      uint64            // packets that passed the filter, our own not counted
	Matched       uint64            // of those, answers to a transmission of this run
	Rejected      map[string]uint64 // of those, the others, by reason
	KernelDrops   uint64            // packets that the kernel dropped before we read them
	States        map[State]uint64
	Took          time.Duration
	Rate          float64  // probe transmissions a second, achieved while sending
	Complete      bool     // every target has its verdict
	Loss          HostLoss // of transmissions to ports that answer
	WentSilent    uint64   // ports that are unknown because their hosts answered nothing any more
	Confidence    float64  // of ports that kept silent, 0 to 1, where they have no records of their own; 0: it was not measured
	Refusal       error    // why this machine did not let a packet out for good, the last time; nil: it never did not
}

// Progress is a look at a run under way.
type Progress struct {
	Done, Total   uint64 // ports with a verdict, ports to probe (0: not known)
	Sent          uint64
	Received      uint64
	KernelDrops   uint64
	InFlight      int
	RateAsked     float64       // packets a second; +Inf where unbounded
	RateAchieved  float64       // over the last interval
	Elapsed, Left time.Duration // Left is zero while it cannot be told
}

// Unsent is why not one packet of a run has left this machine, which says nothing
// about any target; nil where one has, or none was to.
// Whom nobody on the link answers for was asked for, and that is an answer.
func (s *Summary) Unsent() error {
	if s.Sent > 0 || s.Refusal == nil || errors.Is(s.Refusal, netraw.ErrNoNeighbour) {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrNothingSent, s.Refusal)
}

// Add adds the counts of one part of a run to the total's, whose duration, rate and
// completeness are not the parts'; nor are its loss and its confidence.
func (s *Summary) Add(part *Summary) {
	if s.Rejected == nil {
		s.Rejected, s.States = map[string]uint64{}, map[State]uint64{}
	}
	s.Probes += part.Probes
	s.Sent += part.Sent
	s.Retransmitted += part.Retransmitted
	s.Resets += part.Resets
	s.SendErrors += part.SendErrors
	s.ResetsRefused += part.ResetsRefused
	s.ResetsLost += part.ResetsLost
	s.Storms += part.Storms
	s.Received += part.Received
	s.Matched += part.Matched
	s.KernelDrops += part.KernelDrops
	s.WentSilent += part.WentSilent
	if part.Refusal != nil {
		s.Refusal = part.Refusal
	}
	for why, n := range part.Rejected {
		s.Rejected[why] += n
	}
	for state, n := range part.States {
		s.States[state] += n
	}
}
