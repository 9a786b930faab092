package cli

import (
	"context"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	words "synscope/internal/explain"
	"synscope/internal/lab"
	"synscope/probe/why"
)

// diagnosed is what a script reads of a diagnosis.
type diagnosed struct {
	Type    string
	Target  string
	Healthy bool
	Packets int
	Took    int64 `json:"took_ns"`
	Causes  []struct {
		Code        why.Code
		Probability float64
		Evidence    []string
		Advice      string
		Again       []string `json:"shown_again_by"`
	}
	Excluded    []struct{ Code, By string }
	Experiments []struct{ Name, Outcome string }
}

// diagnoses reads the records of a run.
func diagnoses(t *testing.T, r ran) (list []diagnosed) {
	t.Helper()
	for line := range strings.Lines(r.out) {
		var d diagnosed
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if d.Type == "diagnosis" {
			list = append(list, d)
		}
	}
	return list
}

func TestWhy(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	for _, c := range []struct {
		target string
		code   int
		want   why.Code
	}{
		{"web:80", exitYes, why.Healthy},
		{"web:81", exitNo, why.HostNotListening},
		{"far:8013", exitNo, why.PathFirewallReject},
		{"reject:" + portText(lab.RejectPort(13)), exitNo, why.HostFirewall},
		{"fortress:443", exitNo, why.HostFirewall},
		{"cookie:80", exitNo, why.HostSYNCookies},
		{"lossy:80", exitNo, why.PathLoss},
	} {
		t.Run(c.target, func(t *testing.T) {
			t.Parallel()
			r, d := askedWhy(t, l, c.target, c.want)
			top := d.Causes[0]
			if r.code != c.code || top.Code != c.want || d.Healthy != (c.want == why.Healthy) || d.Target != c.target {
				t.Errorf("exit %d, %s, healthy %v, of %s: %s", r.code, top.Code, d.Healthy, d.Target, r.out)
			}
			if d.Packets == 0 || d.Packets > why.DefaultPackets || len(d.Experiments) < 2 || len(top.Evidence) == 0 || top.Advice == "" || len(top.Again) == 0 {
				t.Errorf("a diagnosis without its basis: %s", r.out)
			}
		})
	}
}

// askedWhy is what the command says of a target. Chance has its part in what a link loses,
// and a busy machine takes longer to think than the network to answer: it is asked up to three times for the
// right cause, and has more time each time.
func askedWhy(t *testing.T, l *lab.Lab, target string, want why.Code) (r ran, d diagnosed) {
	t.Helper()
	for _, budget := range []string{"400,30s", "400,2m", "400,10m"} {
		r = command(t.Context(), l, "why", "-4", "-o", "json", "--budget", budget, target)
		found := diagnoses(t, r)
		if len(found) != 1 || len(found[0].Causes) == 0 {
			t.Fatalf("%d diagnoses, exit %d: %s%s", len(found), r.code, r.out, r.err)
		}
		if d = found[0]; d.Causes[0].Code == want && d.Healthy == (want == why.Healthy) {
			break
		}
		t.Logf("with %s %s is first, healthy %t, want %s", budget, d.Causes[0].Code, d.Healthy, want)
	}
	return r, d
}

func portText(p uint16) string {
	return netip.AddrPortFrom(netip.IPv4Unspecified(), p).String()[len("0.0.0.0:"):]
}

// The text is one screen, whatever it tells.
func TestWhyText(t *testing.T) {
	l := standardLab(t)
	t.Parallel()
	r := command(t.Context(), l, "why", "-4", "web:81", "far:8000")
	if r.code != exitNo || strings.Count(r.out, "\n") > 48 {
		t.Errorf("exit %d, %d lines: %s", r.code, strings.Count(r.out, "\n"), r.out)
	}
	for _, want := range []string{"web:81", "host-not-listening", "path-firewall-drop", "evidence", "what to do", "reproduce", "excluded", "rests on"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in: %s", want, r.out)
		}
	}
	for line := range strings.Lines(r.out) {
		if len([]rune(line)) > 140 {
			t.Errorf("too wide: %q", line)
		}
	}
}

func TestWhyKeepsToItsBudget(t *testing.T) {
	l := standardLab(t)
	t.Parallel()
	r := command(t.Context(), l, "why", "-4", "-o", "json", "--budget", "60,5s", "web:80")
	found := diagnoses(t, r)
	if len(found) != 1 || found[0].Packets > 60 {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
	r = command(t.Context(), l, "why", "-4", "-o", "json", "--only", "flows,local", "web:80")
	if found = diagnoses(t, r); len(found) != 1 || slices.ContainsFunc(found[0].Experiments, func(e struct{ Name, Outcome string }) bool { return e.Name != "flows" && e.Name != "local" }) {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
}

func TestWhyRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"--budget", "x", "192.0.2.1"}, {"--budget", "3", "192.0.2.1"}, {"--only", "magic", "192.0.2.1"}, {"--ttl", "3", "192.0.2.1"},
		{"--against", "192.0.2.2", "192.0.2.1"}, {}, {"192.0.2.0/24"}, {"--engine", "connect", "192.0.2.1"},
	} {
		if r := command(t.Context(), nil, append([]string{"why"}, args...)...); r.code != exitUsage {
			t.Errorf("%q: exit %d: %s", args, r.code, r.err)
		}
	}
}

func TestWhyDryRun(t *testing.T) {
	r := command(t.Context(), nil, "why", "--dry-run", "192.0.2.1:443", "[2001:db8::1]:443")
	if n := strings.Count(r.out, "Flags [S"); r.code != exitYes || n < 20 {
		t.Errorf("exit %d, %d SYNs: %s%s", r.code, n, r.out, r.err)
	}
}

// twoAddresses is a resolver to which every name has the same two addresses.
type twoAddresses struct{}

func (twoAddresses) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}, nil
}

// All addresses of a name are tried, wherever its port stands.
func TestWhyTriesAllAddresses(t *testing.T) {
	for line, want := range map[string]string{
		"svc.test:80": "svc.test", "-p 80 svc.test": "svc.test", "[2001:db8::1]:80": "2001:db8::1", "192.0.2.7:80": "192.0.2.7",
	} {
		s := Streams{Resolver: twoAddresses{}, Env: bareEnv}
		o := &whyOptions{Budget: "400,30s"}
		o.words, o.given = strings.Fields(line), map[string]bool{}
		if rest, ported := strings.CutPrefix(line, "-p 80 "); ported {
			o.words, o.Ports, o.given["p"] = []string{rest}, []string{"80"}, true
		}
		j := &whyJob{options: o, streams: s}
		addresses := 1
		if want == "svc.test" {
			addresses = 2
		}
		if err := j.readTargets(t.Context()); err != nil || len(j.targets) != 1 || len(j.targets[0].addrs) != addresses || j.targets[0].name != want {
			t.Errorf("%s: %v, %+v", line, err, j.targets)
		}
	}
}

// Every cause is explained, and nothing else is called one.
func TestCausesAreExplained(t *testing.T) {
	explained := map[string]bool{}
	for _, e := range words.OfKind("cause") {
		explained[e.Word] = true
	}
	for _, c := range why.Causes() {
		if !explained[string(c.Code)] {
			t.Errorf("%s is not explained", c.Code)
		}
		delete(explained, string(c.Code))
	}
	for word := range explained {
		t.Errorf("%s is no cause", word)
	}
}

// The summary counts the answers that the diagnosis rests on.
func TestWhyCountsAnswers(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	r := command(t.Context(), l, "why", "-4", "-o", "json", "--only", "flows", "--budget", "30,10s", "web:81")
	all := records(t, r.out)
	end := all[len(all)-1]
	sent, _ := end["sent"].(float64)
	received, _ := end["received"].(float64)
	if received == 0 || received > sent || end["matched"] != end["received"] {
		t.Errorf("exit %d, %s\n%v", r.code, r.err, end)
	}
}
