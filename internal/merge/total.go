package merge

import (
	"time"

	"synscope/internal/report/record"
	"synscope/probe"
)

// total adds the summaries of parts up.
type total struct {
	sum  record.Summary
	took time.Duration
	rate float64
}

func newTotal() *total {
	return &total{sum: record.Summary{Complete: true, Rejected: map[string]uint64{}, States: map[probe.State]uint64{}}}
}

// add adds what one process did.
func (t *total) add(s *record.Summary) {
	t.sum.Sent += s.Sent
	t.sum.Retransmitted += s.Retransmitted
	t.sum.Resets += s.Resets
	t.sum.SendErrors += s.SendErrors
	t.sum.ResetsRefused = plus(t.sum.ResetsRefused, s.ResetsRefused)
	t.sum.ResetsLost = plus(t.sum.ResetsLost, s.ResetsLost)
	t.sum.Received += s.Received
	t.sum.Matched += s.Matched
	t.sum.KernelDrops += s.KernelDrops
	for reason, n := range s.Rejected {
		t.sum.Rejected[reason] += n
	}
	if s.End.After(t.sum.End) {
		t.sum.End = s.End
	}
	if rate, ok := s.Rate.Get(); ok {
		t.rate += rate
	}
	if sure, ok := s.Confidence.Get(); ok { // of all, that of the least sure
		if least, known := t.sum.Confidence.Get(); !known || sure < least {
			t.sum.Confidence = s.Confidence
		}
	}
}

// plus adds a count that only some have.
func plus(sum, n record.Maybe[uint64]) record.Maybe[uint64] {
	more, ok := n.Get()
	if !ok {
		return sum
	}
	so, _ := sum.Get()
	return record.Some(so + more)
}

// summary is that of all: it took as long as the longest shard, as if all had
// begun together, and its rate is theirs added up.
func (t *total) summary() *record.Summary {
	t.sum.Took = t.took
	if t.rate > 0 {
		t.sum.Rate = record.Some(t.rate)
	}
	return &t.sum
}
