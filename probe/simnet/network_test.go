package simnet_test

import (
	"synscope/probe"
	"synscope/probe/simnet"
)

var _ probe.Network = (*simnet.Conn)(nil)
