package screen

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"synscope/internal/report/units"
	"synscope/probe"
)

// Progress shows how far a run has come at the foot of a screen.
type Progress struct {
	Screen *Screen
	// Width is the terminal's width in columns; nil, or a width of 0, is 80.
	// It is asked for at every update, since people resize.
	Width func() int
}

// Update shows p. Its signature is that of [scan.Config]'s OnProgress.
func (p *Progress) Update(now probe.Progress) {
	p.Screen.Show(fit(progressParts(&now, "port"), p.width()))
}

// UpdateHosts shows how far a search for hosts has come.
func (p *Progress) UpdateHosts(now probe.Progress) {
	parts := progressParts(&now, "host")
	parts[0] = "looking for hosts: " + parts[0]
	p.Screen.Show(fit(parts, p.width()))
}

// UpdateSYNs shows how far a run has come that sends one SYN after the other, at no
// rate of its own.
func (p *Progress) UpdateSYNs(now probe.Progress) {
	p.Screen.Show(fit(progressParts(&now, "SYN"), p.width()))
}

// Show shows as many parts as the line has room for, the most important first.
func (p *Progress) Show(parts ...string) { p.Screen.Show(fit(parts, p.width())) }

// Done removes the line.
func (p *Progress) Done() { p.Screen.Show("") }

func (p *Progress) width() int {
	if p.Width != nil {
		if w := p.Width(); w > 0 {
			return w
		}
	}
	return 80
}

// progressParts are what there is to say of a run over so many things, the most
// important first.
func progressParts(p *probe.Progress, thing string) []string {
	parts := []string{done(p, thing)}
	if p.Left > 0 {
		parts = append(parts, units.Duration(p.Left)+" left")
	}
	if p.RateAsked > 0 {
		parts = append(parts, pace(p))
	}
	parts = append(parts, units.Plural(p.Received, "reply", "replies"), units.CountOf(p.KernelDrops, "drop"))
	return append(parts, units.CountOf(p.Done, thing), units.Duration(p.Elapsed))
}

// done is the share of things with a verdict, rounded down: 100 % is the end.
func done(p *probe.Progress, thing string) string {
	if p.Total == 0 {
		return units.CountOf(p.Done, thing) + " done"
	}
	permille := math.Floor(1000 * float64(p.Done) / float64(p.Total))
	return strconv.FormatFloat(permille/10, 'f', 1, 64) + " %"
}

// pace is the rate achieved beside the one asked for.
func pace(p *probe.Progress) string {
	return units.Rate(p.RateAchieved) + " of " + strings.TrimSuffix(units.Rate(p.RateAsked), " pps")
}

// fit joins as many parts as a line of width columns holds. The last column
// stays free: terminals wrap there.
func fit(parts []string, width int) string {
	line := ""
	for _, part := range parts {
		longer := part
		if line != "" {
			longer = line + " · " + part
		}
		if utf8.RuneCountInString(longer) >= width {
			break
		}
		line = longer
	}
	return line
}
