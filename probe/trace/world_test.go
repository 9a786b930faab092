package trace_test

import "synscope/probe/internal/probetest"

const ms = probetest.Millisecond

var target = probetest.Target

// world is a network with hosts to probe.
type world probetest.World
