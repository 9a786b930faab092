package ping_test

import "synscope/probe/internal/probetest"

const ms = probetest.MS

var target = probetest.Target

// world is a network with hosts to probe.
type world probetest.World
