package target

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hosts is a Resolver from a table.
type hosts map[string][]string

func (h hosts) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	var found []netip.Addr
	for _, text := range h[host] {
		a := netip.MustParseAddr(text)
		if network == "ip" || (network == "ip4") == a.Unmap().Is4() {
			found = append(found, a)
		}
	}
	if len(found) == 0 && ctx.Err() == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return found, ctx.Err()
}

var testHosts = hosts{
	"host.example": {"::ffff:192.0.2.80", "2001:db8::80", "192.0.2.81"},
	"four.example": {"192.0.2.4"},
}

func parse(t *testing.T, words []string, opts Options) *Set {
	t.Helper()
	s, err := Parse(t.Context(), words, withDefaults(opts))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func withDefaults(o Options) Options {
	if o.Ports.Len() == 0 {
		o.Ports = PortsOf(80)
	}
	o.Resolver = testHosts
	return o
}

// list writes out a small set in order.
func list(s *Set) []string {
	var out []string
	for pair := range s.Ordered() {
		out = append(out, pair.String())
	}
	return out
}

func TestParseForms(t *testing.T) {
	for _, tt := range []struct{ words, want string }{
		{"192.0.2.7", "192.0.2.7:80"},
		{"192.0.2.7:443", "192.0.2.7:443"},
		{"192.0.2.7:443,ssh", "192.0.2.7:22 192.0.2.7:443"},
		{"192.0.2.7 192.0.2.7:443 192.0.2.7", "192.0.2.7:80 192.0.2.7:443"},
		{"192.0.2.8/30", "192.0.2.8:80 192.0.2.9:80 192.0.2.10:80 192.0.2.11:80"},
		{"192.0.2.9/31:81", "192.0.2.8:81 192.0.2.9:81"},
		{"192.0.2.7/32", "192.0.2.7:80"},
		{"192.0.2.10-12", "192.0.2.10:80 192.0.2.11:80 192.0.2.12:80"},
		{"192.0.2.255-192.0.3.0", "192.0.2.255:80 192.0.3.0:80"},
		{"192.0.2-3.1,7", "192.0.2.1:80 192.0.2.7:80 192.0.3.1:80 192.0.3.7:80"},
		{"192.0.2.-1", "192.0.2.0:80 192.0.2.1:80"},
		{"192.0.2.254-", "192.0.2.254:80 192.0.2.255:80"},
		{"192.0.2.1,1-2,2:8", "192.0.2.1:8 192.0.2.2:8"},
		{"2001:db8::1", "[2001:db8::1]:80"},
		{"[2001:db8::1]", "[2001:db8::1]:80"},
		{"[2001:db8::1]:443", "[2001:db8::1]:443"},
		{"2001:db8::2/127", "[2001:db8::2]:80 [2001:db8::3]:80"},
		{"2001:db8::2/127:443", "[2001:db8::2]:443 [2001:db8::3]:443"},
		{"2001:db8::fffe-2001:db8::1:0", "[2001:db8::fffe]:80 [2001:db8::ffff]:80 [2001:db8::1:0]:80"},
		{"fe80::1%eth0", "[fe80::1%eth0]:80"},
		{"[fe80::1%eth0]:443", "[fe80::1%eth0]:443"},
		{"fe80::%br-lan/127", "[fe80::%br-lan]:80 [fe80::1%br-lan]:80"},
		{"fe80::1%a-fe80::2%a", "[fe80::1%a]:80 [fe80::2%a]:80"},
		{"fe80::1%b fe80::1%a fe80::1", "[fe80::1]:80 [fe80::1%a]:80 [fe80::1%b]:80"},
		{"::ffff:192.0.2.7", "192.0.2.7:80"},
		{"::ffff:192.0.2.8/127", "192.0.2.8:80 192.0.2.9:80"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:80"},
		{"255.255.255.254/31", "255.255.255.254:80 255.255.255.255:80"},
		{"host.example", "192.0.2.80:80"},
		{"host.example:443 HOST.example.", "192.0.2.80:443"},
		{"2001:db8::1 192.0.2.1", "192.0.2.1:80 [2001:db8::1]:80"},
	} {
		s, err := Parse(t.Context(), strings.Fields(tt.words), Options{Ports: PortsOf(80), SkipBad: true, Resolver: testHosts})
		if err != nil {
			t.Errorf("%s: %v", tt.words, err)
			continue
		}
		if diff := cmp.Diff(strings.Fields(tt.want), list(s)); diff != "" {
			t.Errorf("%s:\n%s", tt.words, diff)
		}
	}
}

func TestParseErrors(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, tt := range []struct {
		word, want string
		kind       error
	}{
		{"", "the word is empty", ErrSyntax},
		{"https://host.example/", "a target is a host or an address, not a URL", ErrSyntax},
		{":443", "no host precedes the colon", ErrSyntax},
		{"host.example:", "no port follows the colon", ErrSyntax},
		{"host.example:70000", `port "70000": ports run from 0 to 65535`, ErrSyntax},
		{"host.example:gopherd", `port "gopherd": neither a port, a range such as 8000-8100, nor a known service name: did you mean "gopher"?`, ErrSyntax},
		{"[2001:db8::1", "the bracket is not closed", ErrSyntax},
		{"[192.0.2.1]:80", "brackets hold an IPv6 address", ErrSyntax},
		{"[2001:db8::1]80", "only :PORT may follow the bracket", ErrSyntax},
		{"[2001:db8::1]:", "no port follows the colon", ErrSyntax},
		{"[]", "brackets hold an IPv6 address", ErrSyntax},
		{"1:2:3:4:5:6:7:8:443", "not an IPv6 address; with a port it is written [ADDRESS]:PORT", ErrSyntax},
		{"fe80::1%eth0:443", "not an IPv6 address; with a port it is written [ADDRESS%ZONE]:PORT", ErrSyntax},
		{"2001:db8::2-2001:db8::1", "the range runs backwards", ErrSyntax},
		{"fe80::1%a-fe80::2%b", "the ends of the range differ in family or zone", ErrSyntax},
		{"192.0.2.9-192.0.2.1", "the range runs backwards", ErrSyntax},
		{"host.example/24", `a prefix is ADDRESS/LENGTH, and "host.example" is no address`, ErrSyntax},
		{"192.0.2-3.0/24", `a prefix is ADDRESS/LENGTH, and "192.0.2-3.0" is no address`, ErrSyntax},
		{"192.0.2.0/", `the prefix length "" is no number`, ErrSyntax},
		{"192.0.2.0/08", `the prefix length "08" is no number`, ErrSyntax},
		{"192.0.2.0/+8", `the prefix length "+8" is no number`, ErrSyntax},
		{"192.0.2.0/255.255.255.0", `the prefix length "255.255.255.0" is no number`, ErrSyntax},
		{"192.0.2.0/33", "the prefix length 33 is above 32", ErrSyntax},
		{"2001:db8::/129", "the prefix length 129 is above 128", ErrSyntax},
		{"192.0.2", "an IPv4 address has 4 octets, this has 3", ErrSyntax},
		{"7", "an IPv4 address has 4 octets, this has 1; a port is written HOST:7", ErrSyntax},
		{"192.0.2.1,192.0.2.5", "an IPv4 address has 4 octets, this has 7", ErrSyntax},
		{"192.0.2.256", "octet 4: 256 is above 255", ErrSyntax},
		{"192.0.2.99999999999999999999", "octet 4: 99999999999999999999 is above 255", ErrSyntax},
		{"192.0.02.1", "octet 3: 02 has a leading zero, which some read as octal", ErrSyntax},
		{"192..2.1", "octet 2: a value is missing", ErrSyntax},
		{"192.0.1,.1", "octet 3: a value is missing", ErrSyntax},
		{"192.0.2.9-1", "octet 4: 9-1 runs backwards", ErrSyntax},
		{"192.0.2.1-2-3", `octet 4: "2-3" is no number`, ErrSyntax},
		{"192.0.2.1*", `octet 4: "1*" is no number`, ErrSyntax},
		{"*.*.*.1,3", "the pattern falls into 33554432 separate ranges, at most 1048576 are kept; write a prefix and exclusions", ErrSyntax},
		{"host..example", "a host name has no empty labels", ErrSyntax},
		{".", "an IPv4 address has 4 octets, this has 2", ErrSyntax},
		{"-host.example", "a label of a host name neither begins nor ends with a hyphen", ErrSyntax},
		{long + ".example", "a label of a host name has at most 63 characters", ErrSyntax},
		{strings.Repeat("abc.", 64) + "example", "a host name has at most 253 characters", ErrSyntax},
		{"höst.example", "a host name is ASCII; write an international name in its xn-- form", ErrSyntax},
		{"host example", "a host name does not contain ' '", ErrSyntax},
		{"fe80::/64%eth0", "the zone stands before the length: fe80::%eth0/64", ErrSyntax},
		{"host.123", "neither an address nor a host name: it ends in a number", ErrSyntax},
		{"0x7f000001", "neither an address nor a host name: it ends in a number", ErrSyntax},
		{"none.example", "does not resolve: lookup none.example: no such host", ErrResolve},
		{"2001:db8::/63", "with all other targets and ports more than 2^64 probes; narrow the prefix or the ports", ErrTooMany},
		{"2001:db8::/64:80,81", "with all other targets and ports more than 2^64 probes; narrow the prefix or the ports", ErrTooMany},
		{"::/0", "with all other targets and ports more than 2^64 probes; narrow the prefix or the ports", ErrTooMany},
	} {
		_, err := Parse(t.Context(), []string{"192.0.2.99", tt.word}, withDefaults(Options{}))
		want := fmt.Sprintf("target %q: %s", tt.word, tt.want)
		if err == nil || err.Error() != want || !errors.Is(err, tt.kind) {
			t.Errorf("%q:\n got %v\nwant %s (%v)", tt.word, err, want, tt.kind)
		}
	}
}

func TestFamily(t *testing.T) {
	v6 := withDefaults(Options{Family: IPv6})
	s, err := Parse(t.Context(), []string{"host.example"}, v6)
	if err != nil || list(s)[0] != "[2001:db8::80]:80" {
		t.Fatal(err, s)
	}
	for word, want := range map[string]string{
		"192.0.2.1":    `target "192.0.2.1": an IPv4 address where only IPv6 is wanted`,
		"four.example": `target "four.example": does not resolve: lookup four.example: no such host`,
	} {
		if _, err := Parse(t.Context(), []string{word}, v6); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", word, err, want)
		}
	}
	if _, err := Parse(t.Context(), []string{"192.0.2.1"}, v6); !errors.Is(err, ErrFamily) {
		t.Errorf("%v is not ErrFamily", err)
	}
	s = parse(t, []string{"host.example"}, Options{})
	want := "host.example has 3 addresses; 192.0.2.80 is probed, not 2001:db8::80, 192.0.2.81"
	if w := s.Warnings(); len(w) != 1 || w[0].Code != WarnMoreAddresses || w[0].Text != want {
		t.Errorf("warnings %+v", w)
	}
}

func TestExclusions(t *testing.T) {
	for _, tt := range []struct{ words, exclude, want string }{
		{"192.0.2.0/30", "192.0.2.1", "192.0.2.0:80 192.0.2.2:80 192.0.2.3:80"},
		{"192.0.2.0/30", "192.0.2.1,192.0.2.3", "192.0.2.0:80 192.0.2.2:80"},
		{"192.0.2.0/30", "192.0.2.1,3", "192.0.2.0:80 192.0.2.2:80"},
		{"192.0.2.0/31:1-3", "192.0.2.1:2", "192.0.2.0:1 192.0.2.0:2 192.0.2.0:3 192.0.2.1:1 192.0.2.1:3"},
		{"192.0.2.80-81 2001:db8::80", "host.example", ""},
		{"192.0.2.80,82", "host.example", "192.0.2.82:80"},
		{"fe80::1%eth0 fe80::1%eth1 fe80::2%eth1", "fe80::1", "[fe80::2%eth1]:80"},
		{"fe80::1%eth0 fe80::1%eth1", "fe80::1%eth0", "[fe80::1%eth1]:80"},
		{"192.0.2.7", "0.0.0.0/0", ""},
		{"192.0.2.7 2001:db8::1", "0.0.0.0/0 ::/0", ""},
		{"192.0.2.7:99", "", ""},
	} {
		s, err := Parse(t.Context(), strings.Fields(tt.words), withDefaults(Options{
			Exclude: strings.Fields(tt.exclude), ExcludePorts: PortsOf(99)}))
		if tt.want == "" && !errors.Is(err, ErrEmpty) || tt.want != "" && err != nil {
			t.Errorf("%s - %s: error %v", tt.words, tt.exclude, err)
			continue
		}
		if diff := cmp.Diff(strings.Fields(tt.want), list(s), cmp.Transformer("", func(s []string) string { return strings.Join(s, " ") })); diff != "" {
			t.Errorf("%s - %s:\n%s", tt.words, tt.exclude, diff)
		}
	}
	_, err := Parse(t.Context(), []string{"192.0.2.1"}, withDefaults(Options{Exclude: []string{"192.0.2.300"}, SkipBad: true}))
	if err == nil || err.Error() != `exclusion "192.0.2.300": octet 4: 300 is above 255` {
		t.Errorf("a bad exclusion gives %v", err)
	}
}

func TestLists(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "hosts.txt")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("\ufeff# all of them\r\n192.0.2.1 # one\r\n\r\n192.0.2.2:443\t192.0.2.3\n")
	s := parse(t, nil, Options{Lists: []string{file, "-"}, Stdin: strings.NewReader("192.0.2.4"), ExcludeFiles: nil})
	if got := list(s); !slices.Equal(got, []string{"192.0.2.1:80", "192.0.2.2:443", "192.0.2.3:80", "192.0.2.4:80"}) {
		t.Error(got)
	}
	write("192.0.2.1\n192.0.2.256\n")
	want := file + `:2: target "192.0.2.256": octet 4: 256 is above 255`
	if _, err := Parse(t.Context(), nil, Options{Lists: []string{file}}); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	s = parse(t, nil, Options{Lists: []string{file}, SkipBad: true})
	if w := s.Warnings(); s.Count() != 1 || len(w) != 1 || w[0].Text != want+" (skipped)" || w[0].Where != file+":2" {
		t.Errorf("warnings %+v", w)
	}
	want = file + `:2: exclusion "192.0.2.256": octet 4: 256 is above 255`
	if _, err := Parse(t.Context(), []string{"192.0.2.1"}, Options{ExcludeFiles: []string{file}}); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	write("192.0.2.1\n" + strings.Repeat("x", maxLine+1))
	if _, err := Parse(t.Context(), nil, Options{Lists: []string{file}}); !errors.Is(err, ErrList) || !strings.HasPrefix(err.Error(), file+":2: ") || !strings.Contains(err.Error(), "a line of more than") {
		t.Errorf("a long line gives %v", err)
	}
	for _, text := range []string{"\xff\xfe1\x00", "\xfe\xff\x001"} {
		write(text)
		if _, err := Parse(t.Context(), nil, Options{Lists: []string{file}, SkipBad: true}); !errors.Is(err, ErrList) || !strings.Contains(err.Error(), "UTF-16") {
			t.Errorf("a list in UTF-16 gives %v", err)
		}
	}
	if _, err := Parse(t.Context(), nil, Options{Lists: []string{dir + "/none"}}); !errors.Is(err, ErrList) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing list gives %v", err)
	}
}

func TestEmpty(t *testing.T) {
	s, err := Parse(t.Context(), nil, Options{})
	if !errors.Is(err, ErrEmpty) || err.Error() != "nothing to probe: no target is given" || s.Count() != 0 {
		t.Error(s, err)
	}
	s, err = Parse(t.Context(), []string{"7"}, Options{SkipBad: true})
	if !errors.Is(err, ErrEmpty) || len(s.Warnings()) != 1 || len(list(s)) != 0 || s.ShardCount(0, 1) != 0 {
		t.Error(s, err)
	}
	for range s.All(1) {
		t.Error("an empty set yields a pair")
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, skip := range []bool{false, true} {
		if _, err := Parse(ctx, []string{"host.example"}, withDefaults(Options{SkipBad: skip})); !errors.Is(err, context.Canceled) {
			t.Errorf("skip %v: %v", skip, err)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct{ word, code, text string }{
		{"192.0.2.7/24", WarnHostBits, "192.0.2.7/24 has bits beyond its length; it means all of 192.0.2.0-192.0.2.255"},
		{"::ffff:192.0.2.7", WarnMapped, "::ffff:192.0.2.7 is an IPv4 address in IPv6 notation (RFC 4291 §2.5.5.2); it is probed over IPv4"},
		{"fe80::1", WarnNoZone, `target "fe80::1" includes link-local addresses without a zone; write ADDRESS%INTERFACE`},
		{"223.0.0.0-224.0.0.0", WarnUnusualAddress, `target "223.0.0.0-224.0.0.0" includes multicast addresses (RFC 5771)` + noTCP},
		{"255.255.255.255", WarnUnusualAddress, `target "255.255.255.255" includes the broadcast address (RFC 919 §7)` + noTCP},
		{"ff02::1%eth0", WarnUnusualAddress, `target "ff02::1%eth0" includes multicast addresses (RFC 4291 §2.7)` + noTCP},
		{"192.0.2.1:0", WarnPortZero, `port 0 of target "192.0.2.1:0" is probed; no service can listen there`},
	} {
		want := []Warning{{Code: tt.code, Word: tt.word, Text: tt.text}}
		if diff := cmp.Diff(want, parse(t, []string{tt.word}, Options{}).Warnings()); diff != "" {
			t.Errorf("%s:\n%s", tt.word, diff)
		}
	}
	s := parse(t, []string{"192.0.2.1", "192.0.2.2", "0.0.0.0/0"}, Options{Exclude: []string{"192.0.2.2", "0.0.0.0/8", "224.0.0.0/3"}})
	if w := s.Warnings(); len(w) != 1 || w[0].Code != WarnExcluded || w[0].Text != `exclusions leave nothing of target "192.0.2.2"` {
		t.Errorf("%+v", w)
	}
}

func FuzzParseWord(f *testing.F) {
	for _, word := range strings.Fields(`192.0.2.7 192.0.2.0/24 192.0.2-3.1-254 *.*.*.1 host.example:443 [2001:db8::1]:443
		2001:db8::/120:80 fe80::1%eth0 fe80::%e/10 ::/0 0.0.0.0/0 ::ffff:1.2.3.4/97 1.2.3.4-5.6.7.8 [:]:, a:b:c/: -,-.-.-`) {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, text string) {
		form, err := parseWord(text)
		if err != nil || form.name != "" {
			return
		}
		n, last := 0, netip.Addr{}
		for s := range form.spans() {
			if !s.first.IsValid() || s.last.Less(s.first) || spaceOf(s.first) != spaceOf(s.last) {
				t.Fatalf("%q covers %v-%v", text, s.first, s.last)
			}
			if n > 0 && !last.Less(s.first) {
				t.Fatalf("%q: %v is not above %v", text, s.first, last)
			}
			if last, n = s.last, n+1; n == 1000 {
				break
			}
		}
	})
}

// FuzzList reads whatever is called a list of targets, and walks through the first
// of what it names.
func FuzzList(f *testing.F) {
	f.Add("192.0.2.1\n# fine\n192.0.2.0/30:80\n[2001:db8::1]:443 fe80::1%lo\n")
	f.Add("0.0.0.0/0\n10.0-255.1.*\n::/0\n\xff\x00\n host.example\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(t.Context(), nil, Options{Lists: []string{"-"}, Stdin: strings.NewReader(text), Resolver: unresolved{}})
		if err != nil {
			return
		}
		n := uint64(0)
		for pair := range s.Ordered() {
			if !pair.IsValid() {
				t.Fatalf("%q names %v", text, pair)
			}
			if n++; n == 100 {
				break
			}
		}
		if n == 0 || n < 100 && n != s.Count() {
			t.Fatalf("%q: %d targets, and it says %d", text, n, s.Count())
		}
	})
}

type unresolved struct{}

func (unresolved) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return nil, errors.New("no name resolves")
}
