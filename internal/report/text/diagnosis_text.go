package text

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/probe/why"
)

// diagnosisText tells a diagnosis on one screen.
type diagnosisText struct {
	*textSink
	shown int
}

// Widths of the screen.
const (
	screenWide = 100
	labelWide  = 12
	mostGone   = 8 // excluded causes that are named
)

func (t *diagnosisText) Record(r record.Record) error {
	d, ok := r.(*record.Diagnosis)
	if !ok {
		return nil
	}
	var lines []string
	if t.shown++; t.shown > 1 {
		lines = append(lines, "")
	}
	lines = append(lines, t.heading(d))
	for i := range d.Causes {
		lines = append(lines, t.cause(&d.Causes[i], i == 0)...)
	}
	return t.write(append(append(lines, t.excluded(d)...), t.basis(d)...))
}

func (t *diagnosisText) Close() error { return t.w.Flush() }

// heading names the target and the verdict.
func (t *diagnosisText) heading(d *record.Diagnosis) string {
	top := d.Causes[0]
	colour := red
	if d.Healthy {
		colour = green
	}
	verdict := "%s: %s (%s, %s)"
	if top.Probability < 0.5 {
		colour, verdict = yellow, "%s: it cannot be told yet; most probably %s (%s, %s)"
	}
	return fmt.Sprintf(verdict, hostPort(d.Target, d.Addr, d.Port), t.paint.paint(colour, top.Text), t.paint.paint(bold, string(top.Code)), units.Likely(top.Probability))
}

// cause tells the first cause in full, the others by what they are.
func (t *diagnosisText) cause(f *why.Found, first bool) (lines []string) {
	if !first {
		text := fmt.Sprintf("%s, %s: %s", f.Code, units.Likely(f.Probability), f.Text)
		if f.Where != "" {
			text += " (" + f.Where + ")"
		}
		return t.labelled("or", text)
	}
	if f.Where != "" {
		lines = append(lines, t.labelled("where", f.Where)...)
	}
	evidence := f.Evidence
	if f.Code == why.Healthy {
		evidence = nil // all experiments: what it rests on follows
	}
	for i, e := range evidence {
		lines = append(lines, t.labelled(onlyFirst(i, "evidence"), e)...)
	}
	lines = append(lines, t.labelled("what to do", f.Advice)...)
	for i, c := range f.Commands {
		lines = append(lines, "  "+pad(onlyFirst(i, "reproduce"))+units.Printable(c))
	}
	return lines
}

// onlyFirst is a label for the first of several lines.
func onlyFirst(i int, label string) string {
	if i > 0 {
		return ""
	}
	return label
}

func pad(label string) string {
	return label + strings.Repeat(" ", max(1, labelWide-utf8.RuneCountInString(label)))
}

// labelled wraps a text behind its label.
func (t *diagnosisText) labelled(label, text string) (lines []string) {
	wide := t.prose(screenWide) - labelWide - 2
	head := "  " + pad(label)
	line := ""
	flush := func() {
		lines = append(lines, head+line)
		head, line = "  "+strings.Repeat(" ", labelWide), ""
	}
	for _, word := range strings.Fields(units.Printable(text)) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > wide {
			flush()
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	flush()
	return lines
}

// excluded names some of the causes that it is not, and what said so.
func (t *diagnosisText) excluded(d *record.Diagnosis) []string {
	by := map[string][]string{}
	var order []string
	for i, e := range d.Excluded {
		if i >= mostGone && !d.Healthy {
			break
		}
		if by[e.By] == nil {
			order = append(order, e.By)
		}
		by[e.By] = append(by[e.By], string(e.Code))
	}
	var parts []string
	for _, name := range order {
		parts = append(parts, strings.Join(by[name], ", ")+" (by "+name+")")
	}
	if len(parts) == 0 {
		return nil
	}
	text := strings.Join(parts, "; ")
	if rest := len(d.Excluded) - mostGone; rest > 0 && !d.Healthy {
		text += fmt.Sprintf("; and %d others", rest)
	}
	return t.labelled("excluded", text)
}

// basis says what all this rests on.
func (t *diagnosisText) basis(d *record.Diagnosis) []string {
	var names []string
	for _, e := range d.Experiments {
		names = append(names, e.Name)
	}
	text := fmt.Sprintf("%s in %s: %s", units.CountOf(uint64(d.Packets), "packet"), units.Duration(d.Took), strings.Join(compact(names), ", "))
	if d.SYNs > 0 {
		text += fmt.Sprintf("; %d of %d attempts failed", d.Failed, d.SYNs)
	}
	if d.Healthy && d.SYNs > 0 {
		text += fmt.Sprintf(", so that a failure rate above %.1f %% is excluded at 95 %%", 100*d.MostFailing)
	}
	if rtt, ok := d.Median().Get(); ok {
		text += "; median RTT " + units.Duration(rtt)
	}
	if !d.Complete {
		text += "; it was cut short"
	}
	return t.labelled("rests on", text)
}

// compact counts repeated names.
func compact(names []string) (out []string) {
	count := map[string]int{}
	for _, n := range names {
		if count[n]++; count[n] == 1 {
			out = append(out, n)
		}
	}
	for i, n := range out {
		if count[n] > 1 {
			out[i] = fmt.Sprintf("%s ×%d", n, count[n])
		}
	}
	return out
}
