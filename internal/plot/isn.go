package plot

import (
	"cmp"
	"fmt"
	"slices"

	"synscope/internal/picture"
	"synscope/probe/isn"
)

// seqSpace is how many sequence numbers there are.
const seqSpace = 1 << 32

// ISN draws the numbers of one target, which the caption names, in four panels,
// each of which shows another kind of structure: the phase space of their
// differences, the numbers over time with the lines that fit them, what the lines
// leave over, and how often each bit is set. The file is there afterwards whole
// or as it was before.
func ISN(path, caption string, r *isn.Report, samples []isn.Sample) error {
	p := picture.New(wide, high)
	room := p.Heading(isnCaption(caption, r, samples))
	v := &numbers{report: r, samples: samples, dots: isnDots(samples)}
	middle := picture.Point{X: (room.Left + room.Right) / 2, Y: (room.Top + room.Bottom) / 2}
	v.phasePanel().Draw(p, picture.Rect{Left: margin, Top: room.Top, Right: middle.X - margin, Bottom: middle.Y - margin})
	v.timePanel().Draw(p, picture.Rect{Left: middle.X + margin, Top: room.Top, Right: room.Right - margin, Bottom: middle.Y - margin})
	v.restPanel().Draw(p, picture.Rect{Left: margin, Top: middle.Y + margin, Right: middle.X - margin, Bottom: room.Bottom - margin})
	v.bitPanel().Draw(p, picture.Rect{Left: middle.X + margin, Top: middle.Y + margin, Right: room.Right - margin, Bottom: room.Bottom - margin})
	return p.WriteFile(path)
}

// isnCaption names the host, the class, and how many numbers there are.
func isnCaption(caption string, r *isn.Report, samples []isn.Sample) string {
	class := r.Class.String()
	if r.Variant != "" {
		class += " (" + r.Variant + ")"
	}
	return fmt.Sprintf("%s: %s, %s of %s answered", caption, class, counted(r.Samples, ""), counted(len(samples), "SYN"))
}

// numbers are what the panels of one target are drawn from.
type numbers struct {
	report  *isn.Report
	samples []isn.Sample
	dots    []isnDot
}

// isnDot is one answered sample, in the order of time.
type isnDot struct {
	index int     // among the samples
	at    float64 // s since the first, or the sample's number where times are missing
	isn   float64
	tuple int // from 0, in the order of their first sample
}

// isnDots are the answered samples in the order of time.
func isnDots(samples []isn.Sample) []isnDot {
	timed := !slices.ContainsFunc(samples, func(s isn.Sample) bool { return s.ISN.OK && !s.Sent.OK })
	var dots []isnDot
	tuples := map[string]int{}
	for i := range samples {
		s := &samples[i]
		if !s.ISN.OK {
			continue
		}
		d := isnDot{index: i, at: float64(i), isn: float64(s.ISN.Value)}
		if timed {
			d.at = float64(s.Sent.Value)
		}
		key := fmt.Sprint(s.Src, s.SrcPort)
		if _, known := tuples[key]; !known {
			tuples[key] = len(tuples)
		}
		d.tuple = tuples[key]
		dots = append(dots, d)
	}
	return inOrder(dots, timed)
}

// inOrder sorts dots by time and, where they have times, counts seconds from
// the first.
func inOrder(dots []isnDot, timed bool) []isnDot {
	slices.SortStableFunc(dots, func(a, b isnDot) int { return cmp.Compare(a.at, b.at) })
	if !timed || len(dots) == 0 {
		return dots
	}
	start := dots[0].at
	for i := range dots {
		dots[i].at = (dots[i].at - start) / 1e9
	}
	return dots
}

// signed is a difference of sequence numbers the shorter way round.
func signed(d float64) float64 {
	for d >= seqSpace/2 {
		d -= seqSpace
	}
	for d < -seqSpace/2 {
		d += seqSpace
	}
	return d
}
