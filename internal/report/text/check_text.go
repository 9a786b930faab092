package text

import (
	"strings"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
)

// changeWords tell of a change in a line.
func changeWords(c *record.Change) string {
	old, now := c.Old, c.New
	if old == "" {
		old = absent(c.What)
	}
	if now == "" {
		now = absent(c.What)
	}
	return units.Printable(c.Target + ": " + c.What + ": was " + old + ", is " + now)
}

// checkText is a line for each expectation, and how many held.
type checkText struct {
	*textSink
	held, failed, changed uint64
}

func (t *checkText) Record(r record.Record) error {
	switch r := r.(type) {
	case *record.Check:
		return t.write([]string{t.line(r)})
	case *record.Change:
		t.changed++
		return t.write([]string{changeWords(r)})
	case *record.Summary:
		if t.o.Quiet {
			return nil
		}
		if t.held+t.failed == 0 && !r.Complete {
			return t.write([]string{"nothing was judged"})
		}
		if t.held+t.failed == 0 {
			return t.write([]string{units.CountOf(t.changed, "change")})
		}
		words := units.CountOf(t.held+t.failed, "expectation") + ": "
		if t.failed == 0 {
			words += "all held"
		} else {
			words += units.Count(t.held) + " held, " + t.paint.paint(red, units.Count(t.failed)+" failed")
		}
		return t.write([]string{"", words + ", in " + units.Duration(r.Took)})
	}
	return nil
}

// line is an expectation; what was found is told where it did not hold, or says
// more than that it did.
func (t *checkText) line(c *record.Check) string {
	mark := t.paint.paint(green, "ok  ")
	if c.OK {
		t.held++
	} else {
		t.failed++
		mark = t.paint.paint(red, "FAIL")
	}
	words := mark + "  " + units.Printable(c.Name)
	if c.Target != c.Name {
		words += ": " + units.Printable(c.Target)
	}
	words += ": " + units.Printable(c.Expected)
	switch {
	case !c.OK:
		return words + ", but found " + units.Printable(c.Got) + t.paint.paint(dim, "  "+units.Printable(c.Where))
	case !strings.HasPrefix(c.Got, c.Expected):
		return words + ": " + units.Printable(c.Got)
	}
	return words
}

func (t *checkText) Close() error { return t.w.Flush() }

// absent is how a run tells of what it has no word of: where that is a port or a
// host itself, it was not probed, or not shown, and that is no verdict.
func absent(what string) string {
	if what == "state" || what == "host" {
		return "not listed"
	}
	return "nothing"
}
