package report

import (
	"math"

	"gonum.org/v1/plot"

	"synscope/probe/isn"
)

// restPanel draws what is left when what the class knows is taken away: the
// line of a clock, our own number of a cookie, the number before of all others.
func restPanel(r *ISN, dots []isnDot, samples []isn.Sample) (*plot.Plot, error) {
	clock, ok := r.Report.Clock.Get()
	switch class := r.Report.Class; {
	case ok && len(r.Report.Lines) > 0:
		return residualPanel(r, clock.Hz, dots, samples)
	case class == isn.ClassSYNCookies, class == isn.ClassSYNProxy:
		return offsetPanel(dots, samples)
	case class == isn.ClassTupleRandomIncrement, class == isn.ClassTupleConstant, class == isn.ClassMixed:
		return differencePanel(dots, "difference from the number before on the same port", func(d isnDot) int { return d.tuple })
	}
	return differencePanel(dots, "difference from the number before", func(isnDot) int { return 0 })
}

// offsetPanel draws the numbers less our own, which one tuple's cookies keep.
func offsetPanel(dots []isnDot, samples []isn.Sample) (*plot.Plot, error) {
	p := newPlot("numbers less our own", "time (s)", "isn − client isn (2^32 = 1)")
	p.Add(gridOf())
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, span(dots), 0, 1.3
	return p, addDots(p, dots, func(d isnDot) (float64, bool) {
		client, ok := samples[d.index].ClientISN.Get()
		return float64(uint32(d.isn)-uint32(client)) / seqSpace, ok
	})
}

// residualPanel draws the distances from the lines, as time.
func residualPanel(r *ISN, hz float64, dots []isnDot, samples []isn.Sample) (*plot.Plot, error) {
	rest := residuals(r, hz, samples)
	widest := 0.0
	for _, v := range rest {
		widest = max(widest, math.Abs(v))
	}
	unit, name := 1e6, "µs"
	switch {
	case widest > 2:
		unit, name = 1, "s"
	case widest > 2e-3:
		unit, name = 1e3, "ms"
	}
	p := newPlot("residuals: how far each is from its line", "time (s)", "too late (+) or early by ("+name+")")
	p.Add(gridOf())
	p.X.Min, p.X.Max = 0, span(dots)
	room := math.Max(widest*unit, 1e-3)
	p.Y.Min, p.Y.Max = -1.1*room, 1.6*room
	return p, addDots(p, dots, func(d isnDot) (float64, bool) {
		v, ok := rest[d.index]
		return v * unit, ok
	})
}

// residuals are the distances of samples from their lines, in s, by the
// sample's index.
func residuals(r *ISN, hz float64, samples []isn.Sample) map[int]float64 {
	rest := map[int]float64{}
	for i := range samples {
		s := &samples[i]
		rtt, timed := s.RTT()
		for _, l := range r.Report.Lines {
			of := &samples[l.Sample]
			if !timed || !s.ISN.OK || r.Report.Class != isn.ClassGlobalClock && (of.Src != s.Src || of.SrcPort != s.SrcPort) {
				continue
			}
			at := float64(s.Sent.Value) + float64(rtt)/2
			v := signed(math.Mod(float64(s.ISN.Value)-l.ISN-hz*(at-l.At)/1e9, seqSpace)) / hz
			if old, has := rest[i]; !has || math.Abs(v) < math.Abs(old) {
				rest[i] = v
			}
		}
	}
	return rest
}

// differencePanel draws each number's difference from the one before it in its
// group.
func differencePanel(dots []isnDot, title string, group func(isnDot) int) (*plot.Plot, error) {
	diffs := make(map[int]float64, len(dots))
	before := map[int]float64{}
	widest := 0.0
	for _, d := range dots {
		if last, ok := before[group(d)]; ok {
			diffs[d.index] = signed(d.isn - last)
			widest = max(widest, math.Abs(diffs[d.index]))
		}
		before[group(d)] = d.isn
	}
	unit, name := differenceUnit(widest)
	p := newPlot(title, "time (s)", "difference"+name)
	p.Add(gridOf())
	p.X.Min, p.X.Max = 0, span(dots)
	room := math.Max(widest/unit, 1)
	p.Y.Min, p.Y.Max = -1.1*room, 1.6*room
	return p, addDots(p, dots, func(d isnDot) (float64, bool) {
		v, ok := diffs[d.index]
		return v / unit, ok
	})
}
