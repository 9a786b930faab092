package htmlreport

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"synscope/internal/schema"
)

// begun is the first line of a run, and ended its last.
const (
	begun = `{"type":"run","schema":"synscope/1","version":"0.1.0","command":"scan","args":["scan","web"],"start":"2026-11-29T04:52:24Z"}` + "\n"
	ended = `{"type":"summary","end":"2026-11-29T04:52:25Z","took_ns":1000000000,"complete":true,"probes":1,"sent":1,"retransmitted":0,"resets":0,"send_errors":0,"received":1,"matched":1,"rejected":{},"kernel_drops":0,"states":{"open":1}}` + "\n"
	port  = `{"type":"port","target":"web","addr":"192.0.2.7","port":80,"state":"open","reason":"syn-ack","attempts":1}` + "\n"
)

// Files of other programs, of other versions and broken ones are refused with the
// file, the line and the reason; nothing of them is told as a result.
func TestWhatIsNoRun(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {"", "in: the file is empty"},
		"blank lines":       {"\n\n \n", "in: the file is empty"},
		"XML of nmap":       {"<?xml version=\"1.0\"?>\n<nmaprun>", "in:1: this is XML or HTML"},
		"masscan's list":    {"[\n{\"ip\":\"1.2.3.4\"}\n]", "in:1: one JSON document over many lines"},
		"pretty JSON":       {"{\n  \"type\": \"run\"\n}\n", "in:1: one JSON document over many lines"},
		"text":              {"PORT STATE\n80/tcp open\n", "in:1: no JSON at column 1"},
		"a capture":         {"\xd4\xc3\xb2\xa1\x02\x00\x04\x00\n", "in:1: no JSON at column 1"},
		"zgrab's lines":     {`{"ip":"1.2.3.4","data":{}}` + "\n", "in:1: no record of synscope: it has no type"},
		"another's types":   {`{"type":"INIT","time":1}` + "\n", `in:1: the first record is "INIT"`},
		"no run first":      {port + ended, `in:1: the first record is "port"`},
		"a list":            {"[1]\n", "in:1: "},
		"a number":          {"5\n", "in:1: no record"},
		"a type of 5":       {`{"type":5}` + "\n", `in:1: no record: "type" cannot be a number`},
		"no schema":         {`{"type":"run","version":"1"}` + "\n", "in:1: no run of synscope: it names no schema"},
		"a later schema":    {strings.Replace(begun, "synscope/1", "synscope/2", 1), `in:1: records of "synscope/2": this version reads "synscope/1"`},
		"mixed schemas":     {begun + ended + strings.Replace(begun, "synscope/1", "synscope/2", 1), `in:3: records of "synscope/2"`},
		"no command":        {`{"type":"run","schema":"synscope/1"}` + "\n", "in:1: a run that names no command"},
		"a broken line":     {begun + `{"type":"port",,}` + "\n" + ended, "in:2: no JSON at column 16"},
		"a line cut inside": {begun + port[:40] + "\n" + ended, "in:2: no JSON at column"},
		"two in a line":     {begun + strings.TrimSpace(port) + port + ended, "in:2: no JSON at column"},
		"a wrong port":      {begun + strings.Replace(port, ":80,", ":70000,", 1), `in:2: a record of type "port": "port" cannot be a number 70000`},
		"a wrong address":   {begun + strings.Replace(port, "192.0.2.7", "192.0.2.700", 1), `in:2: a record of type "port": "addr": "192.0.2.700" is no address`},
		"a wrong state":     {begun + strings.Replace(port, `"open"`, `"ajar"`, 1), `in:2: a record of type "port": `},
		"a wrong time":      {begun + strings.Replace(port, `"target"`, `"time":"noon","target"`, 1), `in:2: a record of type "port": "time": "noon" is no time`},
		"after the summary": {begun + ended + port, `in:3: a record of type "port" after the summary`},
		"a long line":       {begun + `{"type":"port","target":"` + strings.Repeat("x", longestLine) + `"}` + "\n", "in:2: a line of more than"},
		"NUL":               {begun + "\x00\x00\x00\n", "in:2: no JSON at column 1"},
		"too many runs":     {strings.Repeat(begun+ended, mostRuns+1), "in:129: more than 64 runs"},
	} {
		t.Run(name, func(t *testing.T) {
			var r Report
			err := r.Read("in", strings.NewReader(c.text))
			if !errors.Is(err, ErrInput) || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// A run that was killed at any byte is shown as far as it goes, and said to be cut.
func TestCutRuns(t *testing.T) {
	whole := begun + port + strings.Replace(port, ":80,", ":81,", 1) + ended
	for n := len(begun); n < len(whole); n++ {
		if n%3 > 0 && n < len(whole)-2 {
			continue // a third of the bytes takes a third of the time
		}
		var r Report
		if err := r.Read("in", strings.NewReader(whole[:n])); err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if n < len(whole)-1 && len(r.Cut()) != 1 || r.Runs() != 1 {
			t.Fatalf("cut at %d of %d: %d runs, %q", n, len(whole), r.Runs(), r.Cut())
		}
		if n == len(whole)-1 && len(r.Cut()) != 0 { // all but the last end of line
			t.Fatalf("without the last end of line: %q", r.Cut())
		}
		page := written(t, &r)
		if open := strings.Count(page, `<span class="badge open">open</span>`); n < len(whole)-1 && (!strings.Contains(page, "cut short") || open != strings.Count(whole[:n], `"attempts":1}`)) {
			t.Fatalf("cut at %d: %d open ports on the page", n, open)
		}
	}
}

// A run that another follows without an end was cut too.
func TestRunsOneAfterTheOther(t *testing.T) {
	var r Report
	read(t, &r, begun+port+begun+port+ended)
	if want := "in:3: another run begins before the one before it ended"; r.Runs() != 2 || len(r.Cut()) != 1 || r.Cut()[0] != want {
		t.Errorf("%d runs, %q", r.Runs(), r.Cut())
	}
}

// Records of a later version within the same schema are counted, not dropped
// without a word.
func TestUnknownRecords(t *testing.T) {
	var r Report
	read(t, &r, begun+`{"type":"weather","rain":true}`+"\n"+`{"type":"weather"}`+"\n"+ended)
	if page := written(t, &r); !strings.Contains(page, "2 records of type &#34;weather&#34;, which this version does not know, are left out.") {
		t.Error("the page does not say what it left out")
	}
	if unknown := r.Reported()[0].Unknown; len(unknown) != 1 || unknown["weather"] != 2 {
		t.Errorf("of unknown types: %v", unknown)
	}
	if left := r.LeftOut(); len(left) != 1 || left[0] != `in: 2 records of type "weather", which this version does not know, are left out` {
		t.Errorf("%q", left)
	}
	var many Report
	var lines strings.Builder
	for i := range 3 * mostUnknown {
		fmt.Fprintf(&lines, "{\"type\":\"kind%d\"}\n", i)
	}
	read(t, &many, begun+lines.String()+ended)
	if unknown := many.Reported()[0].Unknown; unknown[otherTypes] != 2*mostUnknown || len(unknown) != mostUnknown+1 {
		t.Errorf("of unknown types: %v", unknown)
	}
}

func written(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// read adds the lines of a run to a report.
func read(t *testing.T, r *Report, lines string) {
	t.Helper()
	if err := r.Read("in", strings.NewReader(lines)); err != nil {
		t.Fatal(err)
	}
}

// readFiles reads files of testdata.
func readFiles(t *testing.T, names ...string) *Report {
	t.Helper()
	var r Report
	for _, name := range names {
		f, err := os.Open(filepath.Join("testdata", name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Read(name+".jsonl", f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return &r
}

// FuzzRead tries what strangers' files may hold: every input is an error or a
// page, and no text of it becomes a tag.
func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.jsonl")
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(bytes.ReplaceAll(b, []byte(`"web`), []byte(`"<script>alert(1)</script>web`)))
	}
	f.Add([]byte(begun + port + ended))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Report
		if err := r.Read("in", bytes.NewReader(b)); err != nil {
			if !errors.Is(err, ErrInput) {
				t.Fatalf("%v is no error of input", err)
			}
			return
		}
		var page bytes.Buffer
		if err := r.Write(&page); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(bytes.ToLower(page.Bytes()), []byte("<script")); n != 1 {
			t.Fatalf("%d scripts on the page", n)
		}
	})
}

// A probe answered after the timeout is a loss, as in ping's own summary, also where
// that summary is missing.
func TestLateAnswersAreLosses(t *testing.T) {
	const probe = `{"type":"rtt","target":"192.0.2.7:80","addr":"192.0.2.7","port":80,"n":1,"attempt":1,"state":"open","reason":"syn-ack","sent":"2026-03-01T12:00:00Z","rtt_ns":1000000,"rtt_clock":"kernel","sport":4000}` + "\n"
	late := strings.Replace(probe, `"rtt_ns":1000000,"rtt_clock":"kernel"`, `"doubt":"late"`, 1)
	silent := strings.Replace(probe, `"state":"open","reason":"syn-ack"`, `"state":"filtered","reason":"no-response"`, 1)
	silent = strings.Replace(silent, `"rtt_ns":1000000,"rtt_clock":"kernel",`, "", 1)
	superseding := strings.Replace(late, `"reason"`, `"supersedes":"filtered","reason"`, 1)
	var r Report
	read(t, &r, begun+probe+late+probe+probe+silent+superseding)
	if page := written(t, &r); !strings.Contains(page, "2 (40 %)") || !strings.Contains(page, "no answer") {
		t.Error("a late answer is no loss on the page")
	}
}

// A cause is said once, and never to be certain.
func TestCauseIsSaidOnce(t *testing.T) {
	const diagnosis = `{"type":"diagnosis","target":"far:80","addr":"10.16.8.2","port":80,"causes":[{"code":"path-firewall-reject","probability":0.99999,"text":"a router rejects the connection with an ICMP error"}]}` + "\n"
	var r Report
	read(t, &r, begun+diagnosis+ended)
	page := written(t, &r)
	body := page[strings.Index(page, "<main>"):strings.Index(page, `<section id="runs"`)]
	if strings.Count(strings.ToLower(body), "a router rejects the connection with an icmp error") != 1 || !strings.Contains(body, "<b>over 99 %</b>") {
		t.Error(body)
	}
}

// A page knows every record that this version writes.
func TestEveryRecordIsKnown(t *testing.T) {
	for _, kind := range schema.Names() {
		if kind == "run" { // which begins another
			continue
		}
		r := newRun("in", 1, &store{})
		if err := r.take(kind, []byte(`{}`)); err != nil || len(r.unknown) > 0 {
			t.Errorf("%s: %v, %v", kind, r.unknown, err)
		}
	}
}
