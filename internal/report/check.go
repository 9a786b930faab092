package report

import (
	"strings"
	"time"
)

// Check is one expectation, and whether it held.
type Check struct {
	Name     string // of the expectation
	Target   string // the port or host that it is about
	OK       bool
	Expected string
	Got      string
	Where    string               // file, line and column
	Took     Maybe[time.Duration] // of the probing that it rests on
}

// Type is "check".
func (*Check) Type() string { return "check" }

// checkColumns are the fields of a check in their order, present or not.
func checkColumns() []string {
	return []string{"name", "target", "ok", "expected", "got", "where", "took_ns"}
}

func (c *Check) fields(w fieldWriter) {
	w.str("name", c.Name)
	w.str("target", c.Target)
	w.bool("ok", c.OK)
	w.str("expected", c.Expected)
	w.str("got", c.Got)
	strField(w, "where", c.Where)
	durationField(w, "took_ns", c.Took)
}

// Change is one difference between two runs.
type Change struct{ Target, What, Old, New string }

// Type is "change".
func (*Change) Type() string { return "change" }

func (c *Change) fields(w fieldWriter) {
	w.str("target", c.Target)
	w.str("what", c.What)
	strField(w, "old", c.Old)
	strField(w, "new", c.New)
}

// words tell of a change in a line.
func (c *Change) words() string {
	old, now := c.Old, c.New
	if old == "" {
		old = "nothing"
	}
	if now == "" {
		now = "nothing"
	}
	return printable(c.Target + ": " + c.What + ": was " + old + ", is " + now)
}

// checkText is a line for each expectation, and how many held.
type checkText struct {
	*textSink
	held, failed, changed uint64
}

func (t *checkText) Record(r Record) error {
	switch r := r.(type) {
	case *Check:
		return t.write([]string{t.line(r)})
	case *Change:
		t.changed++
		return t.write([]string{r.words()})
	case *Summary:
		if t.o.Quiet {
			return nil
		}
		if t.held+t.failed == 0 && !r.Complete {
			return t.write([]string{"nothing was judged"})
		}
		if t.held+t.failed == 0 {
			return t.write([]string{countOf(t.changed, "change")})
		}
		words := countOf(t.held+t.failed, "expectation") + ": "
		if t.failed == 0 {
			words += "all held"
		} else {
			words += Count(t.held) + " held, " + t.paint.paint(red, Count(t.failed)+" failed")
		}
		return t.write([]string{"", words + ", in " + Duration(r.Took)})
	}
	return nil
}

// line is an expectation; what was found is told where it did not hold, or says
// more than that it did.
func (t *checkText) line(c *Check) string {
	mark := t.paint.paint(green, "ok  ")
	if c.OK {
		t.held++
	} else {
		t.failed++
		mark = t.paint.paint(red, "FAIL")
	}
	words := mark + "  " + printable(c.Name)
	if c.Target != c.Name {
		words += ": " + printable(c.Target)
	}
	words += ": " + printable(c.Expected)
	switch {
	case !c.OK:
		return words + ", but found " + printable(c.Got) + t.paint.paint(dim, "  "+printable(c.Where))
	case !strings.HasPrefix(c.Got, c.Expected):
		return words + ": " + printable(c.Got)
	}
	return words
}

func (t *checkText) Close() error { return t.w.Flush() }
