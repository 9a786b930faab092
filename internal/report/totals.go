package report

import (
	"iter"
	"strings"

	"synscope/probe"
)

// summary is the end of a run in words: what was found, what that took, and
// what was lost on the way.
func (t *textSink) summary(s *Summary) []string {
	found := t.foundWords(s)
	if found == "" {
		found = "nothing to tell"
	}
	lines := []string{
		"",
		countOf(s.Probes, "port") + " probed in " + Duration(s.Took) + ": " + found,
		t.traffic(s),
	}
	lines = append(lines, leftOut(s)...)
	if rejected := countWords(s.rejections()); rejected != "" {
		lines = append(lines, "ignored: "+printable(rejected))
	}
	return append(lines, t.losses(s)...)
}

func (t *textSink) foundWords(s *Summary) string {
	var words []string
	for _, state := range probe.States() {
		if n := s.States[state]; n > 0 {
			words = append(words, Count(n)+" "+t.paint.paint(stateStyle(state), state.String()))
		}
	}
	return strings.Join(words, ", ")
}

// traffic is "65,612 packets sent (77 retransmitted) at 5.29k pps, 65,533 received".
func (t *textSink) traffic(s *Summary) string {
	line := countOf(s.Sent, "packet") + " sent"
	if s.Retransmitted > 0 {
		line += " (" + Count(s.Retransmitted) + " retransmitted)"
	}
	if rate, ok := s.Rate.Get(); ok && s.Sent >= enoughForRate {
		line += " at " + Rate(rate)
	}
	return line + ", " + Count(s.Received) + " received"
}

// enoughForRate is how many packets make their rate worth telling.
const enoughForRate = 1000

// losses are warnings about what makes the results doubtful.
func (t *textSink) losses(s *Summary) []string {
	var lines []string
	warn := func(text string) {
		lines = append(lines, t.paint.paint(severityStyle(probe.SeverityWarning), "warning")+": "+text)
	}
	if s.SendErrors > 0 {
		warn(countOf(s.SendErrors, "packet") + " could not be sent")
	}
	if s.KernelDrops > 0 {
		warn("the kernel dropped " + plural(s.KernelDrops, "reply", "replies") +
			" before they were read: open ports may be missing; lower --rate")
	}
	if !s.Complete {
		warn("cut short: not every port has been probed to the end")
	}
	return lines
}

// countWords is "12 bad-checksum, 3 wrong-ack".
func countWords(counts iter.Seq2[string, uint64]) string {
	var words []string
	for name, n := range counts {
		if n > 0 {
			words = append(words, Count(n)+" "+name)
		}
	}
	return strings.Join(words, ", ")
}
