//go:build !race

package isn_test

// raceEnabled tells tests of speed that nothing slows them down.
const raceEnabled = false
