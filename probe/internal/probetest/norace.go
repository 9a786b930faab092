//go:build !race

package probetest

// Race tells tests that no race detector watches them.
const Race = false
