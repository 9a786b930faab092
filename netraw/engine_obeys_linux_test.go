package netraw

import (
	"errors"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// A rule for output that comes while an engine of frames runs is kept to: soon nothing
// leaves any more that it refuses, and the engine says why.
func TestEnginesObeyRulesThatComeLater(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	for _, name := range []string{"packet", "xdp"} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t)
			internet(t, p, lab.World{})
			var c wideEngine
			if name == "xdp" {
				c = openXDP(t, p, Config{})
			} else {
				c = openPacket(t, Config{})
			}
			probes := probesOf(64, c.Ports()[0])
			if n, err := blast(t, c, probes); n != len(probes) || err != nil {
				t.Fatal(n, err)
			}
			ruleset{family: nftables.TableFamilyINet, hook: nftables.ChainHookOutput, policy: nftables.ChainPolicyAccept,
				base: [][]expr.Any{{&expr.Verdict{Kind: expr.VerdictDrop}}}}.install(t)
			var refusal error
			eventually(t, "the kernel to refuse a probe", func() bool {
				time.Sleep(trialEvery / 4)
				_, refusal = c.Blast(probes)
				return errors.Is(refusal, unix.EPERM)
			})
			sent := c.Stats().Sent
			for range 3 {
				if n, err := c.Blast(probes); n != 0 || !errors.Is(err, unix.EPERM) {
					t.Errorf("%d left, %v", n, err)
				}
			}
			if now := c.Stats().Sent; now != sent {
				t.Errorf("%d left after the kernel had refused one", now-sent)
			}
		})
	}
}
