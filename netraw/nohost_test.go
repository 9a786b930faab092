package netraw

import (
	"errors"
	"net/netip"
	"testing"
)

// Addresses that are none of a host have no route, and no connection is tried: the kernel would
// take the unspecified ones for this machine.
func TestNoHost(t *testing.T) {
	for word, want := range map[string]error{
		"0.0.0.0": ErrNoHost, "::": ErrNoHost, "::ffff:0.0.0.0": ErrNoHost, "224.0.0.1": ErrNoHost, "239.255.255.255": ErrNoHost,
		"ff02::1": ErrNoHost, "ff02::1%lo": ErrNoHost, "255.255.255.255": ErrBroadcast,
		"127.0.0.1": nil, "0.0.0.1": nil, "240.0.0.1": nil, "223.255.255.255": nil, "::1": nil, "fe80::1%lo": nil, "2001:db8::1": nil,
	} {
		a := netip.MustParseAddr(word)
		if err := NoHost(a); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: %v, want %v", word, err, want)
		}
		if want == nil {
			continue
		}
		if _, err := (Dialer{}).Dial(t.Context(), netip.AddrPortFrom(a, 1)); !errors.Is(err, want) {
			t.Errorf("connect to %s: %v, want %v", word, err, want)
		}
	}
}

// A zone that is no interface is told of: net leaves it out, and the kernel has no way then.
func TestDialToNoInterface(t *testing.T) {
	for _, word := range []string{"[fe80::1%nope]:1", "[fe80::1%987654]:1"} {
		if _, err := (Dialer{}).Dial(t.Context(), netip.MustParseAddrPort(word)); !errors.Is(err, ErrNoInterface) {
			t.Errorf("%s: %v", word, err)
		}
	}
}
