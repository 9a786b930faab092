package target

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestParsePorts(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		n        int
	}{
		{"80", "80", 1},
		{"0", "0", 1},
		{"65535", "65535", 1},
		{"22,80,8000-8100,https", "22,80,443,8000-8100", 104},
		{"443,80,443,79-81", "79-81,443", 4},
		{" 22 , HTTPS ", "22,443", 2},
		{"-", "1-65535", 65535},
		{"-100", "1-100", 100},
		{"60000-", "60000-65535", 5536},
		{"0-", "0-65535", 65536},
		{"0-0", "0", 1},
		{"ms-wbt-server,kube-apiserver", "3389,6443", 2},
	} {
		p, err := ParsePorts(tt.in)
		if err != nil || p.String() != tt.want || p.Len() != tt.n {
			t.Errorf("%q: %q, %d ports, %v", tt.in, p, p.Len(), err)
		}
	}
}

func TestParsePortsErrors(t *testing.T) {
	const unknown = ": neither a port, a range such as 8000-8100, nor a known service name"
	for in, want := range map[string]string{
		"":             `port "": an item is empty`,
		"22,,80":       `port "22,,80": an item is empty`,
		"80,":          `port "80,": an item is empty`,
		"22,65536":     `port "65536": ports run from 0 to 65535`,
		"999999999999": `port "999999999999": ports run from 0 to 65535`,
		"1-65536":      `port "1-65536": ports run from 0 to 65535`,
		"70000-":       `port "70000-": ports run from 0 to 65535`,
		"90-80":        `port "90-80": the range runs backwards`,
		"-0":           `port "-0": the range runs backwards`,
		"1-2-3":        `port "1-2-3": a range is FIRST-LAST`,
		"--5":          `port "--5": a range is FIRST-LAST`,
		"+80":          `port "+80"` + unknown,
		"80 81":        `port "80 81"` + unknown,
		"22,gopherd":   `port "gopherd"` + unknown + `: did you mean "gopher"?`,
		"ftp-http":     `port "ftp-http"` + unknown,
		"T:80":         `port "T:80": only TCP is probed; write ports without a protocol`,
		"22,U:53":      `port "U:53": only TCP is probed; write ports without a protocol`,
		"http*":        `port "http*"` + unknown + `: did you mean "http"?`,
		"0x50":         `port "0x50"` + unknown,
		"\u0661\u0662": "port \"\u0661\u0662\"" + unknown,
	} {
		_, err := ParsePorts(in)
		if err == nil || err.Error() != want || !errors.Is(err, ErrSyntax) {
			t.Errorf("%q:\n got %v\nwant %s", in, err, want)
		}
	}
}

func TestPortsMinus(t *testing.T) {
	p := PortsOf(3, 1, 2, 3)
	if got := p.Minus(PortsOf(2, 9)).String(); got != "1,3" {
		t.Error(got)
	}
	if p.Contains(4) || !p.Contains(3) || !slices.Equal(slices.Collect(p.All()), []uint16{1, 2, 3}) {
		t.Error(p)
	}
}

// TestServices holds the list of services to its rules: one line a port, names
// that ParsePorts can tell from numbers, no name twice.
func TestServices(t *testing.T) {
	name := regexp.MustCompile(`^[a-z0-9-]*[a-z][a-z0-9-]*$`)
	order := catalogue().order
	names := 0
	for line := range strings.Lines(servicesText) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] != "#" {
			names += len(fields) - 1
			for _, f := range fields[1:] {
				if !name.MatchString(f) {
					t.Errorf("name %q", f)
				}
			}
		}
	}
	if len(order) < 280 || len(order) > 360 || DefaultPorts().Len() != len(order) {
		t.Errorf("%d lines, %d different ports", len(order), DefaultPorts().Len())
	}
	if len(catalogue().byName) != names {
		t.Errorf("%d names, %d of them different", names, len(catalogue().byName))
	}
	if Service(443) != "https" || Service(22) != "ssh" || Service(4) != "" {
		t.Error("names of 443, 22 and 4:", Service(443), Service(22), Service(4))
	}
}

func TestTopPorts(t *testing.T) {
	for n, want := range map[int]string{1: "443", 3: "22,80,443"} {
		if p, err := TopPorts(n); err != nil || p.String() != want {
			t.Errorf("top %d: %v %v", n, p, err)
		}
	}
	listed := len(catalogue().order)
	for _, n := range []int{listed - 1, listed, listed + 1, 1000, 65535} {
		if p, err := TopPorts(n); err != nil || p.Len() != n || p.Contains(0) {
			t.Errorf("top %d: %d ports, %v", n, p.Len(), err)
		}
	}
	for _, n := range []int{-1, 0, 65536} {
		if _, err := TopPorts(n); !errors.Is(err, ErrSyntax) {
			t.Errorf("top %d: %v", n, err)
		}
	}
}

func FuzzParsePorts(f *testing.F) {
	for _, s := range []string{"22,80,8000-8100,https", "-", "-100", "60000-", "0", ",", "65536", "1-2-3", "T:80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePorts(s)
		if err != nil {
			return
		}
		q, err := ParsePorts(p.String())
		if err != nil || p.Len() == 0 || q.String() != p.String() {
			t.Fatalf("%q reads as %v, which reads as %v, %v", s, p, q, err)
		}
	})
}
