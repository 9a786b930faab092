package probe

import "fmt"

// HostState is what an address turned out to be. The zero value is HostUnknown.
type HostState uint8

const (
	HostUnknown HostState = iota // nothing could be asked, or nothing was
	HostUp                       // the host itself answered something
	HostDown                     // it did not; a firewall that drops everything looks the same
)

var hostStateNames = [...]string{"unknown", "up", "down"}

// String is the state's word in every output.
func (s HostState) String() string {
	if int(s) >= len(hostStateNames) {
		return fmt.Sprintf("host-state(%d)", uint8(s))
	}
	return hostStateNames[s]
}

// MarshalText writes the state's word.
func (s HostState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the state's word.
func (s *HostState) UnmarshalText(b []byte) error {
	for i, name := range hostStateNames {
		if name == string(b) {
			*s = HostState(i)
			return nil
		}
	}
	return fmt.Errorf("unknown state of a host %q", b)
}
