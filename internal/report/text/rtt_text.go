package text

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/probe"
)

// pingText tells a ping as ping(8) does: a line a probe, and closing lines; of
// many targets the closing lines are a table.
type pingText struct {
	*textSink
	closing []*record.RTTSummary
}

// fewTargets is up to how many targets have closing lines of their own.
const fewTargets = 3

func (t *pingText) Record(r record.Record) error {
	switch r := r.(type) {
	case *record.RTT:
		if t.o.Quiet || t.o.Board {
			return nil
		}
		return t.write([]string{t.clock(r.Sent, r.Seen) + t.probe(r)})
	case *record.Outage:
		if t.o.Quiet || t.o.Board {
			return nil
		}
		return t.write([]string{t.clock(r.Window.To, r.Window.Last) + t.outage(r)})
	case *record.RTTSummary:
		t.closing = append(t.closing, r)
	case *record.RTTComparison:
		if err := t.flush(); err != nil {
			return err
		}
		return t.write(t.comparison(r))
	case *record.Summary:
		if err := t.flush(); err != nil || t.o.Quiet {
			return err
		}
		return t.write(t.pingLosses(r))
	}
	return nil
}

func (t *pingText) Close() error {
	if err := t.flush(); err != nil {
		return err
	}
	return t.w.Flush()
}

// probe is the line of one probe.
func (t *pingText) probe(r *record.RTT) string {
	line := t.answer(r) + ": n=" + strconv.FormatUint(r.N, 10)
	if ttl, ok := r.TTL.Get(); ok {
		line += " ttl=" + strconv.Itoa(int(ttl))
	}
	if port, ok := r.SourcePort.Get(); ok {
		line += " sport=" + strconv.Itoa(int(port))
	}
	if d, ok := r.RTT.Get(); ok {
		line += " time=" + t.paint.paint(bold, units.Duration(d))
		switch {
		case r.Clock != "kernel":
			line += " (" + r.Clock + " clock)"
		case r.Stamps != "":
			line += " (" + r.Stamps + " stamps)"
		}
	}
	if r.Attempt > 1 {
		line += fmt.Sprintf(" (attempt %d: %s)", r.Attempt, obstacle(r))
	}
	for _, f := range r.Findings {
		if (f.Severity == probe.SeverityWarning || f.Code == persists) && f.Code != string(r.Reason) {
			line += " " + t.paint.paint(yellow, "["+f.Code+"]")
		}
	}
	before, superseding := r.Before.Get()
	switch {
	case r.Doubt == "":
	case superseding && before == r.State: // an ICMP error says why nothing came
		line += " " + t.paint.paint(yellow, "[late]")
	case superseding:
		line += " " + t.paint.paint(yellow, "[late: in the place of "+before.String()+"]")
	case r.Doubt == string(probe.DoubtLate):
		line += " " + t.paint.paint(yellow, "[late: counted as lost]")
	default:
		line += " " + t.paint.paint(yellow, "["+r.Doubt+": not counted]")
	}
	return line
}

// persists is the finding of a target that answers retransmissions alone.
const persists = "syn-retransmission-required"

// obstacle is why a probe had to be retransmitted.
func obstacle(r *record.RTT) string {
	if _, same := r.Repeats.Get(); same {
		return "the same SYN once more"
	}
	if slices.ContainsFunc(r.Findings, func(f probe.Finding) bool { return f.Code == "path-mtu" }) {
		return "a router found the first too large"
	}
	return "an old connection stood in the way"
}

// answer says what came back, and from whom.
func (t *pingText) answer(r *record.RTT) string {
	from := hostPort(r.Target, r.Addr, r.Port)
	style := stateStyle(r.State)
	switch {
	case r.Reason == probe.ReasonLocalFirewall:
		return t.paint.paint(red, "not sent") + " to " + from + " (this machine's own firewall refused)"
	case r.Error != "":
		return t.paint.paint(red, "not sent") + " to " + from + " (" + units.Printable(r.Error) + ")"
	case r.Doubt == string(probe.DoubtSkipped):
		return t.paint.paint(red, "not sent") + " to " + from
	case r.Reason == probe.ReasonSYNACK:
		return t.paint.paint(style, "SYN-ACK") + " from " + from
	case r.Reason == probe.ReasonConnected:
		return t.paint.paint(style, "connected") + " to " + from
	case r.Reason == probe.ReasonConnReset:
		return t.paint.paint(style, "connected") + " to " + from + " (and reset at once)"
	case r.Reason == probe.ReasonNoResponse:
		return t.paint.paint(style, "no answer") + " from " + from
	case r.State == probe.StateRefused:
		return t.paint.paint(style, "refused") + " by " + from
	case r.Responder.IsValid():
		return t.paint.paint(style, string(r.Reason)) + " says " + r.Responder.String() + " of " + from
	}
	return t.paint.paint(style, string(r.Reason)) + " from " + from
}

// hostPort is how people know a port.
func hostPort(target string, a netip.Addr, port uint16) string {
	name := record.NameOf(target, a)
	if name == a.String() {
		return netip.AddrPortFrom(a, port).String()
	}
	return name + " port " + strconv.Itoa(int(port))
}

// flush writes the closing lines that wait.
func (t *pingText) flush() error {
	var lines []string
	if len(t.closing) > fewTargets {
		lines = append([]string{""}, rttTable(t.closing, t.paint, t.limit())...)
		for _, s := range t.closing {
			lines = append(lines, t.lossesOf(s)...)
		}
		for _, s := range t.closing {
			lines = append(lines, t.histogram(s)...)
		}
	} else {
		for _, s := range t.closing {
			lines = append(lines, t.statistics(s)...)
		}
	}
	t.closing = nil
	return t.write(lines)
}

// statistics are the closing lines of one target.
func (t *pingText) statistics(s *record.RTTSummary) []string {
	lines := []string{
		"",
		t.paint.paint(bold, "--- "+hostPort(s.Target, s.Addr, s.Port)+" ping statistics ---"),
		tally(s),
	}
	if s.Measured == 0 {
		return append(lines, t.losses(&s.Losses)...)
	}
	lines = append(lines,
		rttTimes(s),
		fmt.Sprintf("    p50 %s, p90 %s, p95 %s, p99 %s", units.Duration(s.P50), units.Duration(s.P90), units.Duration(s.P95), units.Duration(s.P99)),
	)
	if s.Split != nil {
		lines = append(lines, "    "+splitWords(s.Split))
	}
	return append(append(lines, t.losses(&s.Losses)...), t.histogram(s)...)
}

// clock is the time in front of a line, where that is asked for: when the probe
// left, or, of one that did not, when that was known.
func (t *pingText) clock(sent, seen time.Time) string {
	switch {
	case !t.o.Clock:
		return ""
	case sent.IsZero():
		sent = seen
	}
	return sent.Local().Format("15:04:05.000") + " "
}

// tally is "3 probes sent, 2 received, 1 lost (33.33 %)". SYNs that were retransmitted are transmissions
// that were lost, and no probes.
func tally(r *record.RTTSummary) string {
	asked := units.CountOf(r.Sent-r.Vain, "probe")
	if r.Vain > 0 {
		asked += " and " + units.CountOf(r.Vain, "retransmission")
	}
	words := fmt.Sprintf("%s sent, %s received, %s lost", asked, units.Count(r.Received), units.Count(r.Lost))
	if r.Sent > 0 {
		words += " (" + units.Percent(r.Loss) + ")"
	}
	if r.Unsent > 0 {
		words += fmt.Sprintf(", %s could not be sent", units.Count(r.Unsent))
	}
	if r.Late > 0 {
		words += fmt.Sprintf(", %s of those answered after the timeout", units.Count(r.Late))
	}
	if n := r.Received - r.Measured; n > 0 {
		words += fmt.Sprintf(", %s without a time to trust", units.Count(n))
	}
	return words
}

// rttTimes is "RTT min 1.1 ms, mean 1.2 ms, max 1.3 ms (kernel clock)", and how
// they vary where that can be said.
func rttTimes(r *record.RTTSummary) string {
	words := fmt.Sprintf("RTT min %s, mean %s, max %s", units.Duration(r.Min), units.Duration(r.Mean), units.Duration(r.Max))
	if r.Varied() {
		words += fmt.Sprintf(", stddev %s, jitter %s", units.Duration(r.StdDev), units.Duration(r.Jitter))
	}
	return words + " (" + clockWords(r) + ")"
}

// RTTWords is the summary in a line.
func RTTWords(r *record.RTTSummary) string {
	if r.Measured == 0 {
		return tally(r)
	}
	return tally(r) + "; " + rttTimes(r)
}

// clockWords says by which clock the times are, and where hardware was asked to
// stamp, how many it did.
func clockWords(s *record.RTTSummary) string {
	words := s.Clock + " clock"
	hardware, asked := s.Hardware.Get()
	switch {
	case !asked:
		return words
	case hardware == s.Measured:
		return words + ", hardware stamps"
	case hardware == 0:
		return words + ", no hardware stamps"
	}
	return fmt.Sprintf("%s; %s of %s times by hardware stamps", words, units.Count(hardware), units.Count(s.Measured))
}

// splitWords tells the two ways apart, or why that cannot be.
func splitWords(s *record.RTTSplit) string {
	if s.Samples == 0 {
		return "the two ways cannot be told apart: the far end's sequence numbers show no clock, or too few were seen"
	}
	return fmt.Sprintf("the way there varies by %s, the way back by %s (%s, by the far end's clock of %s Hz)",
		units.Duration(s.There), units.Duration(s.Back), units.CountOf(uint64(s.Samples), "probe"), units.Count(uint64(s.ClockHz)))
}

// barWide is the width of the longest bar, barAt where it begins.
const (
	barWide = 50
	barAt   = 10 + len(" to ") + 10 + 1 + 8 + 1
)

// histogram is a bar for each range of times.
func (t *pingText) histogram(s *record.RTTSummary) []string {
	if len(s.Bars) == 0 {
		return nil
	}
	most := uint64(1)
	for _, b := range s.Bars {
		most = max(most, b.Count)
	}
	longest := barWide
	if limit := t.limit(); limit > 0 {
		longest = min(barWide, limit-barAt)
	}
	lines := []string{"", "RTT of " + hostPort(s.Target, s.Addr, s.Port) + ":"}
	for _, b := range s.Bars {
		lines = append(lines, fmt.Sprintf("%10s to %-10s %8s %s", units.Finer(b.From, b.To-b.From), units.Finer(b.To, b.To-b.From), units.Count(b.Count),
			t.paint.paint(cyan, bar(float64(b.Count)/float64(most)*float64(longest)))))
	}
	return lines
}

// bar draws a length in eighths of a character.
func bar(length float64) string {
	eighths := int(length*8 + 0.5)
	if eighths == 0 && length > 0 {
		eighths = 1
	}
	partial := ""
	if rest := eighths % 8; rest > 0 {
		partial = string(rune('█' + 8 - rest))
	}
	return strings.Repeat("█", eighths/8) + partial
}

// comparison says in words whether two targets differ.
func (t *pingText) comparison(c *record.RTTComparison) []string {
	lines := []string{"", t.paint.paint(bold, "--- "+units.Printable(c.A)+" against "+units.Printable(c.B)+" ---")}
	words := comparisonSentences(c)
	if compared(c) && c.Differ() {
		words[0] = t.paint.paint(yellow, words[0])
	}
	return append(lines, words...)
}

// compared tells whether there was anything to compare.
func compared(c *record.RTTComparison) bool { return c.NA > 0 && c.NB > 0 }

// comparisonSentences are whether two targets differ, and what that rests on.
func comparisonSentences(c *record.RTTComparison) []string {
	if !compared(c) {
		return []string{"nothing to compare: one of them gave no time"}
	}
	a, b := units.Printable(c.A), units.Printable(c.B)
	slower, than, shift, chance := b, a, c.Shift, c.Superiority
	if c.Superiority < 0.5 {
		slower, than, shift, chance = a, b, -c.Shift, 1-c.Superiority
	}
	verdict := "no difference was shown that is worth a name"
	if c.Differ() {
		verdict = slower + " is slower than " + than
	}
	way := "higher"
	if shift < 0 {
		shift, way = -shift, "lower"
	}
	return []string{
		verdict,
		fmt.Sprintf("the median of %s is %s %s", slower, units.Duration(shift), way),
		fmt.Sprintf("in %.0f %% of all pairs a probe of it takes longer than one of %s (%s effect, Cliff's delta %.2f)", 100*chance, than, c.Effect(), c.Delta),
		fmt.Sprintf("by chance alone that would be seen with %s (Mann–Whitney, %s and %s times)", chanceWord(c.P), units.Count(c.NA), units.Count(c.NB)),
	}
}

// ComparisonWords is the comparison in a line.
func ComparisonWords(c *record.RTTComparison) string {
	return strings.Join(comparisonSentences(c), "; ")
}

func chanceWord(p float64) string {
	if p < 0.0001 {
		return "p < 0.0001"
	}
	return "p = " + strconv.FormatFloat(p, 'f', 4, 64)
}

// pingLosses are warnings about what makes the numbers doubtful.
func (t *pingText) pingLosses(s *record.Summary) []string {
	var lines []string
	if s.KernelDrops > 0 {
		lines = append(lines, t.paint.paint(red, "warning")+": the kernel dropped "+units.Plural(s.KernelDrops, "packet", "packets")+
			" before they were read: some probes counted as lost were answered")
	}
	if s.SendErrors > 0 {
		lines = append(lines, t.paint.paint(red, "warning")+": this machine refused to send "+units.Plural(s.SendErrors, "time", "times")+
			": a queue was full, a firewall forbade it, or there was no way")
	}
	return lines
}
