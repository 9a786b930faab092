package discover_test

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

	"synscope/probe/discover"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
)

// Hosts that answer one question alone are found although a fifth of the packets is lost
// each way; where nothing is lost, nobody is asked more often than before.
func TestHostsThatAnswerOneQuestion(t *testing.T) {
	for _, port := range []uint16{22, 80, 443} {
		for key := range byte(8) { // each loses other packets
			if up, _ := lookAcross(t, 0.2, 250, port, key+1); up < 235 {
				t.Errorf("port %d, key %d: %d of 250 hosts found at 20 %% of loss each way", port, key+1, up)
			}
		}
		up, sent := lookAcross(t, 0, 50, port, 1)
		if most := 250*discover.Most + 48 + 250*discover.Most/32; up != 50 || sent > uint64(most) {
			t.Errorf("port %d: %d of 50 hosts found without loss, %d packets of at most %d", port, up, sent, most)
		}
	}
}

// lookAcross looks for hosts among 250 addresses, over a way that loses packets each way. What
// it loses depends on the key.
func lookAcross(t *testing.T, loss float64, hosts int, port uint16, key byte) (up int, sent uint64) {
	synctest.Test(t, func(t *testing.T) {
		way := simnet.Path{Delay: 5 * ms, Loss: loss}
		n := simnet.New(simnet.Config{Seed: uint64(port), Out: way, Back: way})
		var all []netip.Addr
		for a, i := netip.MustParseAddr("198.51.100.1"), 0; i < 250; a, i = a.Next(), i+1 {
			all = append(all, a)
			if i < hosts {
				n.HandleAddr(a.String(), only(port, probetest.Listener()))
			}
		}
		conn := n.Conn(13)
		defer conn.Close()
		sum, err := discover.Run(t.Context(), conn, discover.Config{Hosts: slices.Values(all), Key: [16]byte{key}}, func(h discover.Host) error {
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
