//go:build !race

package netraw

// raceEnabled tells tests of allocations that all of them are ours.
const raceEnabled = false
