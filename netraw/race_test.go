//go:build race

package netraw

// raceEnabled tells tests of allocations that the detector has some of its own.
const raceEnabled = true
