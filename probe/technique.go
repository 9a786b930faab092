package probe

import (
	"fmt"
	"slices"
	"strings"

	"synscope/craft"
)

// Technique is one way to probe a port: what is sent, and what each kind of
// answer to it means. The list of [Techniques] is the table of verdicts.
type Technique struct {
	Name    string
	Aliases []string // nmap's spellings
	Help    string
	Flags   craft.Flags // of the probe

	// SYNACK is what a SYN-ACK of our ISN means; StateUnknown where no
	// SYN-ACK can answer this probe.
	SYNACK State
	// Reset is what an RST with the right numbers and this window means.
	Reset func(window uint16) State
	// Silence is what no answer to any attempt means.
	Silence State
}

func always(s State) func(uint16) State { return func(uint16) State { return s } }

// windowTells is the window technique: some stacks answer an ACK to a
// listening port with their receive window in the RST, to a closed one with 0.
func windowTells(window uint16) State {
	if window != 0 {
		return StateOpen
	}
	return StateRefused
}

var techniques = []*Technique{
	{
		Name: "syn", Aliases: []string{"sS", "S"}, Flags: craft.SYN,
		Help:   "half-open: SYN, and RST after the SYN-ACK (RFC 9293 §3.10.7)",
		SYNACK: StateOpen, Reset: always(StateRefused), Silence: StateFiltered,
	},
	{
		Name: "ack", Aliases: []string{"sA", "A"}, Flags: craft.ACK,
		Help:  "ACK out of nowhere: does a stateful filter stand before the port?",
		Reset: always(StateUnfiltered), Silence: StateFiltered,
	},
	{
		Name: "window", Aliases: []string{"sW", "W"}, Flags: craft.ACK,
		Help:  "ACK, judged by the window of the RST (few stacks differ)",
		Reset: windowTells, Silence: StateFiltered,
	},
	{
		Name: "fin", Aliases: []string{"sF", "F"}, Flags: craft.FIN,
		Help:  "FIN alone: a closed port answers RST, an open one is silent (RFC 9293 §3.10.7)",
		Reset: always(StateRefused), Silence: StateOpenFiltered,
	},
	{
		Name: "null", Aliases: []string{"sN", "N"}, Flags: 0,
		Help:  "no flag at all; judged like fin",
		Reset: always(StateRefused), Silence: StateOpenFiltered,
	},
	{
		Name: "xmas", Aliases: []string{"sX", "X"}, Flags: craft.FIN | craft.PSH | craft.URG,
		Help:  "FIN, PSH and URG; judged like fin",
		Reset: always(StateRefused), Silence: StateOpenFiltered,
	},
	{
		Name: "maimon", Aliases: []string{"sM", "M"}, Flags: craft.FIN | craft.ACK,
		Help:  "FIN and ACK: BSD-derived stacks keep silent on an open port",
		Reset: always(StateRefused), Silence: StateOpenFiltered,
	},
}

// Techniques lists the techniques of raw segments, in the order of the help.
func Techniques() []*Technique { return slices.Clone(techniques) }

// TechniqueByName finds a technique by its name or by an alias; names are
// case-insensitive, aliases are not.
func TechniqueByName(name string) (*Technique, error) {
	for _, t := range techniques {
		if strings.EqualFold(t.Name, name) || slices.Contains(t.Aliases, name) {
			return t, nil
		}
	}
	return nil, fmt.Errorf("unknown technique %q: want one of %s, or --flags for any other combination", name, techniqueNames())
}

func techniqueNames() string {
	names := make([]string, len(techniques))
	for i, t := range techniques {
		names[i] = t.Name
	}
	return strings.Join(names, ", ")
}

// FreeFlags makes a technique of any combination of flags. A combination that
// has a name keeps its meaning. Others follow RFC 9293 §3.10.7: a SYN without
// ACK is judged like syn; with ACK every port answers RST, so an answer means
// unfiltered; without either an open port is silent. A probe with RST is never
// answered, so its silence says nothing.
func FreeFlags(f craft.Flags) *Technique {
	for _, t := range techniques {
		if t.Flags == f {
			return t
		}
	}
	t := &Technique{Name: "flags " + f.String(), Flags: f, Help: "free flags"}
	switch {
	case f.Has(craft.RST):
		t.Reset, t.Silence = always(StateUnknown), StateUnknown
	case f.Has(craft.ACK):
		t.Reset, t.Silence = always(StateUnfiltered), StateFiltered
	case f.Has(craft.SYN):
		t.SYNACK, t.Reset, t.Silence = StateOpen, always(StateRefused), StateFiltered
	default:
		t.Reset, t.Silence = always(StateRefused), StateOpenFiltered
	}
	return t
}

// Acknowledges tells whether the probe carries an acknowledgment number, which
// an RST then echoes as its sequence number (RFC 9293 §3.5.2).
func (t *Technique) Acknowledges() bool { return t.Flags.Has(craft.ACK) }

// Opens tells whether the probe asks for a connection.
func (t *Technique) Opens() bool { return t.SYNACK != StateUnknown }

// ByWindow tells whether an RST alone finds a port open: by its window.
func (t *Technique) ByWindow() bool { return t.Reset != nil && t.Reset(1) == StateOpen }

// Consumes is how much sequence space the probe takes: SYN and FIN count one.
func (t *Technique) Consumes() uint32 {
	s := craft.Segment{Flags: t.Flags}
	return s.Len()
}
