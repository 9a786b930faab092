package capture

import (
	"errors"
	"net/netip"
	"testing"
)

func TestFilter(t *testing.T) {
	client, server := netip.MustParseAddrPort("192.0.2.1:40000"), netip.MustParseAddrPort("198.51.100.7:443")
	client6, server6 := netip.MustParseAddrPort("[2001:db8::1]:40000"), netip.MustParseAddrPort("[2001:db8:1::2]:22")
	for text, want := range map[string][3]bool{ // there, back, and the IPv6 pair
		"host 198.51.100.7":                          {true, true, false},
		"src host 198.51.100.7":                      {true, true, false}, // whole connections
		"dst port 443":                               {true, true, false},
		"src port 443 and dst port 40000":            {true, true, false},
		"src port 443 and src port 40000":            {false, false, false},
		"src host 192.0.2.1 and dst port 22":         {false, false, false},
		"dst net 198.51.100.0/24 or dst :22":         {true, true, true},
		"src 192.0.2.1 and not dst port 443":         {false, false, false},
		"src 198.51.100.7 and not dst port 1":        {true, true, false},
		"tcp port 443":                               {true, true, false},
		"port 443 or port 22":                        {true, true, true},
		"not port 22":                                {true, true, false},
		"! port 22 && ip":                            {true, true, false},
		"ip6":                                        {false, false, true},
		"tcp":                                        {true, true, true},
		"net 198.51.100.0/24 and not host 192.0.2.1": {false, false, false},
		"portrange 440-450":                          {true, true, false},
		"198.51.100.7:443":                           {true, true, false},
		"[2001:db8:1::2]:22":                         {false, false, true},
		":22":                                        {false, false, true},
		"2001:db8::/32":                              {false, false, true},
		"host 192.0.2.1 and (port 80 or portrange 1-500)": {true, true, false},
		"tcp and host 2001:db8::1":                        {false, false, true},
	} {
		f, err := ParseFilter(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := [3]bool{f(client, server), f(server, client), f(client6, server6)}; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	for _, text := range []string{"", "host", "host x", "port 70000", "port 9-3", "host 192.0.2.1 and", "(port 1", "port 1)", "udp", "host 192.0.2.1 port 80", "not", "src"} {
		if _, err := ParseFilter(text); !errors.Is(err, ErrFilter) {
			t.Errorf("%q: error %v", text, err)
		}
	}
}
