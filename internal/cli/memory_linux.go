package cli

import (
	"math"
	"syscall"
)

// addressSpace is how many bytes of addresses this process may have, getrlimit(2).
func addressSpace() uint64 {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_AS, &l) != nil {
		return math.MaxUint64
	}
	return l.Cur
}

// rlimitSigpending is RLIMIT_SIGPENDING of include/uapi/asm-generic/resource.h.
const rlimitSigpending = 11

// pendingSignals is how many signals may be queued for this user, getrlimit(2).
func pendingSignals() uint64 {
	var l syscall.Rlimit
	if syscall.Getrlimit(rlimitSigpending, &l) != nil {
		return math.MaxUint64
	}
	return l.Cur
}
