package text

import (
	"cmp"
	"iter"
	"strings"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/probe"
)

// summary is the end of a run in words: what was found, what that took, and
// what was lost on the way.
func (t *textSink) summary(s *record.Summary) []string {
	found := cmp.Or(t.foundWords(s), "nothing to tell")
	lines := []string{
		"",
		units.CountOf(s.Probes, "port") + " probed in " + units.Duration(s.Took) + ": " + found,
		t.traffic(s),
	}
	lines = append(lines, leftOut(s)...)
	if rejected := countWords(s.Rejections()); rejected != "" {
		lines = append(lines, "ignored: "+units.Printable(rejected))
	}
	return append(lines, t.losses(s, "not every port has been probed to the end")...)
}

func (t *textSink) foundWords(s *record.Summary) string {
	var words []string
	for _, state := range probe.States() {
		if n := s.States[state]; n > 0 {
			words = append(words, units.Count(n)+" "+t.paint.paint(stateStyle(state), state.String()))
		}
	}
	return strings.Join(words, ", ")
}

// traffic is "65,612 packets sent (77 retransmitted) at 5.29k pps, 65,533 received".
func (t *textSink) traffic(s *record.Summary) string {
	line := units.CountOf(s.Sent, "packet") + " sent"
	if s.Retransmitted > 0 {
		line += " (" + units.Count(s.Retransmitted) + " retransmitted)"
	}
	if rate, ok := s.Rate.Get(); ok && s.Sent >= enoughForRate {
		line += " at " + units.Rate(rate)
	}
	return line + ", " + units.Count(s.Received) + " received"
}

// enoughForRate is how many packets make their rate worth telling.
const enoughForRate = 1000

// losses are warnings about what makes the results doubtful; unfinished is what a run
// did not come to that was cut short.
func (t *textSink) losses(s *record.Summary, unfinished string) []string {
	var words []string
	warn := func(text string) { words = append(words, text) }
	if s.SendErrors > 0 {
		warn(units.CountOf(s.SendErrors, "packet") + " could not be sent")
	}
	if s.KernelDrops > 0 {
		warn("the kernel dropped " + units.Plural(s.KernelDrops, "reply", "replies") +
			" before they were read: open ports may be missing; lower --rate")
	}
	if n, ok := s.WentSilent.Get(); ok {
		warn(units.CountOf(n, "port") + " unknown: the host answered nothing any more, not even on a port that had answered; it may be off, or drop what we send since")
	}
	if n, ok := s.Storms.Get(); ok {
		warn(units.CountOf(n, "SYN") + " answered with more than four different numbers, as no TCP answers: somebody has this machine send RSTs; see synscope explain synack-storm")
	}
	if !s.Complete {
		warn("cut short: " + unfinished)
	}
	return t.warnings(words)
}

// warnings are the lines of sentences that make results doubtful.
func (t *textSink) warnings(words []string) (lines []string) {
	for _, w := range words {
		lines = append(lines, t.paint.paint(severityStyle(probe.SeverityWarning), "warning")+": "+w)
	}
	return lines
}

// halfOpen are warnings about connections that stay half open at the targets.
func halfOpen(s *record.Summary) []string {
	if n, ok := s.ResetsRefused.Get(); ok {
		return []string{"this machine's firewall refused " + units.CountOf(n, "RST") + " that close what a probe has opened: connections stay half open at the targets for up to a minute, " +
			"and later SYNs from the same ports may meet them; let RSTs out (nft list ruleset)"}
	}
	if n, ok := s.ResetsLost.Get(); ok {
		return []string{units.CountOf(n, "connection") + " stayed half open at the targets: our RSTs were lost on the way, or a firewall drops them"}
	}
	return nil
}

// countWords is "12 bad-checksum, 3 wrong-ack".
func countWords(counts iter.Seq2[string, uint64]) string {
	var words []string
	for name, n := range counts {
		if n > 0 {
			words = append(words, units.Count(n)+" "+name)
		}
	}
	return strings.Join(words, ", ")
}
