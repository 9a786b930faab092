package netraw

// Link is what the kernel says of an interface: netdevice(7), and IFLA_STATS64 of
// rtnetlink(7).
type Link struct {
	Up      bool   // it is up and has a carrier
	Dropped uint64 // packets that it discarded or could not carry, either way, since it was made
}

// LinkByName asks the kernel about an interface. It fails with [ErrNoInterface].
func LinkByName(name string) (Link, error) { return linkByName(name) }
