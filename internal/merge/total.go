package merge

import (
	"time"

	"synscope/internal/report/record"
	"synscope/probe"
)

// total adds the summaries of parts up.
type total struct {
	sum  probe.Summary
	end  time.Time // of the part that ended last
	sure record.Maybe[float64]
}

// add adds what one process did; how long it took, and the ports, are the shard's.
func (t *total) add(s *record.Summary) {
	t.sum.Add(s.Traffic())
	if s.End.After(t.end) {
		t.end = s.End
	}
	if rate, ok := s.Rate.Get(); ok {
		t.sum.Rate += rate
	}
	if sure, ok := s.Confidence.Get(); ok { // of all, that of the least sure
		if least, known := t.sure.Get(); !known || sure < least {
			t.sure = s.Confidence
		}
	}
}

// summary is that of all: it took as long as the longest shard, as if all had
// begun together, and its rate is theirs added up.
func (t *total) summary() *record.Summary {
	r := record.NewSummary(&t.sum, t.end)
	r.Confidence = t.sure
	return r
}
