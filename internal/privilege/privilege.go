package privilege

// Config says what the process is still going to do.
type Config struct {
	// Write are files that will be made or replaced: their directories stay
	// writable.
	Write []string
	// Read are files that will be opened for reading.
	Read []string
	// Keep are the capabilities that stay, one bit each (capabilities(7)); 0 for
	// none.
	Keep uint64
	// Probe: sockets for packets will still be opened.
	Probe bool
	// Connect: TCP connections of the kernel's will be opened, or names resolved.
	Connect bool
	// Offline: nothing but Read and Write will be opened, and no socket at all.
	Offline bool
}

// Done is what Drop has reached.
type Done struct {
	User         bool // the user was changed to sudo's caller
	Capabilities bool // none is left but those to be kept, and there were some
	Bounding     bool // the bounding set holds none but those to be kept
	Landlock     bool
	Seccomp      bool
}

// Drop gives up what cfg does not need. What the kernel does not have is left
// out; an error means that something is there that should not be, and the process
// should end. For a process without any right it does the rest.
func Drop(cfg Config) (Done, error) { return drop(cfg) }

// KeepInherited keeps files that this process has inherited, beyond the standard ones,
// from the processes that it starts: a lock that a script holds by such a file, flock(2),
// would last as long as those (close_range(2); Linux 5.11, before that it does nothing).
func KeepInherited() { keepInherited() }
