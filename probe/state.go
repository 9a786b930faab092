package probe

import (
	"fmt"
	"strings"
)

// State is what a port turned out to be. The zero value is StateUnknown.
type State uint8

const (
	StateUnknown      State = iota // nothing can be said
	StateOpen                      // something accepts connections
	StateRefused                   // the host says that nothing listens (nmap: closed)
	StateFiltered                  // something on the way forbids it, or nothing answers
	StateUnfiltered                // reachable; whether open is not known
	StateOpenFiltered              // silence, which both an open and a filtered port give
)

var stateNames = [...]string{"unknown", "open", "refused", "filtered", "unfiltered", "open|filtered"}

// States lists every state, the most telling first.
func States() []State {
	return []State{StateOpen, StateOpenFiltered, StateUnfiltered, StateFiltered, StateRefused, StateUnknown}
}

// String is the state's word in every output.
func (s State) String() string {
	if int(s) >= len(stateNames) {
		return fmt.Sprintf("state(%d)", uint8(s))
	}
	return stateNames[s]
}

// ParseState is the inverse of [State.String]; "closed", nmap's word, is
// understood as refused.
func ParseState(word string) (State, error) {
	if word == "closed" {
		return StateRefused, nil
	}
	for s, name := range stateNames {
		if name == word {
			return State(s), nil
		}
	}
	var known []string
	for _, s := range States() {
		known = append(known, s.String())
	}
	return StateUnknown, fmt.Errorf("unknown state %q: want one of %s", word, strings.Join(known, ", "))
}

// MarshalText writes the state's word.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the state's word.
func (s *State) UnmarshalText(b []byte) (err error) {
	*s, err = ParseState(string(b))
	return err
}
