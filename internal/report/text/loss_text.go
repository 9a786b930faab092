package text

import (
	"fmt"
	"strconv"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/probe/loss"
)

// outage is the line of an outage that is told of.
func (t *pingText) outage(o *record.Outage) string {
	return t.paint.paint(red, hostPort(o.Target, o.Addr, o.Port)+" was "+OutageWords(&o.Window, time.Local))
}

// OutageWords is "down 14:02:07 to 14:02:19, 12 probes", by the clock of a place; of a target
// to which nothing could be sent, "not probed", unless that is because nobody on the link has its address.
func OutageWords(w *loss.Window, place *time.Location) string {
	words := "down "
	if w.Unsent == w.Probes && w.Absent == 0 {
		words = "not probed "
	}
	if w.Over() {
		words += clock(w.From, w, place) + " to " + clock(w.To, w, place)
	} else {
		words += "since " + clock(w.From, w, place)
	}
	words += ", " + units.CountOf(w.Probes, "probe")
	switch {
	case w.Unsent == w.Probes && w.Absent > 0:
		words += " could not be sent: nobody on the link has the address"
	case w.Unsent == w.Probes:
		words += " could not be sent"
	case w.Unsent > 0:
		words += ", of which " + units.Count(w.Unsent) + " could not be sent"
	}
	return words
}

// clock is a moment of a window by the clock of a place: with its day where the window
// lasts into another, with milliseconds where it is short.
func clock(at time.Time, w *loss.Window, place *time.Location) string {
	end := w.To
	if !w.Over() {
		end = w.Last
	}
	layout := "15:04:05"
	switch {
	case end.Sub(w.From) < 2*time.Second:
		layout = "15:04:05.000"
	case w.From.In(place).YearDay() != end.In(place).YearDay():
		layout = "2006-01-02 15:04:05"
	}
	return at.In(place).Format(layout)
}

// mostOutages is how many outages the closing lines name.
const mostOutages = 10

// losses are the closing lines about losses: outages, and what the others have in
// common.
func (t *pingText) losses(l *record.Losses) (lines []string) {
	shown := l.Windows[max(len(l.Windows)-mostOutages, 0):]
	if more := l.Told - uint64(len(shown)); more > 0 && len(shown) > 0 {
		lines = append(lines, "    "+units.CountOf(more, "earlier outage"))
	}
	for i := range shown {
		lines = append(lines, "    "+t.paint.paint(red, OutageWords(&shown[i], time.Local)))
	}
	for i := range l.Clusters {
		lines = append(lines, "    "+ClusterWords(&l.Clusters[i], time.Local))
	}
	return lines
}

// lossesOf are the same below a table, under the name of the target.
func (t *pingText) lossesOf(s *record.RTTSummary) []string {
	lines := t.losses(&s.Losses)
	if len(lines) == 0 {
		return nil
	}
	return append([]string{hostPort(s.Target, s.Addr, s.Port) + ":"}, lines...)
}

// ClusterWords say what a group of losses has in common, and how often chance alone
// would show as much.
func ClusterWords(c *loss.Cluster, place *time.Location) string {
	return clusterWords(c, place) + " (by chance: " + chanceWord(c.P) + ")"
}

func clusterWords(c *loss.Cluster, place *time.Location) string {
	switch c.By {
	case loss.ByBurst:
		return fmt.Sprintf("losses come in bursts: %s in %s, up to %s in a row",
			units.Count(c.Lost), units.CountOf(c.Runs, "run"), units.Count(c.Longest))
	case loss.ByPort:
		return "losses cluster on source port " + strconv.Itoa(int(c.Port)) + ": " + against(c)
	case loss.ByParity:
		parity := "odd"
		if c.Even {
			parity = "even"
		}
		return "losses cluster on " + parity + " source ports: " + against(c)
	case loss.ByTime:
		return "losses cluster between " + c.From.In(place).Format("15:04:05") + " and " + c.To.In(place).Format("15:04:05") + ": " + against(c)
	}
	return fmt.Sprintf("losses cluster at seconds %d to %d of each minute: %s", c.Second, c.Second+4, against(c))
}

// against is "12 of 12 lost, 3 of 230 elsewhere".
func against(c *loss.Cluster) string {
	return fmt.Sprintf("%s of %s lost, %s of %s elsewhere", units.Count(c.Lost), units.Count(c.Sent),
		units.Count(c.ElsewhereLost), units.Count(c.ElsewhereSent))
}
