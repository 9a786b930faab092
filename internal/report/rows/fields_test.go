package rows

import (
	"encoding/json"
	"slices"
	"testing"

	"synscope/internal/schema"
)

// Columns of switches and of moments are as wide as what people see of them, in every
// table: the schema says which fields those are.
func TestWidthsAreThoseOfTheKind(t *testing.T) {
	for _, command := range []string{"scan", HostList, "ping", "isn", "trace", "send", "why", "check", "read"} {
		of := tableOf(command).of
		text, known := schema.Record(of)
		var s struct {
			Defs map[string]struct {
				Properties map[string]struct{ Type, Format string }
			} `json:"$defs"`
		}
		if err := json.Unmarshal(text, &s); err != nil || !known {
			t.Fatalf("%s: %v", of, err)
		}
		seen := 0
		for name, p := range s.Defs[of].Properties {
			want := 0
			switch {
			case p.Type == "boolean":
				want = len("false")
			case p.Format == "date-time":
				want = len(timeOfDay)
			}
			if want == 0 || !slices.Contains(Columns(command), name) {
				continue
			}
			if seen++; widthOf(name) != want {
				t.Errorf("%s of %s: %d wide, want %d", name, of, widthOf(name), want)
			}
		}
		if seen == 0 && command != "trace" {
			t.Errorf("%s: nothing was looked at", of)
		}
	}
}
