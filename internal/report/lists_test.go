package report

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"synscope/craft"
	"synscope/internal/report/lists"
	"synscope/internal/report/nmap"
	"synscope/internal/report/record"
	"synscope/internal/report/rows"
	"synscope/internal/report/sink"
	"synscope/netraw"
	"synscope/probe"
)

// formatted is a run in a format: two open ports of one host, one of which is
// told of twice, one open port over IPv6, and others.
func formatted(t *testing.T, format string, o sink.Options) string {
	t.Helper()
	var out strings.Builder
	f := formatOf(t, format)
	s := f.New(sink.NewLineWriter(&out, "out"), o)
	s.Record(&record.Run{Version: "0", Command: "scan", Args: []string{"scan", "--", "x"}, Start: time.Unix(1_700_000_000, 0)})
	for _, v := range []probe.Verdict{
		opened("192.0.2.7:80", time.Millisecond, netraw.ClockKernel), opened("192.0.2.7:80", time.Millisecond, netraw.ClockKernel),
		verdict("192.0.2.7:25", probe.StateFiltered, probe.ReasonNoResponse), verdict("192.0.2.7:26", probe.StateRefused, probe.ReasonReset),
		opened("192.0.2.7:22", 2*time.Millisecond, netraw.ClockKernel), opened("[2001:db8::1]:443", time.Second, netraw.ClockUser),
	} {
		if err := s.Record(record.NewPort("", &v)); err != nil {
			t.Fatal(err)
		}
	}
	s.Record(&record.Summary{End: time.Unix(1_700_000_001, 0), Complete: true})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestList(t *testing.T) {
	if got, want := formatted(t, "list", sink.Options{}), "192.0.2.7:80\n192.0.2.7:22\n[2001:db8::1]:443\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// masscan's list is JSON as a whole, and a line at a time once the commas are
// taken off, as scripts read it.
func TestMasscan(t *testing.T) {
	type entry struct {
		IP, Timestamp string
		Ports         []struct {
			Port                  int
			Proto, Status, Reason string
			TTL                   int
		}
	}
	text := formatted(t, "masscan", sink.Options{})
	var all []entry
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(all) != 3 || all[1].IP != "192.0.2.7" || all[1].Ports[0].Port != 22 || all[1].Ports[0].TTL != 64 || all[0].Ports[0].Reason != "syn-ack" {
		t.Errorf("%+v", all)
	}
	lines := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "{") {
			lines++
			if err := json.Unmarshal([]byte(strings.TrimRight(line, ",\n")), &entry{}); err != nil {
				t.Errorf("%v: %s", err, line)
			}
		}
	}
	if lines != 3 {
		t.Errorf("%d lines of objects", lines)
	}
	f, _ := FormatByName("masscan")
	var empty strings.Builder
	f.New(sink.NewLineWriter(&empty, "out"), sink.Options{}).Close()
	if err := json.Unmarshal([]byte(empty.String()), &all); err != nil || len(all) > 0 {
		t.Errorf("nothing found: %v in %q", err, empty.String())
	}
}

// zmap's columns are those that it lists itself, and may be chosen.
func TestZMap(t *testing.T) {
	if plain := formatted(t, "zmap", sink.Options{}); !strings.HasPrefix(plain, "saddr,sport\n192.0.2.7,80\n") {
		t.Errorf("%q", plain)
	}
	got, err := csv.NewReader(strings.NewReader(formatted(t, "zmap", sink.Options{Fields: lists.ZMapColumns}))).ReadAll()
	if err != nil || len(got) != 4 {
		t.Fatalf("%v, %v", got, err)
	}
	for column, want := range map[string]string{"saddr": "192.0.2.7", "saddr_raw": "117571776", "sport": "80", "ttl": "64", "success": "1", "window": "64240", "dport": ""} {
		if got := got[1][slices.Index(got[0], column)]; got != want {
			t.Errorf("%s: %q, want %q", column, got, want)
		}
	}
	zmap, err := exec.LookPath("zmap")
	if err != nil {
		t.Skip("no zmap: apt-get install zmap")
	}
	listed, err := exec.CommandContext(t.Context(), zmap, "-M", "tcp_synscan", "--list-output-fields").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(listed)) {
		if f := strings.Fields(line); len(f) > 0 && !slices.Contains(lists.ZMapColumns, lists.Underscored(f[0])) {
			t.Errorf("zmap has a column %s", f[0])
		}
	}
}

// Each column is as wide as its values, so that the next stands under its name.
func TestChosenColumnsAlign(t *testing.T) {
	p := record.NewPort("host.example", new(opened("192.0.2.7:80", time.Millisecond, netraw.ClockKernelRx)))
	p.MSS, p.IPID, p.Seq, p.SACK, p.WScale = record.Some(uint16(1460)), record.Some(uint16(65535)), record.Some(craft.Seq(4294967295)), record.Some(false), record.Some(uint8(14))
	p.Ack, p.TS, p.Time, p.Responder = record.Some(craft.Seq(4294967295)), record.Some(false), time.Unix(1_700_000_000, 123456789), netip.MustParseAddr("198.51.100.255")
	for _, f := range record.PortColumns() {
		var out strings.Builder
		format, _ := FormatByName("text")
		s := format.New(sink.NewLineWriter(&out, "out"), sink.Options{Fields: []string{f, "port"}})
		s.Record(&record.Run{Command: "scan"})
		s.Record(p)
		s.Close()
		lines := strings.Split(out.String(), "\n")
		if at := strings.LastIndex(lines[0], "PORT"); utf8.RuneCountInString(lines[1][:strings.LastIndex(lines[1], "80")]) != at {
			t.Errorf("%s:\n%s\n%s", f, lines[0], lines[1])
		}
	}
}

// Chosen columns come in the order asked for, in both formats, and unknown ones
// are an error that lists the known.
func TestFields(t *testing.T) {
	o := sink.Options{Fields: []string{"state", "rtt_ns", "addr"}}
	if got, want := formatted(t, "csv", o), "state,rtt_ns,addr\nopen,1000000,192.0.2.7\n"; !strings.HasPrefix(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	lines := strings.Split(formatted(t, "text", o), "\n")
	if len(lines) != 8 || strings.Fields(lines[0])[1] != "RTT" || strings.Join(strings.Fields(lines[1]), " ") != "open 1.0 ms 192.0.2.7" || strings.Fields(lines[3])[1] != "-" {
		t.Errorf("%q", lines)
	}
	if at := strings.Index(lines[0], "ADDR"); at != strings.Index(lines[1], "192.") || at != strings.Index(lines[5], "192.") {
		t.Errorf("columns are not under each other: %q", lines)
	}
	if err := CheckFields("scan", "csv", []string{"addr", "sport"}); !errors.Is(err, sink.ErrOutput) || !strings.Contains(err.Error(), `did you mean "port"?`) {
		t.Error(err)
	}
	if err := CheckFields("scan", "csv", []string{"weather"}); err == nil || !strings.Contains(err.Error(), "there are time, target, addr, ") {
		t.Error(err)
	}
	if err := CheckFields("scan", "zmap", []string{"saddr-raw", "sport"}); err != nil {
		t.Error(err)
	}
	if err := CheckFields("ping", "csv", []string{"n", "n"}); err == nil {
		t.Error("a field twice")
	}
}

// Every table's fields can be chosen one by one, and give what the whole row has.
func TestFieldsAreThoseOfTheRow(t *testing.T) {
	v := oneHost()[0]
	p := record.NewPort("host.example", &v)
	row := strings.TrimSpace(string(rows.AppendRow(nil, record.PortColumns(), p)))
	if got := strings.TrimSpace(string(rows.AppendChosen(nil, record.PortColumns(), p))); got != row {
		t.Errorf("%s\n%s", got, row)
	}
}

// python-libnmap, which many read nmap's files with, reads ours.
func TestXMLIsReadByLibnmap(t *testing.T) {
	const python = "/usr/bin/python3"
	if exec.Command(python, "-c", "import libnmap.parser").Run() != nil {
		t.Skip("no python3-libnmap: apt-get install python3-libnmap")
	}
	path := filepath.Join(t.TempDir(), "run.xml")
	document := formatted(t, "xml", sink.Options{Service: service, Scan: &sink.ScanInfo{Technique: "syn", Ports: "22,25-26,80", Count: 4}})
	checkNmapType(t, document)
	if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python, "-c", `
import sys
from libnmap.parser import NmapParser
r = NmapParser.parse_fromfile(sys.argv[1])
print(r.scan_type, r.numservices, r.hosts_total, r.elapsed)
for h in r.hosts:
    print(h.address, h.status, int(h.starttime) > 0, [(s.port, s.state, s.reason, s.reason_ttl, s.service) for s in h.services])
`, path).CombinedOutput()
	const want = `syn 4 2 0.0
192.0.2.7 up True [(22, 'open', 'syn-ack', '64', 'ssh'), (25, 'filtered', 'no-response', '0', 'smtp'), (26, 'closed', 'reset', '0', ''), (80, 'open', 'syn-ack', '64', 'http'), (80, 'open', 'syn-ack', '64', 'http')]
2001:db8::1 up True [(443, 'open', 'syn-ack', '64', 'https')]
`
	if err != nil || string(out) != want {
		t.Errorf("%v\ngot\n%s\nwant\n%s", err, out, want)
	}
}

// A command line with two hyphens makes no bad comment.
func TestXMLComment(t *testing.T) {
	var b strings.Builder
	nmap.Comment(&b, "a --- b -- c\n")
	if inside := b.String()[4 : b.Len()-4]; strings.Contains(inside, "--") || strings.Contains(inside, "\n") {
		t.Errorf("%q", b.String())
	}
}
