package simnet

import (
	"net/netip"
	"testing"

	"synscope/craft"
)

// The sum of each fragment's IPv4 header is right, for any identification: sums whose
// carry carries again are one in some ten thousand.
func TestFragmentsHaveRightSums(t *testing.T) {
	s := craft.Segment{
		Src: netip.MustParseAddrPort("192.0.2.1:80"), Dst: netip.MustParseAddrPort("198.51.100.2:40000"),
		TTL: 64, Flags: craft.SYN | craft.ACK, Options: craft.Options{1, 1, 1, 1},
	}
	var p craft.Packet
	for i := range craft.Seq(1 << 16) {
		s.Seq = i
		b, err := s.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.DecodeFirst(fragment(b, 20, 0, 24), craft.VerifyChecksums); err != nil {
			t.Fatalf("sequence number %d: %v", i, err)
		}
		if err := p.DecodeFirst(fragment(b, 20, 8, 24), craft.VerifyChecksums); err != craft.ErrFragment {
			t.Fatalf("sequence number %d, the second: %v", i, err)
		}
	}
}
