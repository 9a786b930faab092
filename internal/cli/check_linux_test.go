package cli

import (
	"context"
	"encoding/xml"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"synscope/internal/lab"
)

// expectations writes a file of them.
func expectations(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "network.yaml")
	writeFile(t, path, []byte(text), 0o600)
	return path
}

// What the lab is holds, what it is not fails with what it is instead, in every
// output.
func TestCheck(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	web, fortress, far := l.Host("web").Addr4(), l.Host("fortress").Addr4(), l.Host("far").Addr4()
	path := expectations(t, fmt.Sprintf(`
groups: {servers: [%[1]v, %[3]v]}
probing: {timeout: 300ms, retries: 2, count: 5}
expect:
  - {name: web, targets: %[1]v, open: [22, 80], refused: 81, only: true, scope: [22, 80, 81, 443, 8000], overrides: {%[1]v: {open: [22, 80, 443]}}}
  - {name: quick, targets: servers, port: 80, rtt: {p95: 10s}, loss: 0%%, handshake: {options: [mss, sack], close: [three-way, four-way], no-findings: [accept-queue-full]}}
  - {name: hidden, targets: %[2]v, filtered: 80, not-open: 22}
  - {name: way, targets: %[3]v, port: 80, path: {max-hops: 2}}
  - {name: numbers, targets: %[1]v, port: 80, isn: {at-least: tuple-clock, quick: true}}
`, web, fortress, far))
	dir := t.TempDir()
	junit, tap := filepath.Join(dir, "junit.xml"), filepath.Join(dir, "tap")
	r := command(t.Context(), l, "check", path, "-o", "json", "--junit", junit, "--tap", tap)
	if r.code != exitYes {
		t.Fatalf("exit %d: %s\n%s", r.code, r.err, r.out)
	}
	all := records(t, r.out)
	held := 0
	for _, c := range all {
		if c.str("type") == "check" {
			held++
			if c["ok"] != true || c.str("expected") == "" || c.str("got") == "" || !strings.Contains(c.str("where"), "network.yaml:") {
				t.Errorf("%v", c)
			}
		}
	}
	if held != 5+2*5+2+1+1 {
		t.Errorf("%d expectations", held)
	}
	var suite struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
	}
	if b, err := os.ReadFile(junit); err != nil || xml.Unmarshal(b, &suite) != nil || suite.Tests != held || suite.Failures != 0 {
		t.Errorf("%v: %s", err, b)
	}
	if b, err := os.ReadFile(tap); err != nil || strings.Count(string(b), "\nok ") != held {
		t.Errorf("%v: %s", err, b)
	}
	if r := command(t.Context(), l, "check", path, "--tap", "-"); r.code != exitYes || !strings.HasPrefix(r.out, "TAP version 13\n1..") || strings.Contains(r.out, "all held") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
	wrong := expectations(t, fmt.Sprintf("expect:\n  - {name: wrong, targets: %v, open: [80, 81], only: true, scope: [22, 80]}\n", web))
	r = command(t.Context(), l, "check", wrong, "--explain")
	for _, want := range []string{
		fmt.Sprintf("FAIL  wrong: %v:81: open, but found refused (reset)", web), "nothing else open of 2 ports, but found open: 22",
		"3 expectations: 1 held, 2 failed", "reset (reason)", "ok    wrong: ",
	} {
		if r.code != exitNo || !strings.Contains(r.out, want) {
			t.Errorf("exit %d, no %q in\n%s%s", r.code, want, r.out, r.err)
		}
	}
}

// Without the right to raw sockets, what they would show is not judged, and the rest is:
// code 3, or 1 where something failed.
func TestCheckWithoutRights(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	path := expectations(t, fmt.Sprintf("expect:\n  - {name: here, targets: 127.0.0.1, open: %[1]d, handshake: {}, isn: random}\n", l.Addr().(*net.TCPAddr).Port))
	r := withoutRights(t, "check", path, "-o", "json")
	var got []string
	for _, c := range records(t, r.out) {
		if c.str("type") == "check" {
			got = append(got, fmt.Sprint(c["ok"], " ", c["got"], " ", c["not_judged"]))
		}
	}
	why := "it takes raw sockets: run as root, or see `synscope doctor`"
	want := []string{"true open (connected) <nil>", "<nil> <nil> " + why, "<nil> <nil> " + why}
	if r.code != exitUnable || !slices.Equal(got, want) || !strings.Contains(r.err, "2 of 3 expectations not judged") {
		t.Errorf("exit %d, %q: %s", r.code, got, r.err)
	}
	other := expectations(t, fmt.Sprintf("expect:\n  - {name: here, targets: 127.0.0.1, refused: %[1]d, port: %[1]d, handshake: {}}\n", l.Addr().(*net.TCPAddr).Port))
	if r := withoutRights(t, "check", other); r.code != exitNo || !strings.Contains(r.out, "0 held, 1 failed, 1 not judged") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
}

// A file that --init writes holds, and what changes shows in --diff and in it.
func TestCheckInit(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	web, reset := l.Host("web").Addr4().String(), l.Host("reset").Addr4().String()
	r := command(t.Context(), l, "check", "--init", "-p", "20-90,443", web, reset)
	if r.code != exitYes || !strings.Contains(r.out, "open: [22, 80, 443]") {
		t.Fatalf("exit %d: %s\n%s", r.code, r.err, r.out)
	}
	path := expectations(t, r.out)
	if r := command(t.Context(), l, "check", path, "-q"); r.code != exitYes || strings.Contains(r.out, "FAIL") || !strings.Contains(r.out, "nothing else open of 72 ports") {
		t.Errorf("exit %d: %s\n%s", r.code, r.err, r.out)
	}
	dir := t.TempDir()
	for name, ports := range map[string]string{"old": "22,80", "new": "22,81"} {
		r := command(t.Context(), l, "scan", "-p", ports, web, "-oJ", filepath.Join(dir, name))
		if r.code != exitYes {
			t.Fatal(r.err)
		}
	}
	r = command(t.Context(), l, "check", "--diff", filepath.Join(dir, "old"), filepath.Join(dir, "new"))
	if r.code != exitNo || !strings.Contains(r.out, web+":80: state: was open (syn-ack), is not listed\n"+web+":81: state: was not listed, is refused (reset)\n") || !strings.Contains(r.out, "2 changes") {
		t.Errorf("exit %d: %s\n%s", r.code, r.err, r.out)
	}
	if r := command(t.Context(), l, "check", "--diff", filepath.Join(dir, "old"), filepath.Join(dir, "old")); r.code != exitYes {
		t.Errorf("exit %d: %s", r.code, r.out)
	}
}

// --init writes of no host that this machine could not look at, and says so by its code; nor
// of an address that no host has.
func TestCheckInitLeavesOutWhatWasNotSeen(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	web, nowhere, broadcast := l.Host("web").Addr4().String(), "fe80::1%nosuch0", "255.255.255.255"
	for _, tc := range []struct {
		targets []string
		code    int
		says    string
	}{
		{[]string{nowhere}, exitUnable, "nosuch0"},
		{[]string{nowhere, "fe80::2%nosuch0"}, exitUnable, "nosuch0"},
		{[]string{web, nowhere}, exitUnable, "the file lacks " + nowhere},
		{[]string{broadcast}, exitNo, "no host has such an address"},
		{[]string{web, broadcast}, exitYes, ""},
	} {
		r := command(t.Context(), l, append([]string{"check", "--init", "-p", "80"}, tc.targets...)...)
		body := strings.Join(slices.DeleteFunc(strings.Split(r.out, "\n"), func(line string) bool { return strings.HasPrefix(line, "#") }), "\n")
		seen := slices.Contains(tc.targets, web)
		if r.code != tc.code || !strings.Contains(r.err, tc.says) || strings.Contains(body, "fe80") || strings.Contains(body, broadcast) || seen != strings.Contains(body, web) || !seen && r.out != "" {
			t.Errorf("%v: exit %d: %s\n%s", tc.targets, r.code, r.err, r.out)
		}
	}
}

// What this machine could not probe beside others is not judged: it is not taken for closed,
// nor for a fault of the network.
func TestCheckJudgesNothingThatWasNotSent(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	path := expectations(t, fmt.Sprintf("expect:\n  - {targets: %v, open: 80}\n  - {targets: 'fe80::1%%nosuch0', not-open: 80, refused: 81, only: true, scope: 82}\n", l.Host("web").Addr4()))
	if r := command(t.Context(), l, "check", path); r.code != exitUnable || !strings.Contains(r.out, "1 held, 3 not judged") || !strings.Contains(r.out, "no route") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
}

// What is wrong with a file ends the run before anything is sent.
func TestCheckRefuses(t *testing.T) {
	good := expectations(t, "expect:\n  - {targets: 192.0.2.1, open: 80}\n")
	for line, want := range map[string]string{
		"check":                                "name one file",
		"check a.yaml b.yaml":                  "name one file",
		"check /none.yaml":                     "no such file",
		"check " + good + " -o xml":            "there are text, json, csv",
		"check " + good + " --junit /none/x":   "--junit",
		"check " + good + " --rate fast":       "--rate",
		"check " + good + " --tap - -o json":   "two formats for standard output",
		"check " + good + " --tap - --junit -": "two formats for standard output",
		"check --diff a":                       "name two files",
		"check --diff a b --init":              "one of them",
		"check --init":                         "no target",
		"check --init -p x 192.0.2.1":          "-p: ",
		"check --diff " + good + " " + good:    "network.yaml:1: no record",
		"check " + expectations(t, "expect:\n  - {targets: 192.0.2.300, open: 80}\n"): "192.0.2.300",
		"check " + expectations(t, "expect:\n  - {targets: 192.0.2.1, opne: 80}\n"):   `network.yaml:2:26: unknown key "opne" in an expectation: did you mean "open"?`,
	} {
		out, errs, code := ranAlone(t, strings.Fields(line)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d\n%s%s", line, code, out, errs)
		}
	}
	if out, errs, code := ranAlone(t, "check", good, "--dry-run"); code != exitYes || !strings.HasPrefix(out, "scan ") || !strings.Contains(out, "192.0.2.1:80") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
}

// Two hundred expectations of fifty hosts.
func TestCheckOfManyHosts(t *testing.T) {
	t.Parallel()
	l := crowd(t, 50)
	var b strings.Builder
	b.WriteString("probing: {count: 5}\nexpect:\n")
	for _, h := range l.Hosts() {
		fmt.Fprintf(&b, "  - {name: %s, targets: %v, open: 80, refused: 81, rtt: 10s, handshake: {options: mss}}\n", h.Name, h.Addr4())
	}
	path := expectations(t, b.String())
	start := time.Now()
	r := command(t.Context(), l, "check", path, "-o", "json")
	t.Logf("200 expectations of 50 hosts in %v", time.Since(start))
	all := records(t, r.out)
	if n := len(all) - 2; r.code != exitYes || n != 200 {
		t.Errorf("exit %d, %d results: %s\n%s", r.code, n, r.err, unheld(all))
	}
}

// crowd is a lab of so many hosts.
func crowd(t *testing.T, n int) *lab.Lab {
	t.Helper()
	lab.Require(t)
	spec := lab.Spec{Logf: t.Logf}
	for i := range n {
		spec.Hosts = append(spec.Hosts, lab.HostSpec{
			Name:     fmt.Sprintf("crowd%d", i),
			Services: []lab.Service{{Ports: []uint16{80}, Manner: lab.AcceptClose}},
		})
	}
	l, err := lab.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// unheld are the expectations that failed, for a message.
func unheld(all []jsonRecord) string {
	var b strings.Builder
	for _, c := range all {
		if c["ok"] == false {
			fmt.Fprintf(&b, "%s: %s: %s\n", c.str("target"), c.str("expected"), c.str("got"))
		}
	}
	return b.String()
}

// The program itself, which has given up its rights by then, asks why of a
// connection that failed; and its files for CI go where a shell may have them.
func TestCheckExplainsAsProgram(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	web := l.Host("web").Addr4()
	path := expectations(t, fmt.Sprintf("expect:\n  - {name: n, targets: %v, port: 81, handshake: {}}\n", web))
	r := start(t, asRoot, nil, "check", path, "--explain", "--tap", "/dev/stderr").end(t)
	if r.code != exitNo || !strings.Contains(r.out, "(host-not-listening") || !strings.Contains(r.err, "not ok 1 - n: ") {
		t.Errorf("exit %d: %s\n%s", r.code, r.err, r.out)
	}
}

// Flags that one way of asking has no use for are refused there.
func TestCheckIdleFlags(t *testing.T) {
	good := expectations(t, "expect:\n  - {targets: 192.0.2.1, open: 80}\n")
	for line, want := range map[string]string{
		"check -p 80 " + good:                  "-p has no effect without --init",
		"check --init --junit x 192.0.2.1":     "--junit has no effect with --init",
		"check --init -o json 192.0.2.1":       "-o has no effect with --init",
		"check --diff --explain a b":           "--explain has no effect with --diff",
		"check --diff --rate 5 " + good + " b": "--rate has no effect with --diff",
	} {
		if out, errs, code := ranAlone(t, strings.Fields(line)...); code != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d\n%s%s", line, code, out, errs)
		}
	}
}

// mute is a resolver that nobody can reach.
type mute struct{}

func (mute) LookupNetIP(_ context.Context, _, name string) ([]netip.Addr, error) {
	return nil, &net.DNSError{Err: "i/o timeout", Name: name, Server: "192.0.2.53:53", IsTimeout: true}
}

// A resolver that does not answer is no proof that there is no such name.
func TestCheckWithoutResolver(t *testing.T) {
	path := expectations(t, "expect:\n  - {name: n, targets: some.example, open: 80}\n")
	var out, errs strings.Builder
	s := Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Env: bareEnv, Resolver: mute{}}
	code := Main(t.Context(), []string{"synscope", "check", path}, s)
	if code != exitNo || !strings.Contains(out.String(), "no answer of a resolver: lookup some.example on 192.0.2.53:53: i/o timeout") {
		t.Errorf("exit %d: %s\n%s", code, errs.String(), out.String())
	}
}
