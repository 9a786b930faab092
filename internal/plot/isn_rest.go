package plot

import (
	"math"

	"synscope/internal/picture"
	"synscope/probe/isn"
)

// restPanel draws what is left when what the class knows is taken away: the
// line of a clock, our own number of a cookie, the number before of all others.
func (v *numbers) restPanel() *picture.Panel {
	clock, ok := v.report.Clock.Get()
	switch class := v.report.Class; {
	case ok && len(v.report.Lines) > 0:
		return v.residualPanel(clock.Hz)
	case class == isn.ClassSYNCookies, class == isn.ClassSYNProxy:
		return v.offsetPanel()
	case class == isn.ClassTupleRandomIncrement, class == isn.ClassTupleConstant, class == isn.ClassMixed:
		return v.differencePanel("difference from the number before on the same port", func(d isnDot) int { return d.tuple })
	}
	return v.differencePanel("difference from the number before", func(isnDot) int { return 0 })
}

// offsetPanel draws the numbers less our own, which one tuple's cookies keep.
func (v *numbers) offsetPanel() *picture.Panel {
	p := v.overTime("numbers less our own", picture.Axis{Label: "isn − client isn (2^32 = 1)", High: 1})
	return v.addDots(p, func(d isnDot) (float64, bool) {
		client, ok := v.samples[d.index].ClientISN.Get()
		return float64(uint32(d.isn)-uint32(client)) / seqSpace, ok
	})
}

// residualPanel draws the distances from the lines, as time.
func (v *numbers) residualPanel(hz float64) *picture.Panel {
	rest := v.residuals(hz)
	earliest, latest := 0.0, 0.0
	for _, d := range rest {
		earliest, latest = min(earliest, d), max(latest, d)
	}
	unit, name := 1e6, "µs"
	switch widest := max(-earliest, latest); {
	case widest > 2:
		unit, name = 1, "s"
	case widest > 2e-3:
		unit, name = 1e3, "ms"
	}
	y := axisOf("too late (+) or early by ("+name+")", earliest*unit, latest*unit)
	p := v.overTime("residuals: how far each is from its line", y)
	return v.addDots(p, func(d isnDot) (float64, bool) {
		r, ok := rest[d.index]
		return r * unit, ok
	})
}

// residuals are the distances of samples from their lines, in s, by the
// sample's index.
func (v *numbers) residuals(hz float64) map[int]float64 {
	rest := map[int]float64{}
	for i := range v.samples {
		s := &v.samples[i]
		rtt, timed := s.RTT()
		for _, l := range v.report.Lines {
			of := &v.samples[l.Sample]
			if !timed || !s.ISN.OK || v.report.Class != isn.ClassGlobalClock && (of.Src != s.Src || of.SrcPort != s.SrcPort) {
				continue
			}
			at := float64(s.Sent.Value) + float64(rtt)/2
			d := signed(math.Mod(float64(s.ISN.Value)-l.ISN-hz*(at-l.At)/1e9, seqSpace)) / hz
			if old, has := rest[i]; !has || math.Abs(d) < math.Abs(old) {
				rest[i] = d
			}
		}
	}
	return rest
}

// differencePanel draws each number's difference from the one before it in its
// group.
func (v *numbers) differencePanel(title string, group func(isnDot) int) *picture.Panel {
	diffs := make(map[int]float64, len(v.dots))
	before := map[int]float64{}
	lowest, highest := math.Inf(1), math.Inf(-1)
	for _, d := range v.dots {
		if last, ok := before[group(d)]; ok {
			diff := signed(d.isn - last)
			diffs[d.index] = diff
			lowest, highest = min(lowest, diff), max(highest, diff)
		}
		before[group(d)] = d.isn
	}
	unit, name := differenceUnit(max(-lowest, highest))
	p := v.overTime(title, axisOf("difference"+name, min(lowest, 0)/unit, max(highest, 0)/unit))
	return v.addDots(p, func(d isnDot) (float64, bool) {
		diff, ok := diffs[d.index]
		return diff / unit, ok
	})
}
