package isn

import "fmt"

// verdict is what one detector concludes. The zero verdict concludes nothing.
type verdict struct {
	class     Class
	variant   string
	saved     float64 // bits less than 32 for each of the numbers
	clock     Opt[Clock]
	step      Opt[int64]
	nominal   string // the stack whose rate the clock's is
	lines     []Line
	inputs    []string // that show in the numbers themselves
	flags     []string
	notes     []Finding
	serverMSS Opt[uint16]

	machines  int  // generators, where there are several
	nextKnown bool // the number of the next connection is known
	whole     bool // no number stands against it, though not all are told
	// freeBits bounds how many bits an attacker still has to guess, where the
	// class says so and no history can show it; absent otherwise.
	freeBits Opt[float64]
}

// note adds a finding to the verdict.
func (v *verdict) note(code string, s Severity, evidence, text string, args ...any) {
	v.notes = append(v.notes, Finding{Code: code, Severity: s, Text: fmt.Sprintf(text, args...), Evidence: evidence})
}
