package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What any command writes as JSON lines becomes a page that tells of it.
func TestReportOfEveryCommand(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	for line, want := range map[string][]string{
		"scan -p 22,80,81 web reset":               {"Verdicts", ">web<", "refused"},
		"scan -sn web":                             {"Hosts", "arp-response"},
		"ping -c 5 -i 10ms web:80":                 {"Round trips", "Over time", "kernel"},
		"handshake --close none --watch 3s web:22": {"Handshakes", "SYN_RECEIVED", "SSH-2.0"},
		"isn --quick web:80":                       {"Sequence numbers", "phase space"},
		"trace -n far:80":                          {"Paths", l.Host("far").Addr4().String(), "time-exceeded", "syn-ack"},
		"send web:80 --flags SA --timeout 0.1":     {"Handshakes", "S. seq"},
		"why web:80":                               {"Diagnosis", "healthy", "experiments"},
		"ping -c 2 -i 10ms fortress:80 --timeout 50ms --max-retries 0": {"100 %", "no-response"},
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			run := filepath.Join(t.TempDir(), "run.jsonl")
			if r := command(t.Context(), l, append(strings.Fields(line), "-4", "-q", "-oJ", run)...); r.code > exitNo {
				t.Fatalf("exit %d: %s", r.code, r.err)
			}
			r := command(t.Context(), nil, "report", run)
			if r.code != exitYes || r.err != "" {
				t.Fatalf("report: exit %d: %s", r.code, r.err)
			}
			for _, word := range want {
				if !strings.Contains(r.out, word) {
					t.Errorf("no %q on the page of %s", word, line)
				}
			}
		})
	}
}

// Where the page goes, and what standard output says.
func TestReportOutputs(t *testing.T) {
	dir := t.TempDir()
	run := inFile(t, dir, "run.jsonl", `{"type":"run","schema":"synscope/1","version":"0.1.0","command":"scan","args":["scan","web"],"start":"2026-11-29T04:52:24Z"}
{"type":"port","target":"web","addr":"192.0.2.7","port":80,"state":"open","reason":"syn-ack","attempts":1}
{"type":"summary","end":"2026-11-29T04:52:25Z","took_ns":1,"complete":true,"probes":1,"sent":1,"retransmitted":0,"resets":0,"send_errors":0,"received":1,"matched":1,"rejected":{},"kernel_drops":0,"states":{"open":1}}
`)
	cut := inFile(t, dir, "cut.jsonl", `{"type":"run","schema":"synscope/1","version":"0.1.0","command":"scan","args":["scan","web"],"start":"2026-11-29T04:52:24Z"}
{"type":"port","target":"web","addr":"192.0.2.7","po`)
	other := inFile(t, dir, "other.jsonl", `{"ip":"192.0.2.7"}`+"\n")
	page := filepath.Join(dir, "page.html")
	for _, c := range []struct {
		name, line string
		code       int
		out, err   string // of which standard output, and the message, hold a part
		page       bool
	}{
		{"to a pipe", "report " + run, exitYes, "<!doctype html>", "", false},
		{"--html", "report " + run + " --html " + page, exitYes, "1 port open → " + page, "", true},
		{"-o a file", "report -o " + page + " " + run, exitYes, page, "", true},
		{"--html and json", "report --html " + page + " -o json " + run, exitYes, `{"type":"report"`, "", true},
		{"json alone", "report -o json " + run, exitYes, `"open":1`, "", false},
		{"-q", "report -q --html " + page + " " + run, exitYes, "", "", true},
		{"-o html", "report -o html " + run, exitYes, "<!doctype html>", "", false},
		{"two pages", "report -o html --html " + page + " " + run, exitUsage, "", "two places", false},
		{"two on stdout", "report -o html -o json " + run, exitUsage, "", "standard output", false},
		{"another format", "report -o xml " + run, exitUsage, "", `not "xml"`, false},
		{"no file", "report", exitUsage, "", "name a file", false},
		{"not there", "report " + dir + "/none.jsonl", exitUsage, "", "none.jsonl", false},
		{"no directory", "report " + run + " --html " + dir + "/none/page.html", exitUsage, "", "none", false},
		{"over its input", "report " + run + " --html " + run, exitUsage, "", "is read", false},
		{"another program's", "report --html " + page + " " + run + " " + other, exitUsage, "", "other.jsonl:1: no record of synscope", false},
		{"cut", "report --html " + page + " " + cut, exitInterrupted, "", "cut.jsonl:2: the file was cut in the middle of a record", true},
		{"no flag of scan", "report --rate 5 " + run, exitUsage, "", "--rate", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			os.Remove(page)
			r := command(t.Context(), nil, strings.Fields(c.line)...)
			if r.code != c.code || !strings.Contains(r.out, c.out) || !strings.Contains(r.err, c.err) || (c.err == "") != (r.err == "") {
				t.Errorf("exit %d, want %d: %.200q, %q", r.code, c.code, r.out, r.err)
			}
			if _, err := os.Stat(page); (err == nil) != c.page {
				t.Errorf("the page: %v, want %v", err, c.page)
			}
			if strings.HasPrefix(r.out, "{") {
				for line := range strings.Lines(r.out) {
					valid(t, strings.TrimSpace(line))
				}
			}
		})
	}
}

// inFile is the path of a new file with a text.
func inFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	writeFile(t, path, []byte(text), 0o644)
	return path
}
