package handshake

import (
	"net/netip"
	"testing"

	"synscope/probe"
	"synscope/probe/simnet"
)

// A queue that was found full is that of one port: of silence at another it says nothing.
func TestAFullQueueIsOfOnePort(t *testing.T) {
	for port, want := range map[uint16]bool{5: false, simTarget.Port(): true} {
		for _, code := range []string{"accept-queue-full", "accept-queue-reset"} {
			before := Result{Target: netip.AddrPortFrom(simTarget.Addr(), port)}
			before.Findings = []probe.Finding{{Code: code}}
			o := scene{host: simnet.Dropped{}, cfg: Config{Known: Known{}.After(&before)}}.play(t)
			if got := has(&o.result, "accept-queue-full"); got != want {
				t.Errorf("%s at port %d before: told %t", code, port, got)
			}
		}
	}
}
