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
