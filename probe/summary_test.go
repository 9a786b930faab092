package probe_test

import (
	"reflect"
	"slices"
	"testing"

	"synscope/probe"
)

// Every count of a part is in the total: a new field of the summary is added up too, or
// named here as one that does not add up.
func TestSummaryAddsEveryCount(t *testing.T) {
	no := []string{"Took", "Rate", "Complete", "Loss", "Confidence"}
	part := probe.Summary{Rejected: map[string]uint64{"strange": 1}, States: map[probe.State]uint64{probe.StateOpen: 1}, Refusal: probe.ErrNetworkDown}
	fill(&part)
	var sum probe.Summary
	sum.Add(&part)
	sum.Add(&part)
	if sum.Rejected["strange"] != 2 || sum.States[probe.StateOpen] != 2 || sum.Refusal != probe.ErrNetworkDown {
		t.Errorf("%+v", sum)
	}
	got, one := reflect.ValueOf(sum), reflect.ValueOf(part)
	for i := range got.NumField() {
		name := got.Type().Field(i).Name
		switch {
		case slices.Contains(no, name):
			if !got.Field(i).IsZero() {
				t.Errorf("%s does not add up, and is %v", name, got.Field(i))
			}
		case got.Field(i).CanUint() && got.Field(i).Uint() != 2*one.Field(i).Uint():
			t.Errorf("%s is %v, of two parts with %v", name, got.Field(i), one.Field(i))
		case got.Field(i).IsZero():
			t.Errorf("%s is lost", name)
		}
	}
}

// fill gives each count of a summary a number of its own.
func fill(s *probe.Summary) {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		if v.Field(i).CanUint() {
			v.Field(i).SetUint(uint64(100 + i))
		}
	}
}
