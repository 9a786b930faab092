package discover_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"

	"synscope/probe"
	"synscope/probe/discover"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
)

// shared is a network of 254 addresses behind a token bucket that all of them share.
type shared struct {
	rate  float64 // packets a second
	burst int
	back  bool // it limits the answers
	live  int  // every so manieth address is there
	loss  float64
	key   byte
}

func (s shared) String() string {
	way := "there"
	if s.back {
		way = "back"
	}
	return fmt.Sprintf("%.0f/s, burst %d, %s, one in %d live", s.rate, s.burst, way, s.live)
}

// look searches the network, and tells how many of how many hosts were found.
func (s shared) look(t *testing.T) (up, live int, sum probe.Summary) {
	synctest.Test(t, func(t *testing.T) {
		out, back := simnet.Path{Delay: 5 * ms, Loss: s.loss}, simnet.Path{Delay: 5 * ms, Loss: s.loss}
		limited := &out
		if s.back {
			limited = &back
		}
		limited.Limit = simnet.Limit{Rate: s.rate, Burst: s.burst, Shared: true}
		n := simnet.New(simnet.Config{Seed: uint64(s.key), Out: out, Back: back})
		var all []netip.Addr
		for a, i := netip.MustParseAddr("198.51.100.1"), 0; i < 254; a, i = a.Next(), i+1 {
			all = append(all, a)
			if s.live > 0 && i%s.live == s.live-1 {
				live++
				n.HandleAddr(a.String(), probetest.Listener())
			}
		}
		conn := n.Conn(discover.SourcePorts)
		defer conn.Close()
		var err error
		sum, err = discover.Run(t.Context(), conn, discover.Config{Hosts: slices.Values(all), Total: 254, Key: [16]byte{s.key}}, func(h discover.Host) error {
			if h.Up {
				up++
			}
			return nil
		})
		if err != nil || !sum.Complete || sum.Probes != 254 {
			t.Errorf("%v: %+v, %v", s, sum, err)
		}
	})
	return up, live, sum
}

// What lets through so many packets a second for all hosts together does not hide them: the
// search is slowed down to that.
func TestLimitSharedByAllHosts(t *testing.T) {
	for _, rate := range []float64{20, 100, 500} {
		for _, burst := range []int{1, 50} {
			for _, live := range []int{1, 2, 10} {
				for _, back := range []bool{false, true} {
					if live == 10 && !back && rate < 100 {
						continue // of those who are there one or none is heard at first
					}
					s := shared{rate: rate, burst: burst, live: live, back: back, key: 1}
					up, live, sum := s.look(t)
					t.Logf("%v: %d of %d, %d packets, %.1f s", s, up, live, sum.Sent, sum.Took.Seconds())
					if up < live*19/20 || sum.Sent > 254*16 {
						t.Errorf("%v: %d of %d hosts found, %d packets", s, up, live, sum.Sent)
					}
				}
			}
		}
	}
}

// Where most is lost at random, the question whether it is a limit costs seconds.
func TestMuchLossIsNoLimit(t *testing.T) {
	for _, loss := range []float64{0.5, 0.7, 0.8} {
		for key := range byte(6) {
			s := shared{loss: loss, live: 2, key: key + 1}
			if up, there, sum := s.look(t); up < there*6/10 || sum.Took > 40*1000*ms {
				t.Errorf("loss %v: %d of %d, %d packets, %v", loss, up, there, sum.Sent, sum.Took)
			}
		}
	}
}

// A network where nobody answers costs what it did, and one that loses packets at random is
// not taken for a limited one: nobody who would be found is not, and in seconds.
func TestRandomLossIsNoLimit(t *testing.T) {
	for _, loss := range []float64{0, 0.2, 0.4} {
		for _, live := range []int{0, 1, 2, 10} {
			for key := range byte(2) {
				s := shared{loss: loss, live: live, key: key + 1}
				up, there, sum := s.look(t)
				if up < there*19/20 || live == 0 && (sum.Sent != 254*discover.Most || sum.Took > 3300*ms) || sum.Took > 20*1000*ms {
					t.Errorf("loss %v, one in %d live: %d of %d, %d packets, %v", loss, live, up, there, sum.Sent, sum.Took)
				}
			}
		}
	}
}
