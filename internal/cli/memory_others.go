//go:build !linux

package cli

import "math"

// addressSpace is without a limit where none is known.
func addressSpace() uint64 { return math.MaxUint64 }

// pendingSignals is without a limit where none is known.
func pendingSignals() uint64 { return math.MaxUint64 }
