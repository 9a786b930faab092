package text

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/probe/isn"
)

// isnText tells of sequence numbers, a screen a target.
type isnText struct {
	*textSink
	screens int // written so far
}

const (
	isnWide  = 96                      // where lines break, unless a terminal says
	isnLabel = len("  our MSS there ") // the longest of all
)

func (t *isnText) Record(r record.Record) error {
	switch r := r.(type) {
	case *record.ISNSample:
		if t.o.Reason {
			return t.write([]string{t.sample(r)})
		}
	case *record.ISN:
		t.screens++
		return t.write(t.screen(r))
	case *record.Summary:
		if t.o.Quiet || r.Probes == 0 {
			return nil
		}
		return t.write(t.summary(r))
	}
	return nil
}

func (t *isnText) Close() error { return t.w.Flush() }

// sample is the line of one SYN.
func (t *isnText) sample(s *record.ISNSample) string {
	number := t.paint.paint(yellow, "lost      ")
	if v, ok := s.ISN.Get(); ok {
		number = fmt.Sprintf("%10d", v)
	}
	line := units.Padded(s.Series, len(isn.SeriesVariedAddress)) + "  isn " + number
	if port, ok := s.SrcPort.Get(); ok {
		line += fmt.Sprintf("  from port %d", port)
	}
	if rtt, ok := s.RTT(); ok && s.ISN.OK {
		line += "  in " + units.Duration(rtt)
	}
	return line
}

// screen is all about one target.
func (t *isnText) screen(r *record.ISN) []string {
	rep := &r.Report
	var lines []string
	if t.screens > 1 || t.o.Reason {
		lines = append(lines, "")
	}
	lines = append(lines, t.headline(r), "")
	lines = append(lines, t.labelled("means", meaning(rep))...)
	if rep.Class != isn.ClassUnknown {
		lines = append(lines, t.labelled("how sure", isnSure(rep.Confidence)+"; "+basis(r)+runnerUp(rep))...)
		lines = append(lines, t.generator(rep)...)
		lines = append(lines, t.labelled("off-path", ISNAttack(rep))...)
	} else if rep.Samples > 0 {
		lines = append(lines, t.labelled("rests on", basis(r))...)
		if rep.Clock.OK {
			lines = append(lines, t.generator(rep)...)
		}
	}
	if n, ok := rep.Nmap.Get(); ok {
		lines = append(lines, t.labelled("nmap says", isnNmap(n))...)
	}
	if more := isnMore(rep); more != "" {
		lines = append(lines, t.labelled("to know more", more)...)
	}
	lines = append(lines, t.evidenceTable(rep)...)
	return append(lines, t.remarks(r)...)
}

// runnerUp names the next best class, and how far behind it is.
func runnerUp(r *isn.Report) string {
	if r.RunnerUp == isn.ClassUnknown {
		return ""
	}
	return fmt.Sprintf("; next best %s, %s bits behind", r.RunnerUp, units.Count(uint64(math.Round(r.BitsBetween))))
}

// headline is the answer in one line.
func (t *isnText) headline(r *record.ISN) string {
	class, style := r.Report.Class.String(), isnStyle(&r.Report)
	if v := r.Report.Variant; v != "" {
		class += " (" + v + ")"
	}
	where := r.Target
	if r.Addr.IsValid() {
		where = hostPort(r.Target, r.Addr, r.Port)
	}
	return t.paint.paint(bold, units.Printable(where)) + ": " + t.paint.paint(style, class)
}

// isnStyle is green where guessing is as hard as it can be, red where it is
// easy, and yellow between the two.
func isnStyle(r *isn.Report) style {
	g, ok := r.GuessesP50.Get()
	switch {
	case !ok || r.Class == isn.ClassUnknown:
		return plain
	case g >= 1<<31:
		return green
	case g <= 1<<16:
		return red
	}
	return yellow
}

// basis is what the class rests on.
func basis(r *record.ISN) string {
	text := units.CountOf(uint64(r.Report.Samples), "answer")
	if r.Report.Lost > 0 {
		text += ", " + units.Count(uint64(r.Report.Lost)) + " lost"
	}
	if by := record.StampedBy(r.Clock); by != "" {
		text += ", " + by
	}
	return text
}

// generator is what moves the numbers, and by how much.
func (t *isnText) generator(r *isn.Report) (lines []string) {
	moved := "nothing that was varied"
	if text := shownOf(r); text != "" {
		moved = text
	}
	lines = t.labelled("depends on", moved)
	if c, ok := r.Clock.Get(); ok {
		wide := c.High - c.Low
		text := fmt.Sprintf("%s counts a second (95 %%: %s to %s)", Hertz(c.Hz, wide), Hertz(c.Low, wide), Hertz(c.High, wide))
		if c.Nominal != 0 {
			text += ", nominally " + Hertz(c.Nominal, 2)
		}
		lines = append(lines, t.labelled("clock", text)...)
	}
	if step, ok := r.Step.Get(); ok {
		lines = append(lines, t.labelled("step", signedCount(step)+" a connection")...)
	}
	if mss, ok := r.ServerMSS.Get(); ok {
		lines = append(lines, t.labelled("our MSS there", fmt.Sprintf("at least %d when it arrived", mss))...)
	}
	if bits, ok := r.EntropyBits.Get(); ok {
		lines = append(lines, t.labelled("entropy", fmt.Sprintf("%s bits shown; %s cannot show more than %s",
			units.Significant(bits, 1), units.CountOf(uint64(r.Samples), "sample"), units.Significant(log2(r.Samples), 1)))...)
	}
	return lines
}

// signedCount is a count that may be below zero.
func signedCount(n int64) string {
	if n < 0 {
		return "−" + units.Count(uint64(-n))
	}
	return units.Count(uint64(n))
}

// labelled is a line with a label, broken where it is too long.
func (t *isnText) labelled(label, text string) []string {
	lines := wrapped(strings.Fields(text), " ", t.prose(isnWide)-isnLabel)
	for i, line := range lines {
		head := strings.Repeat(" ", isnLabel)
		if i == 0 {
			head = "  " + t.paint.paint(dim, label) + strings.Repeat(" ", isnLabel-2-utf8.RuneCountInString(label))
		}
		lines[i] = head + units.Printable(line)
	}
	return lines
}

// remarks are the findings; evidence is for those who ask.
func (t *isnText) remarks(r *record.ISN) []string {
	found := r.Report.Findings
	if len(found) == 0 {
		return nil
	}
	lines := []string{""}
	for _, f := range found {
		text := f.Text
		if f.Evidence != "" {
			text += " [" + f.Evidence + "]"
		}
		head := f.Severity.String() + " " + f.Code + ":"
		body := wrapped(strings.Fields(head+" "+text), " ", t.prose(isnWide)-4)
		for i, line := range body {
			line = units.Printable(line)
			if i == 0 {
				line = strings.Replace(line, head, t.paint.paint(severityStyle(f.Severity), strings.TrimSuffix(head, ":"))+":", 1)
			} else {
				line = "  " + line
			}
			lines = append(lines, "  "+line)
		}
	}
	return lines
}

// log2 of a count, 0 for none.
func log2(n int) float64 { return math.Log2(max(float64(n), 1)) }
