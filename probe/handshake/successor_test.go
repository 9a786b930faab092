package handshake_test

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/handshake"
	"synscope/probe/internal/probetest"
)

// Where no RST ends the TIME-WAIT of an old connection, the next SYN has numbers that it makes way
// for (RFC 1122 §4.2.2.13, RFC 6191), whatever those of the first were.
func TestHandshakeFollowsAConnectionInTimeWait(t *testing.T) {
	for seed := range byte(12) {
		synctest.Test(t, func(t *testing.T) {
			host := &probetest.TimeWait{Host: probetest.Listener(), Next: craft.Seq(uint32(seed) << 28), Stamp: uint32(seed) << 28 * 3}
			conn := probetest.World{Host: host, Ports: 1}.Conn()
			defer conn.Close()
			r, err := handshake.Run(t.Context(), conn, handshake.Config{Target: probetest.Target, Random: rand.NewChaCha8([32]byte{seed})})
			if err != nil || r.State != probe.StateOpen || len(host.Challenged) > 2 {
				t.Errorf("%v (%v) after %d SYNs in vain: %v", r.State, r.Reason, len(host.Challenged), err)
			}
			if len(host.Challenged) > 0 && !hasFinding(r.Findings, "challenge-ack") {
				t.Errorf("findings %v", r.Findings)
			}
		})
	}
}

// A host that takes no SYN on these ports is asked with other numbers once.
func TestHandshakeGivesUpOnAnOldConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host := &probetest.TimeWait{Host: probetest.Listener(), Refuses: 100}
		conn := probetest.World{Host: host, Ports: 1}.Conn()
		defer conn.Close()
		r, err := handshake.Run(t.Context(), conn, handshake.Config{Target: probetest.Target})
		if err != nil || r.State != probe.StateFiltered || !hasFinding(r.Findings, "challenge-ack") {
			t.Errorf("%v (%v), findings %v: %v", r.State, r.Reason, r.Findings, err)
		}
		numbers := map[craft.Seq]bool{}
		for _, n := range host.Challenged {
			numbers[n] = true
		}
		if len(numbers) != 2 || len(host.Challenged) > 6 {
			t.Errorf("SYNs of %d numbers: %v", len(numbers), host.Challenged)
		}
	})
}

func hasFinding(list []probe.Finding, code string) bool {
	for _, f := range list {
		if f.Code == code {
			return true
		}
	}
	return false
}
