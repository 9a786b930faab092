package report

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/internal/report/text"
	"synscope/netraw"
	"synscope/probe"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := read(t, path); got != want {
		t.Errorf("%s:\n--- got\n%s--- want\n%s", path, got, want)
	}
}

func service(port uint16) string {
	return map[uint16]string{22: "ssh", 80: "http", 443: "https", 25: "smtp"}[port]
}

// someTime is when answers came in tests.
var someTime = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// Times of day are those of the machine, which golden files do not know.
func TestMain(m *testing.M) {
	time.Local = time.UTC
	os.Exit(m.Run())
}

func verdict(addr string, s probe.State, r probe.Reason) probe.Verdict {
	return probe.Verdict{Target: netip.MustParseAddrPort(addr), State: s, Reason: r, Attempts: 1, Time: someTime}
}

func opened(addr string, rtt time.Duration, clock netraw.Clock) probe.Verdict {
	v := verdict(addr, probe.StateOpen, probe.ReasonSYNACK)
	v.RTT, v.Clock = rtt, clock
	options, _ := craft.NewOptions(craft.MSS(1460))
	v.Reply = &craft.Segment{Src: v.Target, TTL: 64, Window: 64240, Flags: craft.SYN | craft.ACK, Options: options}
	return v
}

// refused are n closed ports of a host, from first on.
func refused(host string, first, n int) []probe.Verdict {
	var all []probe.Verdict
	for port := range n {
		all = append(all, verdict(fmt.Sprintf("%s:%d", host, first+port), probe.StateRefused, probe.ReasonReset))
	}
	return all
}

// oneHost is a web server that refuses most ports, and a firewall before it.
func oneHost() []probe.Verdict {
	prohibited := verdict("192.0.2.7:25", probe.StateFiltered, "admin-prohibited")
	prohibited.Responder = netip.MustParseAddr("198.51.100.1")
	late := opened("192.0.2.7:80", 20_100*time.Microsecond, netraw.ClockUser)
	late.Attempts = 3
	odd := opened("192.0.2.7:22", 6800, netraw.ClockKernel)
	odd.Findings = []probe.Finding{
		{Code: "mss-clamped", Severity: probe.SeverityNotice, Text: "the MSS is below the interface's", Evidence: "mss 1300"},
		{Code: "forged-reset", Severity: probe.SeverityWarning, Text: "an RST\x1b[2J came first"},
	}
	unsent := verdict("192.0.2.7:9", probe.StateUnknown, probe.ReasonSendFailed)
	unsent.Attempts, unsent.Err = 0, errors.New("sendmsg: no buffer space available")
	all := []probe.Verdict{odd, late, opened("192.0.2.7:8080", 640*time.Microsecond, netraw.ClockKernel), prohibited, unsent}
	return append(all, refused("192.0.2.7", 1000, 12345)...)
}

// manyHosts are two that answer, one of them with few closed ports, and three
// that do not.
func manyHosts() []probe.Verdict {
	all := []probe.Verdict{
		opened("192.0.2.7:443", 6800, netraw.ClockKernel),
		opened("[2001:db8::1]:443", 1500*time.Microsecond, netraw.ClockKernel),
		verdict("192.0.2.8:443", probe.StateFiltered, probe.ReasonNoResponse),
		verdict("192.0.2.9:443", probe.StateFiltered, probe.ReasonNoResponse),
		verdict("192.0.2.10:443", probe.StateFiltered, probe.ReasonNoResponse),
		verdict("192.0.2.7:80", probe.StateFiltered, probe.ReasonNoResponse),
	}
	all = append(all, refused("192.0.2.7", 81, 2)...)
	return append(all, refused("[2001:db8::1]", 1000, 1500)...)
}

func render(t *testing.T, o sink.Options, target string, verdicts []probe.Verdict, s probe.Summary) string {
	t.Helper()
	var b strings.Builder
	o.Service = service
	told := text.New(sink.NewLineWriter(&b, "buffer"), o)
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	records := []record.Record{&record.Run{Version: "1.0", Command: "scan", Args: []string{"scan", "-p-", target}, Engine: "raw", Start: start, Notes: []string{"no kernel stamps on tun0"}}}
	s.States = make(map[probe.State]uint64)
	for _, v := range verdicts {
		s.States[v.State]++
		s.Probes++
		records = append(records, record.NewPort(target, &v))
	}
	records = append(records, record.NewSummary(&s, start.Add(s.Took)))
	for _, r := range records {
		if err := told.Record(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := told.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextGolden(t *testing.T) {
	done := probe.Summary{Took: 12400 * time.Millisecond, Sent: 12427, Retransmitted: 77, Received: 12360, Matched: 12348, Rate: 5290, Complete: true}
	lossy := done
	lossy.Rejected = map[string]uint64{"bad-checksum": 2, "wrong-ack": 10, "none": 0}
	lossy.SendErrors, lossy.KernelDrops, lossy.Complete = 1, 2345, false
	tests := []struct {
		name     string
		o        sink.Options
		target   string
		verdicts []probe.Verdict
		s        probe.Summary
	}{
		{"one-host", sink.Options{Hosts: 1}, "web.example:80", oneHost(), done},
		{"one-host-reason", sink.Options{Hosts: 1, Reason: true}, "web.example", oneHost(), lossy},
		{"one-host-colour", sink.Options{Hosts: 1, Colour: sink.Coloured}, "192.0.2.7", oneHost(), lossy},
		{"many-hosts", sink.Options{}, "192.0.2.0/24", manyHosts(), done},
		{"many-hosts-reason-banner", sink.Options{Reason: true, Banner: true}, "", manyHosts(), done},
		{"one-name-two-addresses", sink.Options{Hosts: 1}, "web.example", manyHosts(), done},
		{"all-silent", sink.Options{}, "192.0.2.0/24", manyHosts()[2:5], done},
		{"one-silent-host", sink.Options{Hosts: 1}, "192.0.2.8", manyHosts()[2:3], done},
		{"nothing", sink.Options{Hosts: 1}, "192.0.2.8", nil, probe.Summary{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			golden(t, test.name, render(t, test.o, test.target, test.verdicts, test.s))
		})
	}
}

func TestOpenPortsAreShownAsTheyCome(t *testing.T) {
	w := &writes{}
	l := sink.NewLineWriter(w, "test")
	told := text.New(l, sink.Options{})
	for _, v := range oneHost() {
		told.Record(record.NewPort("", &v))
	}
	l.Flush()
	got := strings.Join(w.all(), "")
	if strings.Count(got, " open ") != 3 || strings.Contains(got, "refused") {
		t.Errorf("before the end:\n%s", got)
	}
}

// A run that is cut off before its summary still tells what it had gathered.
func TestCloseShowsWhatWasGathered(t *testing.T) {
	var b strings.Builder
	told := text.New(sink.NewLineWriter(&b, "buffer"), sink.Options{Hosts: 1})
	for _, v := range refused("192.0.2.7", 1, 65530) {
		told.Record(record.NewPort("", &v))
	}
	if err := told.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "192.0.2.7\n65,530 refused (reset)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHostName(t *testing.T) {
	tests := []struct{ target, want string }{
		{"web.example", "web.example"},
		{"web.example:443", "web.example"},
		{"localhost", "localhost"},
		{"192.0.2.7", ""},
		{"192.0.2.7:80", ""},
		{"192.0.2.0/24", ""},
		{"192.0.2-3.1-254", ""},
		{"web.example/24", ""},
		{"2001:db8::1", ""},
		{"2001:db8::/120", ""},
		{"fe80::1%eth0", ""},
		{"[2001:db8::1]:443", ""},
		{"", ""},
	}
	for _, test := range tests {
		if got := record.HostName(test.target); got != test.want {
			t.Errorf("hostName(%q) = %q, want %q", test.target, got, test.want)
		}
	}
}

func TestUseColour(t *testing.T) {
	tests := []struct {
		mode, noColor string
		terminal      bool
		want          sink.Paint
		bad           bool
	}{
		{mode: "auto", terminal: true, want: sink.Coloured},
		{mode: "", terminal: true, want: sink.Coloured},
		{mode: "auto", terminal: false},
		{mode: "auto", noColor: "1", terminal: true},
		{mode: "always", noColor: "1", want: sink.Coloured},
		{mode: "never", terminal: true},
		{mode: "sometimes", terminal: true, bad: true},
	}
	for _, test := range tests {
		got, err := text.UseColour(test.mode, test.noColor, test.terminal)
		if got != test.want || (err != nil) != test.bad {
			t.Errorf("UseColour(%q, %q, %v) = %v, %v", test.mode, test.noColor, test.terminal, got, err)
		}
	}
}
