package record

import (
	"time"
)

// Check is one expectation, and whether it held.
type Check struct {
	Name     string      // of the expectation
	Target   string      // the port or host that it is about
	OK       Maybe[bool] // absent where it was not judged
	Expected string
	Got      string
	Why      string               // it was not judged, and what to do
	Where    string               // file, line and column
	Took     Maybe[time.Duration] // of the probing that it rests on
}

// Type is "check".
func (*Check) Type() string { return "check" }

// CheckColumns are the fields of a check in their order, present or not.
func CheckColumns() []string {
	return []string{"name", "target", "ok", "expected", "got", "not_judged", "where", "took_ns"}
}

func (c *Check) Fields(w FieldWriter) {
	w.Str("name", c.Name)
	w.Str("target", c.Target)
	boolField(w, "ok", c.OK)
	w.Str("expected", c.Expected)
	strField(w, "got", c.Got)
	strField(w, "not_judged", c.Why)
	strField(w, "where", c.Where)
	durationField(w, "took_ns", c.Took)
}

// Change is one difference between two runs.
type Change struct{ Target, What, Old, New string }

// Type is "change".
func (*Change) Type() string { return "change" }

func (c *Change) Fields(w FieldWriter) {
	w.Str("target", c.Target)
	w.Str("what", c.What)
	strField(w, "old", c.Old)
	strField(w, "new", c.New)
}
