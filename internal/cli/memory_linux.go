package cli

import (
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// addressSpace is how many bytes of addresses this process may have, getrlimit(2).
func addressSpace() uint64 {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_AS, &l) != nil {
		return math.MaxUint64
	}
	return l.Cur
}

// pendingSignals is how many signals may be queued for this user, getrlimit(2).
func pendingSignals() uint64 {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_SIGPENDING, &l) != nil {
		return math.MaxUint64
	}
	return l.Cur
}
