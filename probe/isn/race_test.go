//go:build race

package isn_test

// raceEnabled tells tests of speed that the detector slows everything down.
const raceEnabled = true
