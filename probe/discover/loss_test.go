package discover_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/probe/discover"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
)

// Hosts that answer one question alone are found although a fifth of the packets is lost
// each way; where nothing is lost, nobody is asked more often than before.
func TestHostsThatAnswerOneQuestion(t *testing.T) {
	for _, port := range []uint16{22, 80, 443} {
		if up, _ := lookAcross(t, 0.2, 250, port); up < 225 {
			t.Errorf("port %d: %d of 250 hosts found at 20 %% of loss each way", port, up)
		}
		up, sent := lookAcross(t, 0, 50, port)
		if most := 250*discover.Most + 48; up != 50 || sent > uint64(most) {
			t.Errorf("port %d: %d of 50 hosts found without loss, %d packets of at most %d", port, up, sent, most)
		}
	}
}

// lookAcross looks for hosts among 250 addresses, over a way that loses packets each way.
func lookAcross(t *testing.T, loss float64, hosts int, port uint16) (up int, sent uint64) {
	synctest.Test(t, func(t *testing.T) {
		n := simnet.New(simnet.Config{Out: simnet.Path{Delay: 5 * ms}, Back: simnet.Path{Delay: 5 * ms}})
		r := rand.New(rand.NewPCG(uint64(port), 1))
		var all []netip.Addr
		for a, i := netip.MustParseAddr("198.51.100.1"), 0; i < 250; a, i = a.Next(), i+1 {
			all = append(all, a)
			if i < hosts {
				n.HandleAddr(a.String(), lossy(r, loss, only(port, probetest.Listener())))
			}
		}
		conn := n.Conn(13)
		defer conn.Close()
		sum, err := discover.Run(t.Context(), conn, discover.Config{Hosts: slices.Values(all)}, func(h discover.Host) error {
			if h.Up {
				up++
			}
			return nil
		})
		if err != nil || !sum.Complete {
			t.Errorf("%+v, %v", sum, err)
		}
		sent = sum.Sent
	})
	return up, sent
}

// lossy loses what comes and what goes.
func lossy(r *rand.Rand, loss float64, h simnet.Host) simnet.Host {
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) {
		arrives, answered := r.Float64() >= loss, r.Float64() >= loss // the packet, and its only answer
		if arrives && answered {
			h.Respond(now, in, out)
		}
	})
}
