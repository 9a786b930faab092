//go:build !cgo

package cli

// threadSpace: threads that Go makes reserve next to nothing.
const threadSpace = 0
