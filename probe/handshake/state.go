package handshake

import (
	"fmt"
	"slices"
)

// State is a state of RFC 9293 §3.3.2. The zero value is Unknown: nothing has
// been seen from which a state could be told.
type State uint8

// The states.
const (
	Unknown State = iota
	Closed
	Listen
	SYNSent
	SYNReceived
	Established
	FINWait1
	FINWait2
	CloseWait
	Closing
	LastAck
	TimeWait
)

var stateNames = [...]string{
	"", "CLOSED", "LISTEN", "SYN_SENT", "SYN_RECEIVED", "ESTABLISHED",
	"FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING", "LAST_ACK", "TIME_WAIT",
}

// String is the state's name with underscores, "" for Unknown.
func (s State) String() string {
	if int(s) >= len(stateNames) {
		return fmt.Sprintf("state(%d)", uint8(s))
	}
	return stateNames[s]
}

// MarshalText writes the state's name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the state's name; empty is Unknown.
func (s *State) UnmarshalText(text []byte) error {
	i := slices.Index(stateNames[:], string(text))
	if i < 0 {
		return fmt.Errorf("unknown state %q", text)
	}
	*s = State(i)
	return nil
}

// Synchronized tells whether both ends know each other's numbers (RFC 9293
// §3.5.1).
func (s State) Synchronized() bool { return s >= Established }

// Side is one of the two ends of a connection: the client is the one that sent
// the first SYN.
type Side uint8

// The sides.
const (
	Client Side = iota
	Server
)

// Other is the end across.
func (s Side) Other() Side { return 1 - s }

// String is "client" or "server".
func (s Side) String() string {
	if s == Client {
		return "client"
	}
	return "server"
}
