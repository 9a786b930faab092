package cli

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"synscope/probe"
)

// A run of one part has done what that part has, and a run of two alike twice as much.
func TestPartsAreCountedOnce(t *testing.T) {
	part := probe.Summary{
		Rejected: map[string]uint64{"bad-ack": 3}, States: map[probe.State]uint64{probe.StateOpen: 5},
		Complete: true, Took: time.Second, Rate: 100, Refusal: errors.New("no buffer space"),
		Loss: probe.HostLoss{Sent: 8, Unanswered: 2},
	}
	for i, n := 0, reflect.ValueOf(&part).Elem(); i < n.NumField(); i++ {
		if f := n.Field(i); f.Kind() == reflect.Uint64 {
			f.SetUint(uint64(100 + i))
		}
	}
	all := parts{total: probe.Summary{Complete: true}}
	if all.add(&part, nil); !reflect.DeepEqual(all.total, part) {
		t.Errorf("one part  %+v\nin total %+v", part, all.total)
	}
	all.add(&part, nil)
	once, twice := reflect.ValueOf(part), reflect.ValueOf(all.total)
	for i := range once.NumField() {
		if f := once.Field(i); f.Kind() == reflect.Uint64 && twice.Field(i).Uint() != 2*f.Uint() {
			t.Errorf("%s: %d, twice %d", once.Type().Field(i).Name, f.Uint(), twice.Field(i).Uint())
		}
	}
}
