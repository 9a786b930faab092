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
	middle := picture.Point{X: (room.Left + room.Right) / 2, Y: (room.Top + room.Bottom) / 2}
	for i, panel := range ISNPanels(r, samples) {
		part := picture.Rect{Left: margin, Top: room.Top, Right: middle.X - margin, Bottom: middle.Y - margin}
		if i%2 == 1 {
			part.Left, part.Right = middle.X+margin, room.Right-margin
		}
		if i/2 == 1 {
			part.Top, part.Bottom = middle.Y+margin, room.Bottom-margin
		}
		panel.Draw(p, part)
	}
	return p.WriteFile(path)
}

// ISNPanels are the four panels of [ISN], from left to right and downwards.
func ISNPanels(r *isn.Report, samples []isn.Sample) [4]*picture.Panel {
	v := &numbers{report: r, samples: samples, dots: isnDots(samples)}
	return [4]*picture.Panel{v.phasePanel(), v.timePanel(), v.restPanel(), v.bitPanel()}
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
