package craft_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"testing"

	"synscope/craft"
)

// The bytes were worked out by hand, and their checksums apart from this code.
func TestAppendToBytes(t *testing.T) {
	tests := []struct {
		name string
		s    craft.Segment
		want string
	}{
		{"IPv4", synIPv4(), "4500003c00074000" + "4006b6b1" + "c0000201c0000202" +
			"9c400050000003e800000000a002faf0" + "2892" + "0000" + "020405b40402080a000000010000000001030307"},
		{"IPv6", synIPv6(), "6001234500280640" + "20010db8000000000000000000000001" + "20010db8000000000000000000000002" +
			"9c400050000003e800000000a002faf0" + "5121" + "0000" + "020405b40402080a000000010000000001030307"},
	}
	for _, tt := range tests {
		if got := hex.EncodeToString(mustBuild(t, tt.s)); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestAppendToAppends(t *testing.T) {
	s := synIPv4()
	got, err := s.AppendTo([]byte("before"))
	if err != nil || !bytes.Equal(got, append([]byte("before"), mustBuild(t, s)...)) {
		t.Errorf("AppendTo = %x, %v", got, err)
	}
}

func TestAppendToRejects(t *testing.T) {
	v6 := netip.MustParseAddrPort("[2001:db8::1]:1")
	tests := []struct {
		name   string
		change func(*craft.Segment)
		want   error
	}{
		{"no source", func(s *craft.Segment) { s.Src = netip.AddrPort{} }, craft.ErrAddresses},
		{"no destination", func(s *craft.Segment) { s.Dst = netip.AddrPort{} }, craft.ErrAddresses},
		{"versions mixed", func(s *craft.Segment) { s.Dst = v6 }, craft.ErrAddresses},
		{"41 bytes of options", func(s *craft.Segment) { s.Options = make([]byte, 41) }, craft.ErrOptionsTooLong},
		{"length 65536", func(s *craft.Segment) { s.Payload = make([]byte, 65536-20-20-20) }, craft.ErrTooLong},
		{"IPv6 length 65536", func(s *craft.Segment) {
			*s = synIPv6()
			s.Payload = make([]byte, 65536-20-20)
		}, craft.ErrTooLong},
		{"21 bits of flow label", func(s *craft.Segment) { *s = synIPv6(); s.FlowLabel = 1 << 20 }, craft.ErrFieldRange},
		{"13 bits of flags", func(s *craft.Segment) { s.Flags = 1 << 12 }, craft.ErrFieldRange},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := synIPv4()
			tt.change(&s)
			got, err := s.AppendTo([]byte("kept"))
			if !errors.Is(err, tt.want) || string(got) != "kept" {
				t.Errorf("AppendTo = %q, %v, want %v", got, err, tt.want)
			}
		})
	}
}

// What AppendTo takes at most must survive the way back.
func TestAppendToLongest(t *testing.T) {
	for _, s := range []craft.Segment{synIPv4(), synIPv6()} {
		s.Payload = make([]byte, 65535-20-20)
		if s.Src.Addr().Is4() {
			s.Payload = s.Payload[20:]
		}
		var p craft.Packet
		if err := p.Decode(mustBuild(t, s), craft.VerifyChecksums); err != nil {
			t.Errorf("%v: %v", &s, err)
		}
		if len(p.Segment.Payload) != len(s.Payload) {
			t.Errorf("payload of %d bytes, want %d", len(p.Segment.Payload), len(s.Payload))
		}
	}
}

func TestSegmentLen(t *testing.T) {
	tests := []struct {
		flags   craft.Flags
		payload int
		want    uint32
	}{
		{craft.ACK, 0, 0}, {craft.SYN, 0, 1}, {craft.FIN | craft.ACK, 3, 4}, {craft.SYN | craft.FIN, 5, 7}, {craft.RST, 2, 2},
	}
	for _, tt := range tests {
		s := craft.Segment{Flags: tt.flags, Payload: make([]byte, tt.payload)}
		if got := s.Len(); got != tt.want {
			t.Errorf("Len of %v with %d bytes = %d, want %d", tt.flags, tt.payload, got, tt.want)
		}
	}
}
