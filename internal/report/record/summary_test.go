package record

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"synscope/probe"
)

// What an engine counts is in the record, and comes back out of it when parts are added
// up: a new field of the summary is in both, or named here.
func TestSummaryHasEveryCount(t *testing.T) {
	notWritten := []string{"Refusal"} // said to people
	ports := []string{"Probes", "States", "Took", "Rate", "Complete", "Loss", "Confidence"}
	zero := written(t, NewSummary(&probe.Summary{Sent: 2}, time.Time{}))
	of := reflect.TypeFor[probe.Summary]()
	for i := range of.NumField() {
		name := of.Field(i).Name
		s := probe.Summary{Sent: 2}
		setSomething(t, reflect.ValueOf(&s).Elem().Field(i))
		r := NewSummary(&s, time.Time{})
		if with := written(t, r); with == zero != slices.Contains(notWritten, name) {
			t.Errorf("%s: the record is %s", name, with)
		}
		back := reflect.ValueOf(*r.Traffic()).Field(i)
		lost := !reflect.DeepEqual(back.Interface(), reflect.ValueOf(s).Field(i).Interface())
		if lost != (slices.Contains(notWritten, name) || slices.Contains(ports, name)) {
			t.Errorf("%s comes back as %v", name, back)
		}
	}
}

// written is what a summary's encoding makes of it.
func written(t *testing.T, s *Summary) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// setSomething gives a field a value that is not its zero.
func setSomething(t *testing.T, f reflect.Value) {
	t.Helper()
	switch v := f.Addr().Interface().(type) {
	case *map[string]uint64:
		*v = map[string]uint64{"strange": 3}
	case *map[probe.State]uint64:
		*v = map[probe.State]uint64{probe.StateOpen: 3}
	case *probe.HostLoss:
		*v = probe.HostLoss{Sent: 10, Unanswered: 3}
	case *bool:
		*v = true
	case *error:
		*v = probe.ErrNetworkDown
	case *float64:
		*v = 0.5
	case *uint64:
		*v = 3
	case *time.Duration:
		*v = time.Second
	default:
		t.Fatalf("a field of %T", v)
	}
}
