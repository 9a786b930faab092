package privilege

import (
	"math"

	"golang.org/x/sys/unix"
)

func keepInherited() { unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) }
