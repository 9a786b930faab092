package cli

import (
	"net/netip"
	"testing"

	"synscope/internal/lab"
	"synscope/internal/lab/netstack"
)

// TestAnotherStack probes a TCP that is not Linux's, over an interface without
// a link layer. Where RFC 9293 §3.10.7 leaves no choice it answers alike.
func TestAnotherStack(t *testing.T) {
	lab.RequireTun(t)
	if !lab.Apart(t) {
		return
	}
	h, err := netstack.New(netstack.Config{Ports: []uint16{80}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}()
	for technique, want := range map[string][2]string{ // port 80, port 81
		"syn":     {"open syn-ack", "refused reset"},
		"connect": {"open connected", "refused conn-refused"},
		"ack":     {"unfiltered reset", "unfiltered reset"},
		"window":  {"refused reset", "refused reset"},
		"fin":     {"open|filtered no-response", "refused reset"},
		"null":    {"open|filtered no-response", "refused reset"},
		"xmas":    {"open|filtered no-response", "refused reset"},
		"maimon":  {"refused reset", "refused reset"},
	} {
		for _, a := range []netip.Addr{netstack.Addr4, netstack.Addr6} {
			pairs := []netip.AddrPort{netip.AddrPortFrom(a, 80), netip.AddrPortFrom(a, 81)}
			found := scanAll(t, nil, technique, pairs, "--timeout", "100ms")
			for i, p := range pairs {
				if got := found[p].str("state") + " " + found[p].str("reason"); got != want[i] {
					t.Errorf("%s %v: %s, want %s", technique, p, got, want[i])
				}
			}
		}
	}
}
