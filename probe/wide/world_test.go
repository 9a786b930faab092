package wide_test

import "synscope/probe/internal/probetest"

const ms = probetest.Millisecond
