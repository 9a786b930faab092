package cli

import "fmt"

// Go's runtime reserves addresses generously, and ends with a stack trace where it
// gets no more (ulimit -v). Memory that is used is another matter: cgroups bound
// that, and so little of it is used that few will.
const (
	// leastSpace is what a run needs.
	leastSpace = 896<<20 + threadSpace
	// ampleSpace leaves room for what only saves time.
	ampleSpace = 2 << 30
)

// enough is an error where this process may have too few addresses for a run.
func enough(space uint64) error {
	if space >= leastSpace {
		return nil
	}
	return &exit{exitUnable, fmt.Errorf("this process may have %d MiB of addresses, and a run reserves up to %d: raise that limit (`ulimit -v`); to bound memory itself, use a cgroup",
		space>>20, leastSpace>>20)}
}

// leastSignals is more than this process has threads: each gives its rights up at a
// signal (runtime.doAllThreadsSyscall), and where none can be queued it waits for ever.
const leastSignals = 64

// signalRoom is an error where fewer signals may be queued than that.
func signalRoom(signals uint64) error {
	if signals >= leastSignals {
		return nil
	}
	return &exit{exitUnable, fmt.Errorf("this user may have %d signals pending, and rights are given up by one to each thread, up to %d: raise that limit (`ulimit -i`)",
		signals, leastSignals)}
}
