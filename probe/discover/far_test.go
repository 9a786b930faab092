package discover

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe/simnet"
)

// Hosts at all distances are found among near ones and absent ones, and addresses that
// were asked before the first answer came are not waited for by a second each round.
func TestHostsAtAllDistances(t *testing.T) {
	for _, row := range []struct {
		name     string
		farthest time.Duration // round trip; the others are spread evenly
		most     time.Duration
	}{
		{"all near", 10 * time.Millisecond, 900 * time.Millisecond},
		{"up to 900 ms", 900 * time.Millisecond, 4 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := simnet.New(simnet.Config{})
				const live = 40
				n.Handle(netip.MustParsePrefix("10.0.0.0/24"), simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
					if i := int(in.Dst.Addr().As4()[3]) - 60; i >= 0 && i < live {
						simnet.Slow(simnet.Closed{}, row.farthest*time.Duration(i)/live+time.Millisecond).Respond(now, in, out)
					}
				}))
				conn := n.Conn(2)
				defer conn.Close()
				up, sum, err := upAmong(t, conn, "10.0.0.0/24")
				if err != nil || up != live || sum.Took > row.most {
					t.Errorf("%d of %d found in %v, %v", up, live, sum.Took, err)
				}
			})
		})
	}
}
