package check

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

const (
	runLine     = `{"type":"run","schema":"synscope/1","command":"scan"}` + "\n"
	summaryLine = `{"type":"summary","complete":true}` + "\n"
)

func portLine(port int, state, reason string) string {
	return fmt.Sprintf(`{"type":"port","target":"x","addr":"192.0.2.1","port":%d,"state":%q,"reason":%q}`+"\n", port, state, reason)
}

func runOf(t *testing.T, lines ...string) *Run {
	t.Helper()
	r, err := ReadRun("a.json", strings.NewReader(strings.Join(lines, "")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCompare(t *testing.T) {
	before := runOf(t, runLine, portLine(22, "open", "syn-ack"), portLine(80, "open", "syn-ack"), portLine(81, "refused", "reset"), summaryLine)
	after := runOf(t, runLine, portLine(81, "open", "syn-ack"), portLine(22, "open", "syn-ack"), portLine(82, "open", "syn-ack"), summaryLine)
	changes, err := Compare(before, after)
	want := "[{192.0.2.1:80 state open (syn-ack) } {192.0.2.1:81 state refused (reset) open (syn-ack)} {192.0.2.1:82 state  open (syn-ack)}]"
	if err != nil || fmt.Sprint(changes) != want {
		t.Errorf("%v %v, want %s", err, changes, want)
	}
	if same, err := Compare(before, before); err != nil || len(same) > 0 {
		t.Errorf("%v %v", same, err)
	}
}

// Every command's records are compared by what they say.
func TestCompareCommands(t *testing.T) {
	run := func(command string, lines ...string) *Run {
		head := strings.Replace(runLine, `"scan"`, `"`+command+`"`, 1)
		return runOf(t, head+strings.Join(append(lines, ""), "\n")+summaryLine)
	}
	for _, tc := range []struct{ command, old, now, want string }{
		{"isn", `{"type":"isn","addr":"192.0.2.1","port":80,"class":"random"}`, `{"type":"isn","addr":"192.0.2.1","port":80,"class":"constant"}`, "[{192.0.2.1:80 sequence numbers random constant}]"},
		{"ping", `{"type":"rtt_summary","addr":"192.0.2.1","port":80,"received":3,"p50_ns":2000000}`, `{"type":"rtt_summary","addr":"192.0.2.1","port":80,"received":3,"p50_ns":9000000}`, "[{192.0.2.1:80 median RTT 2ms 9ms}]"},
		{"ping", `{"type":"rtt_summary","addr":"192.0.2.1","port":80,"received":3,"p50_ns":2000000}`, `{"type":"rtt_summary","addr":"192.0.2.1","port":80,"received":3,"p50_ns":2900000}`, "[]"},
		{"ping", `{"type":"rtt","addr":"192.0.2.1","port":80,"n":1,"state":"open","sent":"2026-11-29T05:48:40Z","rtt_ns":1}`, `{"type":"outage","addr":"192.0.2.1","port":80,"from":"2026-11-29T05:48:40Z","probes":3}`, "[]"},
		{"ping", `{"type":"rtt_summary","addr":"192.0.2.1","port":80,"received":3}`, `{"type":"rtt_summary","addr":"192.0.2.1","port":80,"received":0}`, "[{192.0.2.1:80 answers some none}]"},
		{"handshake", `{"type":"handshake","addr":"192.0.2.1","port":80,"state":"open","negotiated":{"mss":1460},"close":"four-way"}`,
			`{"type":"handshake","addr":"192.0.2.1","port":80,"state":"open","negotiated":{"mss":1400},"close":"four-way","findings":[{"code":"mss-clamped","severity":"notice"},{"code":"banner","severity":"info"}]}`,
			"[{192.0.2.1:80 findings  mss-clamped} {192.0.2.1:80 negotiated mss 1460 mss 1400}]"},
		{"trace", `{"type":"hop","target":"192.0.2.1:80","ttl":1,"addr":"198.51.100.1"}`, `{"type":"hop","target":"192.0.2.1:80","ttl":1,"addr":"198.51.100.2"}`, "[{192.0.2.1:80 way 1: 198.51.100.1 1: 198.51.100.2}]"},
		{"check", `{"type":"check","name":"n","target":"t","ok":true,"expected":"open"}`, `{"type":"check","name":"n","target":"t","ok":false,"expected":"open"}`, "[{n: t open held failed}]"},
	} {
		changes, err := Compare(run(tc.command, tc.old), run(tc.command, tc.now))
		if err != nil || fmt.Sprint(changes) != tc.want {
			t.Errorf("%s: %v %v, want %s", tc.command, err, changes, tc.want)
		}
	}
	if _, err := Compare(run("scan"), run("ping")); !errors.Is(err, ErrRun) {
		t.Errorf("%v", err)
	}
}

// Files that are no whole run are refused, with the line.
func TestReadRunRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "a.json: the file is empty",
		"hello\n":                                "a.json:1: no record",
		`{"a":1}` + "\n":                         "a.json:1: no record of synscope",
		"[1]\n":                                  "a.json:1: no record",
		summaryLine:                              `the first record is "summary"`,
		strings.Replace(runLine, "/1", "/9", 1):  `records of "synscope/9"`,
		runLine:                                  "a.json:1: the run was cut short",
		runLine + portLine(1, "open", "syn-ack"): "a.json:2: the run was cut short",
		runLine + portLine(1, "open", "syn-ack")[:30]:              "a.json:2: no record",
		runLine + strings.Replace(summaryLine, "true", "false", 1): "a.json:2: the run was not finished",
		runLine + summaryLine + runLine:                            "a.json:3: a record after the summary",
		runLine + runLine:                                          "another run begins",
		runLine + `{"type":"port","addr":"nowhere"}` + "\n":        "a.json:2: a record of type \"port\"",

		// Records whose fields are right by themselves, and which no run writes.
		runLine + `{"type":"prt","addr":"192.0.2.1"}` + "\n":                               `a.json:2: a record of type "prt", which this program does not know`,
		runLine + portLine(1, "opened", "syn-ack"):                                         `a.json:2: a record of type "port": "opened" is no state`,
		runLine + `{"type":"host","addr":"192.0.2.1","state":"open"}` + "\n":               `"open" is no state`,
		runLine + `{"type":"port","addr":"192.0.2.1","port":null,"state":"open"}` + "\n":   "it names no port",
		runLine + `{"type":"port","port":80,"state":"open"}` + "\n":                        "it names no address",
		runLine + `{"type":"port","addr":"192.0.2.1","port":"80"}` + "\n":                  `a.json:2: a record of type "port": "port" cannot be a string`,
		runLine + portLine(70000, "open", "syn-ack"):                                       `"port" cannot be a number 70000`,
		runLine + `{"type":"rtt_summary","addr":"192.0.2.1","port":80,"p50_ns":-5}` + "\n": "-5ns is no round-trip time",
		runLine + `{"type":"hop","ttl":1}` + "\n":                                          "it names no target",
		runLine + portLine(80, "open", "syn-ack") + portLine(80, "refused", "reset"):       "a.json:3: a record of type \"port\": 192.0.2.1:80 is refused (reset) here and open (syn-ack) before",
		runLine + "[1]\n": "a.json:2: no record: it is a JSON array and no object",
	} {
		if _, err := ReadRun("a.json", strings.NewReader(text)); !errors.Is(err, ErrRun) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v lacks %s", text, err, want)
		}
	}
}

// Whatever the file: an error, or a run that equals itself.
func FuzzReadRun(f *testing.F) {
	f.Add(runLine + portLine(1, "open", "syn-ack") + summaryLine)
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ReadRun("a", strings.NewReader(text))
		if err != nil {
			return
		}
		if changes, err := Compare(r, r); err != nil || len(changes) > 0 {
			t.Errorf("%v %v", changes, err)
		}
	})
}
