package text

import (
	"cmp"
	"strings"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
)

// changeWords tell of a change in a line.
func changeWords(c *record.Change) string {
	old, now := c.Old, c.New
	old = cmp.Or(old, absent(c.What))
	now = cmp.Or(now, absent(c.What))
	return units.Printable(c.Target + ": " + c.What + ": was " + old + ", is " + now)
}

// checkText is a line for each expectation, and how many held.
type checkText struct {
	*textSink
	held, failed, unjudged, changed uint64
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
		all := t.held + t.failed + t.unjudged
		switch {
		case all == 0 && !r.Complete:
			return t.write([]string{"nothing was judged"})
		case all == 0:
			return t.write([]string{units.CountOf(t.changed, "change")})
		}
		line := units.CountOf(all, "expectation") + ": " + t.counts() + ", in " + units.Duration(r.Took)
		return t.write([]string{"", line})
	}
	return nil
}

// counts are how many expectations held, and what became of the others.
func (t *checkText) counts() string {
	if t.failed+t.unjudged == 0 {
		return "all held"
	}
	words := units.Count(t.held) + " held"
	if t.failed > 0 {
		words += ", " + t.paint.paint(red, units.Count(t.failed)+" failed")
	}
	if t.unjudged > 0 {
		words += ", " + t.paint.paint(yellow, units.Count(t.unjudged)+" not judged")
	}
	return words
}

// line is an expectation; what was found is told where it did not hold, or says
// more than that it did.
func (t *checkText) line(c *record.Check) string {
	ok, judged := c.OK.Get()
	mark := t.paint.paint(green, "ok  ")
	switch {
	case !judged:
		t.unjudged++
		mark = t.paint.paint(yellow, "?   ")
	case ok:
		t.held++
	default:
		t.failed++
		mark = t.paint.paint(red, "FAIL")
	}
	words := mark + "  " + units.Printable(c.Name)
	if c.Target != c.Name {
		words += ": " + units.Printable(c.Target)
	}
	words += ": " + units.Printable(c.Expected)
	switch {
	case !judged:
		return words + ": not judged: " + units.Printable(c.Why)
	case !ok:
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
