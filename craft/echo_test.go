package craft_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"synscope/craft"
)

// What is built reads back, is what golang.org/x/net/icmp reads, and fails on a
// flipped bit.
func TestEcho(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	for _, tc := range []struct {
		echo  craft.Echo
		proto int
		want  icmp.Type
	}{
		{craft.Echo{Src: four, Dst: four.Next(), Kind: craft.EchoRequest}, 1, ipv4.ICMPTypeEcho},
		{craft.Echo{Src: four, Dst: four.Next(), Kind: craft.EchoReply}, 1, ipv4.ICMPTypeEchoReply},
		{craft.Echo{Src: four, Dst: four.Next(), Kind: craft.TimestampRequest}, 1, ipv4.ICMPTypeTimestamp},
		{craft.Echo{Src: six, Dst: six.Next(), Kind: craft.EchoRequest}, 58, ipv6.ICMPTypeEchoRequest},
		{craft.Echo{Src: six, Dst: six.Next(), Kind: craft.EchoReply}, 58, ipv6.ICMPTypeEchoReply},
	} {
		tc.echo.TTL, tc.echo.ID, tc.echo.Seq, tc.echo.Token = 57, 40000, 7, 0xdeadbeef
		b, err := tc.echo.AppendTo(nil)
		if err != nil {
			t.Fatal(err)
		}
		got, err := craft.DecodeEcho(b, craft.VerifyChecksums)
		if got != tc.echo || err != nil {
			t.Errorf("%+v reads back as %+v: %v", tc.echo, got, err)
		}
		header := 20
		if tc.proto == 58 {
			header = 40
		}
		m, err := icmp.ParseMessage(tc.proto, b[header:])
		if err != nil || m.Type != tc.want {
			t.Errorf("x/net/icmp reads %v: %v, want %v", m, err, tc.want)
		}
		if tc.proto == 58 {
			psh := icmp.IPv6PseudoHeader(net.IP(tc.echo.Src.AsSlice()), net.IP(tc.echo.Dst.AsSlice()))
			again, err := (&icmp.Message{Type: tc.want, Body: m.Body}).Marshal(psh)
			if err != nil || string(again[2:4]) != string(b[header+2:header+4]) {
				t.Errorf("x/net/icmp's checksum is %x, ours %x: %v", again[2:4], b[header+2:header+4], err)
			}
		}
		b[len(b)-1] ^= 1
		if _, err := craft.DecodeEcho(b, craft.VerifyChecksums); !errors.Is(err, craft.ErrChecksum) {
			t.Errorf("a flipped bit: %v", err)
		}
	}
	if _, err := (&craft.Echo{Src: six, Dst: six.Next(), Kind: craft.TimestampRequest}).AppendTo(nil); !errors.Is(err, craft.ErrUnsupported) {
		t.Errorf("a time stamp over IPv6: %v", err)
	}
}
