package plot

import (
	"fmt"
	"image/color"
	"slices"
	"time"

	"synscope/internal/picture"
	"synscope/internal/report/units"
	"synscope/probe/rtt"
)

// Series is one target of a picture of round-trip times.
type Series struct {
	Name     string
	Series   *rtt.Series
	Timeline *rtt.Timeline
}

// MostSeries is how many targets a picture tells apart.
const MostSeries = len(picture.Palette)

// Size of a picture in points, and the margin round its panels.
const wide, high, margin = 11 * 72.0, 8 * 72.0, 8.0

// RTT draws a ping into a file that is there afterwards whole or as it was
// before: the times over the run with the losses below them, and the
// distribution with its percentiles. caption says what was done, start when.
func RTT(path, caption string, start time.Time, all []Series) error {
	shown := all[:min(len(all), MostSeries)]
	p := picture.New(wide, high)
	room := p.Heading(captionOf(caption, all, len(shown)))
	upper, lower := room.Inset(margin), room.Inset(margin)
	upper.Top, upper.Bottom = room.Top, (room.Top+room.Bottom)/2-margin/2
	lower.Top = upper.Bottom + margin
	for i, panel := range RTTPanels(start, shown) {
		panel.Draw(p, [...]picture.Rect{upper, lower}[i])
	}
	return p.WriteFile(path)
}

// RTTPanels are the two panels of [RTT], of at most [MostSeries] targets.
func RTTPanels(start time.Time, all []Series) [2]*picture.Panel {
	return [2]*picture.Panel{overTime(start, all), distribution(all)}
}

// captionOf adds how many probes were answered, the only place that counts them.
func captionOf(caption string, all []Series, shown int) string {
	received, sent := uint64(0), uint64(0)
	for _, s := range all {
		sum := s.Series.Summary()
		received, sent = received+sum.Received, sent+sum.Received+sum.Lost
	}
	if sent == 0 {
		return caption + ": no probes"
	}
	caption += fmt.Sprintf(": %s of %s answered", units.Count(received), units.Count(sent))
	if shown < len(all) {
		caption += fmt.Sprintf(" (the first %d of %d targets)", shown, len(all))
	}
	return caption
}

// overTime is the upper panel: when probes left, and how long each took.
func overTime(start time.Time, all []Series) *picture.Panel {
	end, unit := lengthOf(all)
	scale := scaleOf(all)
	label := unit.name + " since " + start.Format("2006-01-02 15:04:05 MST")
	x := picture.Axis{Label: label, High: end}
	switch {
	case !probed(all):
		x = picture.Axis{Hidden: true, High: 1}
	case end == 0:
		x = atOnce(label)
	}
	p := &picture.Panel{
		X:      x,
		Y:      scale.axis("round-trip time"),
		Legend: targetKeys(all),
		Lanes:  losses(all, unit),
	}
	if !scale.any {
		p.Note = "no time was measured"
	}
	for i, s := range all {
		p.Layers = append(p.Layers, timesOf(s, i, scale, unit)...)
	}
	return p
}

// probed tells whether there is any probe.
func probed(all []Series) bool {
	return slices.ContainsFunc(all, func(s Series) bool { return len(s.Timeline.Bins()) > 0 })
}

// targetKeys name the targets where there are several, and losses where there
// are any.
func targetKeys(all []Series) (keys []picture.Key) {
	lost := uint64(0)
	for i, s := range all {
		sum := s.Series.Summary()
		lost += sum.Lost
		if len(all) == 1 && sum.Received > 0 {
			keys = append(keys, picture.Key{Words: "answered", Colour: picture.Palette[i]})
		}
		if len(all) > 1 {
			keys = append(keys, picture.Key{Words: answeredOf(s.Name, sum), Colour: picture.Palette[i]})
		}
	}
	if lost > 0 {
		keys = append(keys, picture.Key{Words: "no answer", Shape: picture.Cross, Colour: lossColour(all)})
	}
	return keys
}

// answeredOf says of one target among several what the caption says of all.
func answeredOf(name string, sum rtt.Summary) string {
	if sum.Lost == 0 {
		return name
	}
	return fmt.Sprintf("%s (%s of %s)", name, units.Count(sum.Received), units.Count(sum.Received+sum.Lost))
}

// losses are the lanes of what was not answered: one in vermilion, or one in
// each target's colour.
func losses(all []Series, unit timeUnit) (lanes []picture.Lane) {
	for i, s := range all {
		lane := picture.Lane{Shape: picture.Cross, Colour: picture.Loss}
		if len(all) > 1 {
			lane.Colour = picture.Palette[i]
		}
		for _, b := range s.Timeline.Bins() {
			if b.Lost > 0 {
				lane.At = append(lane.At, unit.of(b.At))
			}
		}
		if len(lane.At) > 0 {
			lanes = append(lanes, lane)
		}
	}
	if len(lanes) > 0 {
		lanes[0].Name = "no answer"
	}
	return lanes
}

// timesOf is a point for each probe; where a point stands for many, a line
// reaches from their smallest to their largest time.
func timesOf(s Series, i int, scale timeScale, unit timeUnit) (layers []picture.Layer) {
	c := picture.Palette[i]
	var points []picture.Point
	for _, b := range s.Timeline.Bins() {
		if b.Answered == 0 {
			continue
		}
		x := unit.of(b.At)
		points = append(points, picture.Point{X: x, Y: scale.value(b.Mean)})
		if b.Min != b.Max {
			layers = append(layers, picture.Line{Width: 0.6, Colour: picture.Fade(c), Through: []picture.Point{
				{X: x, Y: scale.value(b.Min)}, {X: x, Y: scale.value(b.Max)},
			}})
		}
	}
	return append(layers, picture.Dots{At: points, Radius: picture.Radius(len(points)), Colour: c})
}

// lossColour is that of the cross in the legend: of the lanes, or of none of them
// where each target has its own.
func lossColour(all []Series) color.RGBA {
	if len(all) > 1 {
		return neutral
	}
	return picture.Loss
}

var neutral = color.RGBA{95, 95, 95, 255}
