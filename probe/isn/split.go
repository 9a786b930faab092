package isn

import (
	"math"
	"time"
)

// Delay splits one exchange at the moment at which the host processed the SYN,
// as its ISN's clock tells. Clocks at the two ends have no common zero, so each
// way is counted from its own shortest: these are variations, not delays.
type Delay struct {
	Sample int // index into the samples
	There  time.Duration
	Back   time.Duration
}

// SplitDelays reads the remote clock of a tuple-clock or global-clock host: a
// report's lines turn each ISN into a moment between its SYN's sending and the
// SYN-ACK's arrival. Samples without both stamps or off every line are left
// out. The result is as fine as the clock (64 ns at 15,625,000 Hz) and drifts
// by the error of its rate.
func SplitDelays(r *Report, samples []Sample) []Delay {
	clock, ok := r.Clock.Get()
	if !ok || clock.Hz == 0 || len(r.Lines) == 0 {
		return nil
	}
	var out []Delay
	for i := range samples {
		s := &samples[i]
		rtt, stamped := s.RTT()
		l, found := r.lineOf(samples, s)
		if !stamped || !found || !s.ISN.OK {
			continue
		}
		at := l.moment(float64(s.ISN.Value), clock.Hz, float64(s.Sent.Value))
		there := time.Duration(at - float64(s.Sent.Value))
		out = append(out, Delay{i, there, rtt - there})
	}
	return sinceShortest(out)
}

// lineOf finds the line of a sample: that of its tuple, or the only one there is.
func (r *Report) lineOf(samples []Sample, s *Sample) (Line, bool) {
	for _, l := range r.Lines {
		if r.Class == ClassGlobalClock || samples[l.Sample].tuple() == s.tuple() {
			return l, true
		}
	}
	return Line{}, false
}

// moment is when, in ns, the line showed the ISN: of the moments one round of
// the sequence space apart, the one nearest to the time near.
func (l Line) moment(isn, hz, near float64) float64 {
	expected := l.ISN + hz*(near-l.At)/1e9
	return near + wrap(isn-expected)/hz*1e9
}

// sinceShortest counts each way from its shortest.
func sinceShortest(delays []Delay) []Delay {
	there, back := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
	for _, d := range delays {
		there, back = min(there, d.There), min(back, d.Back)
	}
	for i := range delays {
		delays[i].There -= there
		delays[i].Back -= back
	}
	return delays
}
