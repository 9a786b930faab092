// Package finding has the word for what is worth telling beside a result: the
// engines, which find out about ports, and the analysis of sequence numbers, which
// knows of no network, use the same one.
package finding

import (
	"fmt"
	"slices"
)

// Finding is something worth telling beside a verdict or a class.
type Finding struct {
	Code     string   `json:"code"` // stable, kebab case
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`               // one sentence for a person
	Evidence string   `json:"evidence,omitempty"` // what was seen: the numbers that Text rests on
}

// Severity ranks a finding. The zero value is Info.
type Severity uint8

const (
	Info    Severity = iota // worth knowing
	Notice                  // unusual
	Warning                 // something is wrong or weak, somebody interferes, or the measurement is in doubt
)

var severityNames = [...]string{"info", "notice", "warning"}

// String is the severity's word in every output.
func (s Severity) String() string {
	if int(s) >= len(severityNames) {
		return fmt.Sprintf("severity(%d)", uint8(s))
	}
	return severityNames[s]
}

// MarshalText writes the severity's word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the severity's word.
func (s *Severity) UnmarshalText(b []byte) error {
	i := slices.Index(severityNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("unknown severity %q", b)
	}
	*s = Severity(i)
	return nil
}
