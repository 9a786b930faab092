//go:build !linux

package wire

import "syscall"

// errNoNet has no equal here: "no route to the network" comes nearest.
const errNoNet = syscall.ENETUNREACH
