package handshake

import (
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// traffic counts the packets of a run.
type traffic struct {
	base    netraw.Stats
	out     uint64 // segments but RSTs
	resets  uint64
	matched uint64
	others  map[string]uint64 // rejected, by reason
	refusal error             // why a segment was given up before it left
}

func newTraffic(base netraw.Stats) traffic {
	return traffic{base: base, others: map[string]uint64{}}
}

func (t *traffic) sent(s *craft.Segment) {
	if s.Flags.Has(craft.RST) {
		t.resets++
		return
	}
	t.out++
}

func (t *traffic) received()         { t.matched++ }
func (t *traffic) reject(why string) { t.others[why]++ }

func (t *traffic) add(u *traffic) {
	t.out, t.resets, t.matched = t.out+u.out, t.resets+u.resets, t.matched+u.matched
	for why, n := range u.others {
		t.others[why] += n
	}
}

// summary is the run's own summary, of one probe.
func (t *traffic) summary(r *runner, res *Result) probe.Summary {
	s := t.totals(r.network, r.start, res.Reason != probe.ReasonInterrupted)
	s.Retransmitted = uint64(res.Retransmits[Client])
	s.States = map[probe.State]uint64{res.State: 1}
	return s
}

// totals are the counts so far.
func (t *traffic) totals(n probe.Network, start time.Time, complete bool) probe.Summary {
	s := probe.Summary{
		Probes: 1, Sent: t.out, Resets: t.resets, Matched: t.matched, Received: t.matched,
		Rejected: t.others, Took: time.Since(start), Complete: complete,
		Refusal: t.refusal,
	}
	wire.CountNetwork(&s, n.Stats(), t.base)
	for _, n := range t.others {
		s.Received += n
	}
	return s
}
