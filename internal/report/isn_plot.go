package report

import (
	"fmt"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"synscope/probe/isn"
)

// seqSpace is how many sequence numbers there are.
const seqSpace = 1 << 32

// PlotISN draws the numbers of one target in four panels, each of which shows
// another kind of structure: the phase space of their differences, the numbers
// over time with the lines that fit them, what the lines leave over, and how
// often each bit is set. The file is there afterwards whole or as it was before.
func PlotISN(path string, r *ISN, samples []isn.Sample) error {
	dots := isnDots(samples)
	var panels [4]*plot.Plot
	for i, draw := range []func(*ISN, []isnDot, []isn.Sample) (*plot.Plot, error){phasePanel, timePanel, restPanel, bitPanel} {
		p, err := draw(r, dots, samples)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrWrite, err)
		}
		panels[i] = p
	}
	return writeAtomically(path, func(w io.Writer) error {
		canvas, finish := newCanvas(path)
		whole := draw.New(canvas)
		heading := panels[0].Title.TextStyle
		heading.Font.Size, heading.XAlign, heading.YAlign = 17, draw.XCenter, draw.YTop
		whole.FillText(heading, vg.Point{X: whole.Center().X, Y: whole.Max.Y - 6}, isnTitle(r))
		tiles := draw.Tiles{Rows: 2, Cols: 2, PadTop: 34, PadBottom: 4, PadLeft: 6, PadRight: 8, PadX: 14, PadY: 10}
		rows := [][]*plot.Plot{panels[:2], panels[2:]}
		for i, row := range plot.Align(rows, tiles, whole) {
			for j, c := range row {
				rows[i][j].Draw(c)
			}
		}
		_, err := finish.WriteTo(w)
		return err
	})
}

// isnTitle names the host and the class.
func isnTitle(r *ISN) string {
	where := r.Target
	if r.Addr.IsValid() {
		where = hostPort(r.Target, r.Addr, r.Port)
	}
	class := r.Report.Class.String()
	if r.Report.Variant != "" {
		class += " (" + r.Report.Variant + ")"
	}
	return fmt.Sprintf("%s: %s", printable(where), class)
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
	timed := true
	for i := range samples {
		if samples[i].ISN.OK && !samples[i].Sent.OK {
			timed = false
		}
	}
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
