//go:build !cgo

package privilege

// reachesThreads tells whether all threads can be reached: Go knows its own.
func reachesThreads() error { return nil }
