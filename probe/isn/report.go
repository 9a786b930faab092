package isn

import (
	"fmt"
	"slices"

	"synscope/craft"
	"synscope/probe/finding"
)

// Class says how a host chooses its initial sequence numbers. The zero Class
// is ClassUnknown.
type Class uint8

// The classes, from no answer to the special ones.
const (
	ClassUnknown              Class = iota // too few samples, or contradictory ones
	ClassConstant                          // one value for every tuple
	ClassTupleConstant                     // one value for each tuple: a hash with no clock
	ClassRepeating                         // a short cycle
	ClassGlobalStep                        // a fixed step a connection, whatever the tuple
	ClassGlobalClock                       // one clock, whatever the tuple
	ClassGlobalMixed                       // a clock and a step (4.4BSD)
	ClassRandomIncrement                   // a global counter with bounded random steps
	ClassTupleClock                        // one line a tuple, unrelated offsets (RFC 6528, RFC 9293 §3.4.1)
	ClassTupleRandomIncrement              // a counter a tuple with bounded random steps
	ClassWeakRandom                        // looks random and is not
	ClassRandom                            // nothing that these samples would have shown
	ClassSYNCookies                        // a keyed function of the SYN (RFC 4987 §3.6)
	ClassSYNProxy                          // cookies of a middlebox: window 0 in the SYN-ACK
	ClassMixed                             // several generators answer for one tuple
)

// classNames are the words of the records, by Class.
var classNames = [...]string{
	"unknown", "constant", "tuple-constant", "repeating", "global-step",
	"global-clock", "global-mixed", "random-increment", "tuple-clock",
	"tuple-random-increment", "weak-random", "random", "syn-cookies",
	"syn-proxy", "mixed",
}

// String returns the class in the words of the records.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// MarshalText implements [encoding.TextMarshaler].
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *Class) UnmarshalText(text []byte) error {
	for i, name := range classNames {
		if name == string(text) {
			*c = Class(i)
			return nil
		}
	}
	return fmt.Errorf("unknown ISN class %q", text)
}

// Classes lists every class in its order.
func Classes() []Class {
	list := make([]Class, len(classNames))
	for i := range list {
		list[i] = Class(i)
	}
	return list
}

// Finding is one observation beside the class, and Severity how grave it is.
type (
	Finding  = finding.Finding
	Severity = finding.Severity
)

// The severities of a finding.
const (
	Info    = finding.Info
	Notice  = finding.Notice
	Warning = finding.Warning
)

// Flags of a report: things that happened to the sampling.
const (
	FlagTimeWaitReuse = "time-wait-reuse" // an ISN just above the last one of its reused tuple
	FlagStaleHalfOpen = "stale-half-open" // a repeated ISN: our reset did not arrive
	FlagMultiBackend  = "multi-backend"   // several machines answer
)

// Clock is a rate with its 95 % interval, all in counts per second.
type Clock struct {
	Hz, Low, High float64
	Nominal       float64 // a known stack's rate, 0 unless the interval holds exactly one
}

// Nmap holds the three numbers of nmap's SEQ line for the same samples.
type Nmap struct {
	GCD uint32   `json:"gcd"`
	ISR int      `json:"isr"`
	SP  Opt[int] `json:"-"` // absent below four samples
	N   int      `json:"-"` // samples used

	ISNs [nmapSamples]craft.Seq `json:"-"` // the first N are their numbers, in order
}

// Report is what the samples of one host's port show.
type Report struct {
	Samples    int // answered
	Lost       int // unanswered
	Twice      int // answered by a second SYN-ACK with another number
	Class      Class
	Variant    string  // which cookie, which generator; "" where there is none
	Confidence float64 // the chance that Class is right, 0 for unknown

	RunnerUp    Class      // the best class beside Class, or beside what unknown withholds
	BitsBetween float64    // by how many bits the runner-up's description is longer
	Standings   []Standing // the best models, the best first
	Factors     []Factor   // what is shown of each factor, in their order
	Series      []Series   // what the best model explains, series by series

	Clock Opt[Clock]  // where time moves the ISN
	Step  Opt[int64]  // ISN units a connection, where a connection moves it
	GCD   Opt[uint32] // of the consecutive differences, where above 1 and no coincidence

	Inputs      []string     // what moves the ISN: port, address, client_isn, options, time
	Flags       []string     // the Flag constants
	EntropyBits Opt[float64] // shown, not presumed
	GuessesP50  Opt[float64] // guesses of a new connection's exact ISN that cover half
	Difficulty  Opt[float64] // log2 of GuessesP50
	Nmap        Opt[Nmap]
	Machines    int         // generators that answer at least, where there are several
	ServerMSS   Opt[uint16] // our MSS as the server saw it, out of its cookie
	Findings    []Finding

	Lines []Line // the clock's lines, one a group of samples, for plots and the remote clock
}

// Standing is how one model did: the length, in bits, of the shortest description
// of all the numbers that it allows.
type Standing struct {
	Class Class
	Model string
	Bits  float64
}

// Line predicts the ISN of one tuple: at At nanoseconds it was ISN, and it
// grows by Clock.Hz (and Step a connection).
type Line struct {
	Sample int // index of the first of the group's samples, in the order given
	At     float64
	ISN    float64
}

// HasFlag reports whether the report carries the flag.
func (r *Report) HasFlag(flag string) bool {
	return slices.Contains(r.Flags, flag)
}

// note adds a finding.
func (r *Report) note(code string, s Severity, text, evidence string) {
	r.Findings = append(r.Findings, Finding{Code: code, Severity: s, Text: text, Evidence: evidence})
}

// flag adds a flag once.
func (r *Report) flag(name string) {
	if !r.HasFlag(name) {
		r.Flags = append(r.Flags, name)
	}
}
