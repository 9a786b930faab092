package live

import (
	"net/netip"
	"testing"

	"synscope/netraw"
)

// Where this machine's own NAT changed our end alone, nobody answers in the host's name.
func TestTranslator(t *testing.T) {
	them, other := netip.MustParseAddrPort("10.0.0.2:80"), netip.MustParseAddrPort("10.0.0.3:80")
	for _, tt := range []struct {
		in   netraw.Packet
		want netip.AddrPort
	}{
		{netraw.Packet{}, netip.AddrPort{}},
		{netraw.Packet{Translated: true, Wire: them}, netip.AddrPort{}},
		{netraw.Packet{Translated: true, Wire: other}, other},
		{netraw.Packet{Translated: true}, netip.MustParseAddrPort("0.0.0.0:0")},
	} {
		if got := translator(&tt.in, them); got != tt.want {
			t.Errorf("%+v: %v, want %v", tt.in, got, tt.want)
		}
	}
}
