package report

import (
	"bytes"
	"encoding/xml"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/probe"
)

// outcome is whether a run came to its summary.
type outcome uint8

const (
	ended outcome = iota
	cutShort
)

// nmapRun writes a small run in a format: a named host with a few ports, and
// one of whose 200 ports 197 are refused.
func nmapRun(t *testing.T, format string, how outcome) string {
	t.Helper()
	var out bytes.Buffer
	f := formatOf(t, format)
	service := func(p uint16) string { return map[uint16]string{80: "http", 22: "ssh"}[p] }
	s := f.New(sink.NewLineWriter(&out, "out"), sink.Options{Service: service})
	start := time.Unix(1_700_000_000, 0).UTC()
	s.Record(&record.Run{Version: "0", Command: "scan", Args: []string{"scan", "-p<80>", `"a&b"`}, Start: start})
	port := func(target, addr string, port uint16, state probe.State, reason probe.Reason, ttl uint8) {
		v := probe.Verdict{Target: netip.AddrPortFrom(netip.MustParseAddr(addr), port), State: state, Reason: reason, Attempts: 1}
		if ttl != 0 {
			v.Reply = &craft.Segment{TTL: ttl}
		}
		s.Record(record.NewPort(target, &v))
	}
	port("web.example", "192.0.2.7", 80, probe.StateOpen, "syn-ack", 64)
	port("web.example", "192.0.2.7", 22, probe.StateFiltered, "host-unreachable", 0)
	port("web.example", "192.0.2.7", 81, probe.StateRefused, "reset", 64)
	for p := range uint16(200) {
		switch {
		case p < 2:
			port("2001:db8::9", "2001:db8::9", p+80, probe.StateOpenFiltered, "no-response", 0)
		case p == 2:
			port("2001:db8::9", "2001:db8::9", 22, probe.StateUnknown, "send-failed", 0)
		default:
			port("2001:db8::9", "2001:db8::9", p+1000, probe.StateRefused, "reset", 64)
		}
	}
	if how == ended {
		s.Record(record.NewSummary(&probe.Summary{Probes: 203, Complete: true, Took: 1500 * time.Millisecond}, start.Add(2*time.Second)))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestGrepable(t *testing.T) {
	lines := strings.Split(nmapRun(t, "grep", ended), "\n")
	want := []string{
		"Host: 192.0.2.7 (web.example)\tPorts: 22/filtered/tcp//ssh///, 80/open/tcp//http///, 81/closed/tcp/////",
		"Host: 2001:db8::9 ()\tPorts: 22/unknown/tcp//ssh///, 80/open|filtered/tcp//http///, 81/open|filtered/tcp/////\tIgnored State: closed (197)",
	}
	if len(lines) != 5 || !strings.HasPrefix(lines[0], "# synscope 0 scan initiated ") || !strings.HasPrefix(lines[3], "# synscope done at ") {
		t.Fatalf("%q", lines)
	}
	for i, w := range want {
		if lines[i+1] != w {
			t.Errorf("got  %q\nwant %q", lines[i+1], w)
		}
	}
}

func TestXMLReadsBack(t *testing.T) {
	var run struct {
		Args  string `xml:"args,attr"`
		Hosts []struct {
			Address struct {
				Addr string `xml:"addr,attr"`
			} `xml:"address"`
			Extra []struct {
				State string `xml:"state,attr"`
				Count int    `xml:"count,attr"`
			} `xml:"ports>extraports"`
			Ports []struct {
				ID    int `xml:"portid,attr"`
				State struct {
					State  string `xml:"state,attr"`
					Reason string `xml:"reason,attr"`
				} `xml:"state"`
			} `xml:"ports>port"`
		} `xml:"host"`
	}
	if err := xml.Unmarshal([]byte(nmapRun(t, "xml", ended)), &run); err != nil {
		t.Fatal(err)
	}
	if run.Args != `synscope scan -p<80> "a&b"` || len(run.Hosts) != 2 {
		t.Fatalf("%+v", run)
	}
	first, second := run.Hosts[0], run.Hosts[1]
	if len(first.Ports) != 3 || first.Ports[0].State.Reason != "host-unreach" || first.Ports[2].State.State != "closed" {
		t.Errorf("%+v", first)
	}
	if len(second.Extra) != 1 || second.Extra[0].State != "closed" || second.Extra[0].Count != 197 || len(second.Ports) != 3 {
		t.Errorf("%+v", second)
	}
	if err := xml.Unmarshal([]byte(nmapRun(t, "xml", cutShort)), &run); err != nil {
		t.Errorf("a run without its summary: %v", err)
	}
}

// nmap's own document type, where nmap and xmllint are installed.
func TestXMLIsValid(t *testing.T) {
	if _, _, ok := nmapType(); !ok {
		t.Skip("no xmllint, or no nmap.dtd: apt-get install libxml2-utils nmap-common")
	}
	checkNmapType(t, nmapRun(t, "xml", ended))
}

// nmapType is the program that checks documents, and nmap's document type.
func nmapType() (xmllint, dtd string, ok bool) {
	dtd = "/usr/share/nmap/nmap.dtd"
	xmllint, err := exec.LookPath("xmllint")
	_, missing := os.Stat(dtd)
	return xmllint, dtd, err == nil && missing == nil
}

// checkNmapType checks a document, where that can be done here.
func checkNmapType(t *testing.T, document string) {
	t.Helper()
	xmllint, dtd, ok := nmapType()
	if !ok {
		return
	}
	file := filepath.Join(t.TempDir(), "run.xml")
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(xmllint, "--noout", "--dtdvalid", dtd, file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
