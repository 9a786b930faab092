package htmlreport

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// hostile is a text that would do something wherever it were not escaped.
const hostile = `"'><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}` + "`${alert(3)}`</style></svg>\u202e\u0000javascript:alert(4)"

// Every text of every record is put in the place of a hostile one: none becomes a
// tag, an attribute or a script.
func TestStrangersTextIsEscaped(t *testing.T) {
	tags := regexp.MustCompile(`(?i)<(script|img|style|/style|/svg|iframe|a href="javascript)`)
	clean := len(tags.FindAllString(written(t, readFiles(t, "scan", "handshake", "half-open", "ping", "why", "isn")), -1))
	var r Report
	for _, name := range []string{"scan", "handshake", "half-open", "ping", "why", "isn"} {
		b, err := os.ReadFile(filepath.Join("testdata", name+".jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Read(name, strings.NewReader(poisoned(t, string(b)))); err != nil {
			t.Fatal(err)
		}
	}
	page := written(t, &r)
	if n := len(tags.FindAllString(page, -1)); n != clean {
		t.Errorf("%d such tags, %d without hostile texts", n, clean)
	}
	if !strings.Contains(page, "&lt;script&gt;alert(1)") {
		t.Error("the texts are not on the page at all")
	}
}

// poisoned puts the hostile text into every field that may hold any text.
func poisoned(t *testing.T, lines string) string {
	var out strings.Builder
	for line := range strings.Lines(lines) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		poison(v)
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(b, '\n'))
	}
	return out.String()
}

// kept are the fields whose values are checked when they are read.
var kept = regexp.MustCompile(`^(type|schema|command|addr|state|severity|start|time|end|sent|received|dir|began|responder|from|last|to)$`)

func poison(v map[string]any) {
	for key, value := range v {
		switch value := value.(type) {
		case string:
			if !kept.MatchString(key) {
				v[key] = value + hostile
			}
		case map[string]any:
			poison(value)
		case []any:
			for i, one := range value {
				switch one := one.(type) {
				case string:
					value[i] = one + hostile
				case map[string]any:
					poison(one)
				}
			}
		}
	}
	if src, ok := v["src"].(string); ok && v["type"] == "isn_sample" {
		v["src"] = strings.TrimSuffix(src, hostile)
	}
}

// What a run found is on its page: numbers that the records hold, in words.
func TestWhatIsOnThePage(t *testing.T) {
	for _, c := range []struct {
		files string
		want  []string
	}{
		{"scan", []string{"<title>scan: ", "Verdicts", "10.16.8.2", "no-response", `<b>443</b>`, "Distribution"}},
		{"scan scan-later", []string{"2 runs of scan compared", "What changed", `<td>port 22</td>`, `<span class="badge refused">refused</span>`, "in the same state in every run"}},
		{"handshake", []string{"SYN_RECEIVED", "S. seq 0 ack 1 win 65160", "three-way", "data without being asked", "FIN_WAIT_1"}},
		{"half-open", []string{"synack-retransmissions", "3 times, after 1.0 s, 3.0 s, 7.1 s", "too short to see"}},
		{"ping", []string{"13 (21.7 %)", "2.1 ms", "no answer", "Over time"}},
		{"outage", []string{"14 (17.5 %)", "10.77.9.2:443: down 06:06:23.094 to 06:06:23.794, 14 probes"}},
		{"isn", []string{"Sequence numbers", "phase space", "bits: how often each is set"}},
		{"why", []string{"path-one-of-several", "93 %", "6 of 24 source ports never answered", "synscope trace --paths far:80", "10.16.9.2 ", "1 of 2", "ssh is not", "95 % sure that these are all", "far.example", "changed on the way: tos 0x00 → 0x20", "this machine", "nothing comes further", "30 (100 %)", "48 of 50 answered", "path-dead"}},
	} {
		t.Run(c.files, func(t *testing.T) {
			page := written(t, readFiles(t, strings.Fields(c.files)...))
			for _, want := range c.want {
				if !strings.Contains(page, want) {
					t.Errorf("no %q on the page", want)
				}
			}
			for _, address := range []string{"http:", "https:", "//", "url("} {
				if i := strings.Index(withoutPolicy(page), address); i >= 0 {
					t.Errorf("the page points to a network: %q", page[max(0, i-60):min(len(page), i+60)])
				}
			}
		})
	}
}

// withoutPolicy leaves out the script, whose comments hold slashes.
func withoutPolicy(page string) string {
	before, rest, _ := strings.Cut(page, "<script>")
	_, after, _ := strings.Cut(rest, "</script>")
	return before + after
}

// Pictures within the page are well-formed.
func TestPicturesAreWellFormed(t *testing.T) {
	page := written(t, readFiles(t, "scan", "ping", "isn", "why"))
	pictures := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(page, -1)
	if len(pictures) < 8 {
		t.Fatalf("%d pictures", len(pictures))
	}
	for _, p := range pictures {
		d := xml.NewDecoder(strings.NewReader(p))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%v in %.200s", err, p)
			}
		}
	}
}

// A page has bounds whatever a run holds, and says what it leaves out.
func TestLimits(t *testing.T) {
	var lines strings.Builder
	lines.WriteString(begun)
	for i := range 12_000 {
		fmt.Fprintf(&lines, `{"type":"port","target":"n","addr":"10.%d.%d.1","port":%d,"state":"%s","reason":"syn-ack","attempts":1}`+"\n",
			i/250, i%250, 1+i%100, [...]string{"open", "refused"}[i%2])
	}
	lines.WriteString(ended)
	var r Report
	read(t, &r, lines.String())
	page := written(t, &r)
	if len(page) > 12<<20 {
		t.Errorf("a page of %d bytes", len(page))
	}
	for _, want := range []string{"5,000 of 12,000 hosts are shown", "250 of 12,000 hosts are shown", "40 of 100 ports are shown: those that are open somewhere", `<b>6,000</b> <span>ports open</span>`} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
}

// A word is explained as what it is where it stands: a hop from which nothing came
// is no connection that is still open.
func TestWordsAreExplainedWhereTheyStand(t *testing.T) {
	var r Report
	lines := `{"type":"run","schema":"synscope/1","command":"trace","start":"2026-11-29T05:48:40Z"}
{"type":"hop","target":"192.0.2.1:80","port":80,"ttl":1,"query":1,"kind":"none"}
{"type":"port","target":"192.0.2.1:80","addr":"192.0.2.1","port":80,"state":"filtered","reason":"no-response","attempts":3}
{"type":"summary","complete":true,"end":"2026-11-29T05:48:41Z"}
`
	read(t, &r, lines)
	var kinds []string
	for _, g := range explainedIn(t, &r) {
		for _, e := range g.Entries {
			kinds = append(kinds, g.Kind+" "+e.Word)
		}
	}
	if got := strings.Join(kinds, ", "); got != "state filtered, reason no-response, hop none" {
		t.Error(got)
	}
}

// explainedIn writes a page, and is which words it explains.
func explainedIn(t *testing.T, r *Report) []wordGroup {
	t.Helper()
	written(t, r)
	return r.wordGroups()
}

// However many kinds of findings, reasons, hosts and expectations a run has, each has its
// place in a sum, and the page stays one that a browser opens.
func TestManyKinds(t *testing.T) {
	const n = 30_000
	var lines strings.Builder
	lines.WriteString(begun)
	for i := range n {
		fmt.Fprintf(&lines, `{"type":"port","target":"n","addr":"10.%d.%d.1","port":%d,"state":"open","reason":"r-%d","findings":[{"code":"odd-%05d","severity":"%s","text":"odd"}]}`+"\n",
			i/250, i%250, 1+i, i, i, [...]string{"warning", "info"}[i%2])
		if i%3 == 0 {
			fmt.Fprintf(&lines, `{"type":"check","name":"e%d","target":"t","ok":%v,"expected":"open","got":"refused"}`+"\n", i, i%2 == 1)
		}
	}
	lines.WriteString(`{"type":"port","target":"n","addr":"10.9.9.9","port":1,"state":"open","reason":"syn-ack","findings":[{"code":"challenge-ack","severity":"warning","text":"known"}]}` + "\n" + ended)
	var r Report
	read(t, &r, lines.String())
	page := written(t, &r)
	if len(page) > 10<<20 {
		t.Errorf("a page of %d bytes", len(page))
	}
	for _, want := range []string{
		"14,901 kinds of finding more, at 14,901 places, are counted and not shown", "14,900 kinds of finding more, at 14,900 places, are counted",
		"<code>challenge-ack</code>", "<code>odd-00000</code>", "<b>15,001</b> <span>warnings</span>", "3,000 more hold.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q", want)
		}
	}
	if left := strings.Join(r.LeftOut(), "\n"); !strings.Contains(left, "3,000 expectations that hold are read and not shown") {
		t.Error(left)
	}
}

// Texts and lists of any length have a beginning on the page, and it is said that they go on.
func TestLongTexts(t *testing.T) {
	long := strings.Repeat("x", 900<<10)
	line := `{"type":"port","target":"` + long + `","addr":"10.0.0.1","port":1,"state":"open","reason":"` + long + `","findings":[{"code":"` + long + `","severity":"warning","text":"` + long + `"}]}` + "\n"
	var r Report
	read(t, &r, begun+line+ended)
	if page := written(t, &r); len(page) > 200<<10 || !strings.Contains(page, strings.Repeat("x", longestText)+"…") {
		t.Errorf("a page of %d bytes", len(page))
	}
	if left := strings.Join(r.LeftOut(), "\n"); !strings.Contains(left, "4 texts or lists are cut short") {
		t.Error(left)
	}
}

// Lines that are kept as they are fill a memory of a fixed size; what comes after is
// counted.
func TestMemoryIsBounded(t *testing.T) {
	r := newRun("in", 1, &store{bytes: mostBytes - 200})
	for i := range 3 {
		line := fmt.Sprintf(`{"type":"port","target":"n","addr":"10.0.0.1","port":%d,"state":"open","reason":"syn-ack","rtt_ns":1000,"ttl":64}`, i+1)
		if err := r.take("port", []byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	for s := range r.hosts {
		if len(r.hosts[s].details) != 1 || r.hosts[s].counts[1] == 0 && len(r.hosts[s].ports) != 3 {
			t.Errorf("%d details of %d ports", len(r.hosts[s].details), len(r.hosts[s].ports))
		}
	}
	if r.left["records' details"] != 2 {
		t.Error(r.left)
	}
}
