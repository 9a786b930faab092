package capture

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"synscope/craft"
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
	for text, at := range map[string]int{
		"": 1, "host": 5, "host x": 6, "port 70000": 6, "portrange 9-3": 11, "host 192.0.2.1 and": 19, "(port 1": 8, "port 1)": 7,
		"udp": 1, "host 192.0.2.1 port 80": 16, "not": 4, "src": 4, "port 80 or": 11, "tcp 80": 5, "port 80 or host 10.0.0.999": 17,
		"net 10.0.0.0/33": 5, "port nosuchservice": 6, "ip6 src": 8, "port 80 & host 1.2.3.4": 9, "net 10.0.0.0 mask 255": 19,
	} {
		_, err := ParseFilter(text)
		if want := fmt.Sprintf("at %d: ", at); !errors.Is(err, ErrFilter) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

// TestFilterAgainstTcpdump compares with what tcpdump takes of each packet, or
// of the one that goes back.
func TestFilterAgainstTcpdump(t *testing.T) {
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("no tcpdump: apt-get install tcpdump")
	}
	var ends []netip.AddrPort
	for _, addr := range []string{"10.1.2.3", "10.1.9.9", "192.0.2.7"} {
		for _, port := range []uint16{80, 443, 8001, 40000} {
			ends = append(ends, netip.AddrPortFrom(netip.MustParseAddr(addr), port))
		}
	}
	for _, addr := range []string{"2001:db8::1", "2001:db8:1::2"} {
		for _, port := range []uint16{80, 40000} {
			ends = append(ends, netip.AddrPortFrom(netip.MustParseAddr(addr), port))
		}
	}
	var pairs [][2]netip.AddrPort
	var segments [][]byte
	for _, src := range ends {
		for _, dst := range ends {
			if src.Addr().Is4() != dst.Addr().Is4() || src == dst {
				continue
			}
			s := craft.Segment{Src: src, Dst: dst, TTL: 64, Flags: craft.ACK}
			b, err := s.AppendTo(nil)
			if err != nil {
				t.Fatal(err)
			}
			pairs, segments = append(pairs, [2]netip.AddrPort{src, dst}), append(segments, b)
		}
	}
	path := filepath.Join(t.TempDir(), "all.pcap")
	writeRaw(t, path, segments)
	for _, text := range []string{
		"host 10.1.2.3", "src host 10.1.2.3 and dst port 80", "port 80 or 443", "port 80 or port 443 and host 10.1.2.3",
		"host 10.1.2.3 and port 80 or port 443", "not port 80 and host 192.0.2.7 or port 8001", "net 10.1", "net 10.1.9.0/24",
		"net 10", "net 10.1.2.0 mask 255.255.255.0", "src or dst net 192.0.2.0/24", "src and dst net 10.1.0.0/16", "tcp src port 80",
		"tcp portrange 400-9000", "ip6 host 2001:db8::1", "ip6 and port 80", "ip and not (port 80 or port 443)", "port http",
		"net 2001:db8::/32", "host 10.1.2.3 or 192.0.2.7", "src 10.1.2.3 or 10.1.9.9", "not (src port 80 and dst host 192.0.2.7)",
		"!port 80&&host 10.1.2.3||port 443", "src port 80 or dst port 443", "tcp", "ip",
	} {
		f, err := ParseFilter(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		out, err := exec.Command("tcpdump", "-n", "-t", "-r", path, text).Output()
		if err != nil {
			t.Errorf("%q: tcpdump: %v", text, err)
			continue
		}
		taken := map[[2]netip.AddrPort]bool{}
		for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			if src, dst, ok := tcpdumpEnds(line); ok {
				taken[[2]netip.AddrPort{src, dst}] = true
			}
		}
		for _, p := range pairs {
			want := taken[p] || taken[[2]netip.AddrPort{p[1], p[0]}]
			if got := f(p[0], p[1]); got != want {
				t.Errorf("%q: %v > %v: %v, tcpdump: %v", text, p[0], p[1], got, want)
				break
			}
		}
	}
}

// tcpdumpEnds reads "IP 10.0.0.1.80 > 10.0.0.2.443: ...".
func tcpdumpEnds(line string) (src, dst netip.AddrPort, ok bool) {
	words := strings.Fields(line)
	if len(words) < 4 {
		return src, dst, false
	}
	read := func(word string) netip.AddrPort {
		word = strings.TrimSuffix(word, ":")
		dot := strings.LastIndex(word, ".")
		port, _ := strconv.Atoi(word[dot+1:])
		return netip.AddrPortFrom(netip.MustParseAddr(word[:dot]), uint16(port))
	}
	return read(words[1]), read(words[3]), true
}

func writeRaw(t *testing.T, path string, packets [][]byte) {
	const raw = 101
	o := binary.LittleEndian
	b := o.AppendUint16(o.AppendUint16(o.AppendUint32(nil, 0xa1b2c3d4), 2), 4)
	b = o.AppendUint32(o.AppendUint32(append(b, make([]byte, 8)...), 65535), raw)
	for i, p := range packets {
		b = o.AppendUint32(o.AppendUint32(b, uint32(1_700_000_000+i)), 0)
		b = append(o.AppendUint32(o.AppendUint32(b, uint32(len(p))), uint32(len(p))), p...)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
