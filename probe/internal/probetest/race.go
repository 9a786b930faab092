//go:build race

package probetest

// Race tells tests that the race detector watches them: it finds its faults in a few
// rounds, and makes each about ten times as dear.
const Race = true
