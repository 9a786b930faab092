package isn_test

import (
	"fmt"
	"testing"
	"time"

	"synscope/probe/isn"
	"synscope/probe/isn/internal/evaluate"
)

func TestDebug(t *testing.T) {
	for _, c := range []struct {
		seed uint64
		j    time.Duration
	}{{2230, 5 * time.Millisecond}, {4006, 300 * time.Microsecond}, {3496, 30 * time.Millisecond}} {
		_, s := evaluate.Host(c.seed, evaluate.Config{Jitter: c.j})
		isn.DebugLine(s)
		for _, x := range s {
			rtt, _ := x.RTT()
			fmt.Println(x.Series, x.SrcPort.Value, (x.Sent.Value-s[0].Sent.Value)/1000, rtt.Microseconds(), x.ISN.OK, uint32(x.ISN.Value-s[0].ISN.Value))
		}
	}
}
