package cli

import (
	"math"

	"golang.org/x/sys/unix"
)

// addressSpace is how many bytes of addresses this process may have, getrlimit(2).
func addressSpace() uint64 {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &l) != nil {
		return math.MaxUint64
	}
	return l.Cur
}
