package cli

import (
	"synscope/internal/report/record"
	"synscope/probe"
	"synscope/probe/isn"
	"synscope/probe/ping"
)

// splitter keeps what it takes to tell the way there from the way back: the
// ISN of a host with a clock in it stamps the moment at which our SYN arrived.
type splitter struct{ samples []isn.Sample }

// splitMost bounds how many samples of a target are kept, the first ones: a
// clock's rate is known well enough by then, and memory stays flat.
const splitMost = 20_000

func (s *splitter) add(p *ping.Sample) {
	if p.Reason != probe.ReasonSYNACK || !p.Timed() || len(s.samples) == splitMost {
		return
	}
	sent := p.Sent.UnixNano()
	s.samples = append(s.samples, isn.Sample{
		SrcPort: isn.Some(p.SourcePort), ISN: isn.Some(p.ISN),
		Sent: isn.Some(sent), Received: isn.Some(sent + int64(p.RTT)),
	})
}

// split is what the far end's clock shows; the zero Split where it has none.
func (s *splitter) split() *record.RTTSplit {
	r := isn.Analyze(s.samples, isn.Options{ClockOnly: true})
	clock, ok := r.Clock.Get()
	if !ok || len(r.Lines) == 0 {
		return &record.RTTSplit{}
	}
	spread := isn.SpreadOf(isn.SplitDelays(&r, s.samples))
	return &record.RTTSplit{Samples: spread.N, There: spread.There, Back: spread.Back, ClockHz: clock.Hz}
}

// split measures a target, if asked to.
func (j *pingJob) split(s *pingSeries) *record.RTTSplit {
	if !j.options.SplitJitter {
		return nil
	}
	return s.splitter.split()
}
