package check

import (
	"encoding/xml"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// planned are a file's expectations, and their hosts.
func planned(t *testing.T, text string) (*Expectations, Hosts) {
	t.Helper()
	p, err := load(text)
	if err != nil {
		t.Fatal(err)
	}
	hosts := Hosts{}
	for _, w := range p.Words() {
		if a, err := netip.ParseAddr(w); err == nil {
			hosts[w] = []netip.Addr{a}
		}
	}
	return p, hosts
}

// told are facts of JSON lines, each after the name of its command.
func told(t *testing.T, lines string) *Facts {
	t.Helper()
	f := NewFacts()
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		command, entry, _ := strings.Cut(strings.TrimSpace(line), " ")
		if err := f.Add(command, []byte(entry), 1500*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

const facts = `
scan {"type":"run","schema":"synscope/1"}
scan {"type":"port","target":"x","addr":"192.0.2.1","port":80,"state":"open","reason":"syn-ack"}
scan {"type":"port","target":"x","addr":"192.0.2.1","port":81,"state":"refused","reason":"reset"}
scan {"type":"port","target":"x","addr":"192.0.2.1","port":82,"state":"filtered","reason":"admin-prohibited"}
scan {"type":"port","target":"x","addr":"192.0.2.1","port":83,"state":"unknown","reason":"send-failed"}
scan {"type":"port","target":"x","addr":"192.0.2.1","port":84,"state":"open","reason":"syn-ack","findings":[{"code":"path-mtu","severity":"notice"}]}
ping {"type":"rtt_summary","target":"x","addr":"192.0.2.1","port":80,"sent":10,"received":9,"lost":1,"loss":0.1,"min_ns":1000000,"p50_ns":2000000,"p95_ns":30000000,"max_ns":31000000}
ping {"type":"rtt_summary","target":"x","addr":"192.0.2.1","port":81,"sent":10,"received":0,"lost":10,"loss":1}
handshake {"type":"handshake","target":"x","addr":"192.0.2.1","port":80,"state":"open","reason":"syn-ack","negotiated":{"mss":1460,"wscale":0,"sack":true,"ts":false,"ecn":"refused","tfo":false,"mptcp":false},"close":"three-way","findings":[{"code":"banner","severity":"info"}]}
isn {"type":"isn","target":"x","addr":"192.0.2.1","port":80,"class":"tuple-clock","difficulty":31}
isn {"type":"isn","target":"x","addr":"192.0.2.1","port":81,"class":"mixed"}
trace {"type":"hop","target":"192.0.2.1:80","port":80,"ttl":1,"addr":"198.51.100.1","kind":"time-exceeded"}
trace {"type":"hop","target":"192.0.2.1:80","port":80,"ttl":2,"kind":"none"}
trace {"type":"hop","target":"192.0.2.1:80","port":80,"ttl":3,"addr":"192.0.2.1","kind":"syn-ack"}
trace {"type":"port","target":"192.0.2.1:80","addr":"192.0.2.1","port":80,"state":"filtered"}
`

// Each expectation against the same facts; what was not measured holds none.
func TestJudge(t *testing.T) {
	for _, tc := range []struct {
		line, want string
		ok         bool
	}{
		{"open: 80", "192.0.2.1:80|open|open (syn-ack)", true},
		{"open: 81", "192.0.2.1:81|open|refused (reset)", false},
		{"open: 99", "192.0.2.1:99|open|not probed", false},
		{"refused: 81", "192.0.2.1:81|refused|refused (reset)", true},
		{"filtered: 82", "192.0.2.1:82|filtered|filtered (admin-prohibited)", true},
		{"filtered: 83", "192.0.2.1:83|filtered|", false},
		{"not-open: 81", "192.0.2.1:81|not open|refused (reset)", true},
		{"not-open: 83", "192.0.2.1:83|not open|", false},
		{"not-open: 84", "192.0.2.1:84|not open|open (syn-ack)", false},
		{"only: true, scope: 81-82", "192.0.2.1|nothing else open of 2 ports|nothing", true},
		{"only: true, scope: [81, 84]", "192.0.2.1|nothing else open of 2 ports|open: 84", false},
		{"only: true, scope: [81, 83]", "192.0.2.1|nothing else open of 2 ports|", false},
		{"only: true, scope: [81, 99]", "192.0.2.1|nothing else open of 2 ports|1 port could not be probed", false},
		{"port: 80, rtt: 30ms", "192.0.2.1:80|p95 of the RTT at most 30.0 ms|30.0 ms", true},
		{"port: 80, rtt: {max: 30ms}", "192.0.2.1:80|max of the RTT at most 30.0 ms|31.0 ms", false},
		{"port: 80, rtt: {p99: 1h}", "192.0.2.1:80|p99 of the RTT at most 1 h 00 m|no time was measured: 9 of 10 answered", false},
		{"port: 81, rtt: 1h", "192.0.2.1:81|p95 of the RTT at most 1 h 00 m|no time was measured: 0 of 10 answered", false},
		{"port: 80, loss: 10%", "192.0.2.1:80|at most 10% lost|10% lost (1 of 10)", true},
		{"port: 80, loss: 9.9%", "192.0.2.1:80|at most 9.9% lost|10% lost (1 of 10)", false},
		{"port: 99, loss: 100%", "192.0.2.1:99|at most 100% lost|not probed", false},
		{"port: 80, handshake: {}", "192.0.2.1:80|a connection|open (syn-ack)", true},
		{"port: 81, handshake: {}", "192.0.2.1:81|a connection|not probed", false},
		{"port: 80, handshake: {options: [wscale, sack]}", "192.0.2.1:80|options wscale, sack|negotiated: mss, wscale, sack", true},
		{"port: 80, handshake: {options: ecn}", "192.0.2.1:80|options ecn|negotiated: mss, wscale, sack", false},
		{"port: 80, handshake: {without: [ts, ecn]}", "192.0.2.1:80|without ts, ecn|negotiated: mss, wscale, sack", true},
		{"port: 80, handshake: {close: [four-way, three-way]}", "192.0.2.1:80|close four-way or three-way|three-way", true},
		{"port: 80, handshake: {findings: banner}", "192.0.2.1:80|findings banner|banner", true},
		{"port: 80, handshake: {no-findings: banner}", "192.0.2.1:80|no banner|banner", false},
		{"port: 80, isn: weak-random", "192.0.2.1:80|sequence numbers at least weak-random|tuple-clock", true},
		{"port: 80, isn: random", "192.0.2.1:80|sequence numbers at least random|tuple-clock", false},
		{"port: 81, isn: constant", "192.0.2.1:81|sequence numbers at least constant|mixed", false},
		{"port: 99, isn: constant", "192.0.2.1:99|sequence numbers at least constant|not sampled", false},
		{"port: 80, isn: {difficulty: 31}", "192.0.2.1:80|31 bits to guess a sequence number|31 bits", true},
		{"port: 81, isn: {difficulty: 1}", "192.0.2.1:81|1 bits to guess a sequence number|no difficulty was found (mixed)", false},
		{"port: 80, path: {max-hops: 3}", "192.0.2.1:80|at most 3 hops|3 hops", true},
		{"port: 80, path: {max-hops: 2}", "192.0.2.1:80|at most 2 hops|3 hops", false},
		{"port: 81, path: {max-hops: 9}", "192.0.2.1:81|at most 9 hops|the port was not reached", false},
		{"port: 80, path: {through: 198.51.100.0/24}", "192.0.2.1:80|a way through 198.51.100.0/24|through 198.51.100.1", true},
		{"port: 80, path: {avoid: 198.51.100.1}", "192.0.2.1:80|no way through 198.51.100.1|through 198.51.100.1", false},
		{"port: 80, path: {avoid: 203.0.113.1}", "192.0.2.1:80|no way through 203.0.113.1|through 198.51.100.1, and whoever did not answer at hop 2", false},
		{"port: 81, path: {avoid: 203.0.113.1}", "192.0.2.1:81|no way through 203.0.113.1|through nothing", false},
	} {
		p, hosts := planned(t, "expect:\n  - {targets: 192.0.2.1, "+tc.line+"}\n")
		all := p.Judge(hosts, told(t, facts))
		if len(all) != 1 {
			t.Errorf("%s: %d results", tc.line, len(all))
			continue
		}
		r := all[0]
		if got := r.Target + "|" + r.Expected + "|" + r.Got; got != tc.want || r.OK != tc.ok {
			t.Errorf("%s: %v %s\nwant %v %s", tc.line, r.OK, got, tc.ok, tc.want)
		}
	}
}

// What a command would have found that could not run is not judged, neither held nor
// failed; what other commands found is.
func TestUnjudged(t *testing.T) {
	p, hosts := planned(t, `
expect:
  - {targets: 192.0.2.1, open: 80, port: 99, handshake: {close: four-way}, isn: random, path: {max-hops: 3, avoid: 203.0.113.1}, rtt: 1s}
  - {targets: 192.0.2.1, only: true, scope: [81, 84, 99]}
  - {targets: 192.0.2.1, only: true, scope: [81, 99]}
`)
	f := told(t, facts)
	for _, command := range []string{"scan", "handshake", "isn", "trace"} {
		f.Unable[command] = command + " may not"
	}
	var got []string
	for _, r := range p.Judge(hosts, f) {
		if r.Unjudged != "" && (r.OK || r.Got != "") {
			t.Errorf("judged and not: %+v", r)
		}
		got = append(got, fmt.Sprintf("%s: %v %s%s", r.Expected, r.OK, r.Got, r.Unjudged))
	}
	want := []string{
		"open: true open (syn-ack)", "p95 of the RTT at most 1.0 s: false not probed", "a connection: false handshake may not",
		"sequence numbers at least random: false isn may not", "at most 3 hops: false trace may not", "no way through 203.0.113.1: false trace may not",
		"nothing else open of 3 ports: false open: 84", "nothing else open of 2 ports: false scan may not",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A name without an address fails, a target of several addresses is judged one by
// one, and what needs to be probed is asked once.
func TestNeeds(t *testing.T) {
	p, hosts := planned(t, `
expect:
  - {targets: [192.0.2.1, 192.0.2.8/31, gone.example], open: [80, 443], rtt: 1s, isn: {at-least: random, quick: true}}
  - {targets: "2001:db8::1", open: 22, path: {max-hops: 3}, handshake: {}}
  - {targets: 192.0.2.1, refused: 81, only: true, scope: 80-82}
`)
	hosts["192.0.2.8/31"] = []netip.Addr{netip.MustParseAddr("192.0.2.8"), netip.MustParseAddr("192.0.2.9")}
	n := p.Needs(hosts)
	if got := fmt.Sprint(n.Scan); got != "[192.0.2.1:80-82,443 192.0.2.8:80,443 192.0.2.9:80,443 [2001:db8::1]:22]" {
		t.Error(got)
	}
	if len(n.Ping) != 3 || len(n.QuickISN) != 3 || len(n.ISN) != 0 || fmt.Sprint(n.Trace, n.Handshake) != "[[2001:db8::1]:22] [[2001:db8::1]:22]" {
		t.Errorf("%+v", n)
	}
	var gone, pair int
	for _, r := range p.Judge(hosts, NewFacts()) {
		if r.OK {
			t.Errorf("holds without facts: %+v", r)
		}
		if r.Target == "gone.example" {
			gone++
		}
		if strings.HasPrefix(r.Target, "192.0.2.9:") {
			pair++
		}
	}
	if gone != 1 || pair != 6 {
		t.Errorf("%d of the lost name, %d of the second of two", gone, pair)
	}
}

// Results are what CI reads, also with awkward words.
func TestResultFiles(t *testing.T) {
	all := []Result{{Name: "a <b> & #c", Target: "x:1", OK: true, Expected: "open", Got: "open"}, {Name: "d", Target: "y:2", Expected: "open", Got: "refused \"reset\"", Where: "c.yaml:1:1"}, {Name: "e", Target: "z:3", Expected: "a connection", Unjudged: "no right", Where: "c.yaml:2:1"}}
	var junit, tap strings.Builder
	if err := errors.Join(WriteJUnit(&junit, "c.yaml", 1500*time.Millisecond, all), WriteTAP(&tap, all)); err != nil {
		t.Fatal(err)
	}
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Errors   int `xml:"errors,attr"`
		Cases    []struct {
			Class   string `xml:"classname,attr"`
			Failure *struct {
				Message string `xml:"message,attr"`
			} `xml:"failure"`
			Error *struct {
				Message string `xml:"message,attr"`
			} `xml:"error"`
		} `xml:"testcase"`
	}
	if err := xml.Unmarshal([]byte(junit.String()), &suite); err != nil || suite.Tests != 3 || suite.Failures != 1 || suite.Errors != 1 || suite.Cases[2].Failure != nil || suite.Cases[2].Error.Message != "not judged: no right" || suite.Cases[0].Class != "a <b> & #c" || suite.Cases[0].Failure != nil || !strings.Contains(suite.Cases[1].Failure.Message, `refused "reset"`) {
		t.Errorf("%v %+v\n%s", err, suite, junit.String())
	}
	want := "TAP version 13\n1..3\nok 1 - a <b> & \\#c: x:1: open\nnot ok 2 - d: y:2: open\n  ---\n  expected: \"open\"\n  found: \"refused \\\"reset\\\"\"\n  at: \"c.yaml:1:1\"\n  ...\nnot ok 3 - e: z:3: a connection\n  ---\n  expected: \"a connection\"\n  not_judged: \"no right\"\n  at: \"c.yaml:2:1\"\n  ...\n"
	if tap.String() != want {
		t.Errorf("%s", tap.String())
	}
}

// What --init writes of a lossy link holds of the same link later: of a thousand
// such files hardly one fails by chance. So does that of a steady one.
func TestAllowanceHoldsAgain(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	lose := func(p float64) (lost uint64) {
		for range initCount {
			if random.Float64() < p {
				lost++
			}
		}
		return lost
	}
	for _, p := range []float64{0, 0.001, 0.02, 0.1, 0.2, 0.5, 0.9} {
		failed := 0
		for range 1000 {
			if bound := allowance(lose(p), initCount); float64(lose(p))/initCount > bound {
				failed++
			}
		}
		if failed > 10 {
			t.Errorf("loss %g: %d of 1000 files fail", p, failed)
		}
	}
	if allowance(0, initCount) != fewLost || allowance(initCount, initCount) != 1 {
		t.Errorf("%g %g", allowance(0, initCount), allowance(initCount, initCount))
	}
}

// A name of strange letters is neither a directive nor a control sequence of a
// terminal that shows the protocol, nor another line.
func TestTAPNames(t *testing.T) {
	var b strings.Builder
	if err := WriteTAP(&b, []Result{{Name: "a # TODO\nnot ok 2\x1b[31m\u2028", Target: "x:1", Expected: "open", OK: true}}); err != nil {
		t.Fatal(err)
	}
	if want := "TAP version 13\n1..1\nok 1 - a \\# TODO not ok 2\uFFFD[31m\uFFFD: x:1: open\n"; b.String() != want {
		t.Errorf("%q", b.String())
	}
}

// A target that does not resolve may be a group that was mistyped.
func TestUnresolvedNamesTheGroup(t *testing.T) {
	p, err := load("groups: {web: 192.0.2.1, database: 192.0.2.2}\nexpect:\n  - {targets: [wbe, elsewhere.example], open: 80}\n")
	if err != nil {
		t.Fatal(err)
	}
	results := p.Judge(Hosts{}, &Facts{Unasked: map[string]string{"elsewhere.example": "timeout"}})
	if len(results) != 2 || results[0].Got != `it does not; did you mean the group "web"?` || results[1].Got != "no answer of a resolver: timeout" || results[0].OK {
		t.Errorf("%+v", results)
	}
}
