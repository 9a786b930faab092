package cli

import (
	"net/netip"
	"strings"
	"testing"
)

// Every command that probes ports has a host in nmap's formats, and the state
// of its port.
func TestNmapFormatsOfEveryCommand(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	web := netip.AddrPortFrom(l.Host("web").Addr4(), 80)
	for line, element := range map[string]string{
		"scan " + web.String():                       "<times ",
		"ping -c 2 -i 10ms " + web.String():          `<script id="rtt_summary"`,
		"handshake " + web.String():                  `<script id="handshake"`,
		"isn --quick " + web.String():                "<tcpsequence ",
		"trace -n " + web.String():                   "<hop ",
		"ping -c 1 --engine connect " + web.String(): "<times ",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			documents := inFormats(t, line)
			found, err := parseNmap([]byte(documents["xml"]))
			if err != nil || found[web].state != "open" || found[web].reason != "syn-ack" {
				t.Errorf("%v, %v in\n%s", err, found, documents["xml"])
			}
			if !strings.Contains(documents["xml"], element) {
				t.Errorf("no %s in\n%s", element, documents["xml"])
			}
			if want := "Host: " + web.Addr().String() + " ()\tPorts: 80/open/tcp//http///"; !strings.Contains(documents["grep"], want) {
				t.Errorf("no %q in\n%s", want, documents["grep"])
			}
		})
	}
}

// inFormats runs a command line once for each of nmap's formats.
func inFormats(t *testing.T, line string) map[string]string {
	t.Helper()
	documents := map[string]string{}
	for _, format := range []string{"xml", "grep"} {
		r := command(t.Context(), nil, append(strings.Fields(line), "-o", format)...)
		if r.code != exitYes {
			t.Fatalf("%s -o %s: exit %d: %s", line, format, r.code, r.err)
		}
		documents[format] = r.out
	}
	return documents
}

// A target that is skipped is told of, on standard error and in the record.
func TestSkippedTargetsAreToldOf(t *testing.T) {
	l := standardLab(t)
	for _, line := range []string{"scan", "ping -c 1", "handshake", "isn --quick", "trace -n", "send --timeout 20ms"} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			args := append(strings.Fields(line), "--skip-bad-targets", "nobody.invalid:80", "web:80", "-4", "-o", "json")
			r := command(t.Context(), l, args...)
			run := records(t, r.out)[0]
			if r.code != exitYes || !strings.Contains(r.err, "nobody.invalid") || !strings.Contains(strings.Join(run.strs("notes"), "\n"), "nobody.invalid") {
				t.Errorf("exit %d: %q, %v", r.code, r.err, run)
			}
		})
	}
}

// strs is a list of strings in a record.
func (r jsonRecord) strs(name string) (list []string) {
	values, _ := r[name].([]any)
	for _, v := range values {
		s, _ := v.(string)
		list = append(list, s)
	}
	return list
}

// Where one of two targets has no route, its probes are told of as not sent.
func TestPingWithoutARoute(t *testing.T) {
	l := standardLab(t)
	r := command(t.Context(), l, "ping", "-c", "2", "-i", "10ms", "--max-loss", "10%", "web:80", "203.0.113.9:80", "-4")
	for _, want := range []string{"2 probes sent, 2 received, 0 lost (0 %)", "0 probes sent, 0 received, 0 lost, 2 could not be sent"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
	if r.code != exitNo || !strings.Contains(r.err, "100 % lost or never sent, above 10 %") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
}
