//go:build !linux

package cli

import "math"

// addressSpace is without a limit where none is known.
func addressSpace() uint64 { return math.MaxUint64 }
