package rtt

import (
	"math"
	"time"
)

// Series is what is kept of the probes to one port: counts, moments, jitter
// and distribution. The zero value is empty.
type Series struct {
	Distribution Distribution
	sent, lost   uint64
	moments      moments
	jitter       jitter
}

// NewSeries returns an empty series.
func NewSeries(p Precision) *Series { return &Series{Distribution: Distribution{precision: p}} }

// Add takes a transmission that was answered after rtt.
func (s *Series) Add(rtt time.Duration) {
	s.sent++
	s.moments.add(float64(rtt))
	s.jitter.add(rtt)
	s.Distribution.Add(rtt)
}

// Unmeasured takes a transmission that was answered, but whose time cannot be
// trusted: it counts as received and enters no statistic.
func (s *Series) Unmeasured() { s.sent++ }

// Lost takes a transmission that was not answered.
func (s *Series) Lost() {
	s.sent++
	s.lost++
}

// Summary is a series in a few numbers. All but the counts are zero where
// Measured is zero.
type Summary struct {
	Sent, Received, Lost uint64
	Measured             uint64  // of those received, how many have a time
	Loss                 float64 // share of Sent, 0 to 1
	Min, Mean, Max       time.Duration
	P50, P90, P95, P99   time.Duration
	StdDev               time.Duration // of the sample (n − 1); zero for one value
	Jitter               time.Duration // RFC 3550 §6.4.1
}

// Summary computes the numbers of what was added so far.
func (s *Series) Summary() Summary {
	d := &s.Distribution
	return Summary{
		Sent: s.sent, Received: s.sent - s.lost, Lost: s.lost, Measured: d.N(),
		Min: d.Min(), Max: d.Max(), Mean: round(s.moments.mean),
		P50: d.Percentile(50), P90: d.Percentile(90), P95: d.Percentile(95), P99: d.Percentile(99),
		StdDev: round(s.moments.deviation()), Jitter: round(s.jitter.value), Loss: s.Loss(),
	}
}

// Loss is the share of what was sent that was lost, and Mean the mean of the
// times; both are cheap, where a Summary is not.
func (s *Series) Loss() float64 {
	if s.sent == 0 {
		return 0
	}
	return float64(s.lost) / float64(s.sent)
}

// Mean is the mean of the times; zero where there is none.
func (s *Series) Mean() time.Duration { return round(s.moments.mean) }

func round(ns float64) time.Duration { return time.Duration(math.Round(ns)) }

// moments are mean and variance by Welford's recurrence, which loses no
// digits however many values there are (Technometrics 4, 1962).
type moments struct {
	n          uint64
	mean, sum2 float64 // sum2: of squared distances from the mean
}

func (m *moments) add(x float64) {
	m.n++
	d := x - m.mean
	m.mean += d / float64(m.n)
	m.sum2 += d * (x - m.mean)
}

func (m *moments) deviation() float64 {
	if m.n < 2 {
		return 0
	}
	return math.Sqrt(m.sum2 / float64(m.n-1))
}

// jitter is the interarrival jitter of RFC 3550 §6.4.1, a running mean over
// about sixteen packets of how much the transit time differs from that of the
// packet before. With both stamps on one machine the difference of transit
// times is that of round-trip times.
type jitter struct {
	value float64
	last  time.Duration
	begun bool
}

func (j *jitter) add(rtt time.Duration) {
	if j.begun {
		j.value += (math.Abs(float64(rtt-j.last)) - j.value) / 16
	}
	j.last, j.begun = rtt, true
}
