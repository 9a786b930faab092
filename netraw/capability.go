package netraw

// Capability is one thing that probing needs of this machine and user, and
// whether it was found.
type Capability struct {
	Name   string // stable, kebab-case: "raw-send-ipv4"
	OK     bool
	Err    error  // why not; nil if OK
	For    string // what needs it
	Remedy string // what to do if it is missing
}

// Capabilities tries each thing by doing it, never by asking for the user's
// number: a file capability, a container's profile and a user namespace all
// tell the truth only that way. It sends nothing and leaves nothing behind.
func Capabilities() []Capability { return capabilities() }
