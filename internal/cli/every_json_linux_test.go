package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// takesFormats reports whether a command has -o.
func takesFormats(c *cli.Command) bool {
	return slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), "o") })
}

// With -o json every command that has formats writes records of the published
// schema, one a line, and nothing else, whatever the answer is.
func TestEveryCommandWritesRecords(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	good := inFile(t, dir, "good.yaml", fmt.Sprintf("expect:\n  - {name: web, targets: %v, open: 80, handshake: {}, rtt: 9s, path: {max-hops: 9}}\n", l.Host("web").Addr4()))
	wrong := inFile(t, dir, "wrong.yaml", fmt.Sprintf("expect:\n  - {name: web, targets: %v, refused: 80}\n", l.Host("web").Addr4()))
	for _, line := range []string{
		"scan -4 -p 80,81 web -oJ " + in("old"), "scan -4 -p 80,22 web -oJ " + in("new"), "scan -4 --stateless --shard 1/1 -p 80 web -oJ " + in("shard"),
		"handshake -4 web:80 --pcap " + in("web.pcap"),
	} {
		if r := command(t.Context(), l, strings.Fields(line)...); r.code != exitYes {
			t.Fatalf("%s: exit %d: %s", line, r.code, r.err)
		}
	}
	lines := map[string][]string{
		"scan":      {"-4 -p 80,81 web", "-4 -sn web", "-4 -sT -p 80,81 web", "-4 --stateless -p 80 web", "-4 -p 80 web --dry-run", "-4 -p 80 web --plan", "-4 -p 80,7000-7013 reject --open"},
		"ping":      {"-4 -c 3 -i 10ms web:80", "-4 -c 2 web:80 --dry-run", "-4 -c 2 -i 10ms --compare web:80 slow:80", "-4 -c 1 --timeout 50ms --max-retries 0 fortress:80"},
		"handshake": {"-4 web:22", "-4 web:80 --dry-run", "-4 web:81", "-4 web:80 --data hello", "-4 cookie:80", "-4 reject:7013"},
		"isn":       {"-4 --quick web:80", "-4 --quick web:80 --dry-run", "-4 --quick cookie:80"},
		"trace":     {"-4 -n far:80", "-4 -n far:80 --dry-run", "-4 -n --max-hops 1 --timeout 50ms fortress:80"},
		"send":      {"-4 web:80 --flags SA --timeout 100ms", "-4 web:80 --flags SA --dry-run"},
		"read":      {in("web.pcap"), in("web.pcap") + " --segments", in("web.pcap") + " --summary-by server"},
		"check":     {good, good + " --dry-run", wrong, wrong + " --explain", "--diff " + in("old") + " " + in("new")},
		"merge":     {in("shard")},
		"report":    {in("old"), in("old") + " " + in("new") + " --html " + in("page.html")},
		"explain":   {"", "syn-ack", "findings"},
		"schema":    {"", "port", "check"},
		"doctor":    {""},
		"why":       {"-4 web:80", "-4 web:80 --dry-run"},
	}
	app := newApp(Streams{Env: bareEnv})
	for _, c := range app.Commands {
		if takesFormats(c) && len(lines[c.Name]) == 0 {
			t.Errorf("no line of %s is tried: add one", c.Name)
		}
	}
	for name, all := range lines {
		if app.Command(name) == nil {
			continue // not in this version
		}
		for _, line := range all {
			t.Run(name+" "+line, func(t *testing.T) {
				t.Parallel()
				r := command(t.Context(), l, append(append([]string{name}, strings.Fields(line)...), "-o", "json")...)
				if r.code == exitUsage || r.code == exitInterrupted || r.out == "" || !strings.HasSuffix(r.out, "\n") {
					t.Fatalf("exit %d, %q: %s", r.code, r.out, r.err)
				}
				for record := range strings.Lines(r.out) {
					valid(t, record)
				}
			})
		}
	}
}

// A check says how long the probing took that each expectation rests on.
func TestCheckTellsTimes(t *testing.T) {
	l := standardLab(t)
	slow := l.Host("slow").Addr4()
	path := inFile(t, t.TempDir(), "slow.yaml", fmt.Sprintf("expect:\n  - {name: slow, targets: [%v, gone.invalid], open: 80, handshake: {}}\n", slow))
	r := command(t.Context(), l, "check", path, "-o", "json")
	times := 0
	for _, c := range records(t, r.out) {
		if c.str("type") != "check" {
			continue
		}
		took, there := c["took_ns"].(float64)
		if gone := c.str("target") == "gone.invalid"; there == gone {
			t.Errorf("took %v: %v", c["took_ns"], c)
		} else if !gone && took < 20e6 { // the way there and back takes that long
			t.Errorf("took %v ns: %v", took, c)
		}
		times++
	}
	if times != 3 {
		t.Errorf("%d expectations: %s", times, r.out)
	}
}
