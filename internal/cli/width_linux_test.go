package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// onScreen runs a command line on a terminal of a size and returns what a person
// sees there.
func onScreen(t *testing.T, columns, lines int, env map[string]string, args ...string) string {
	t.Helper()
	screen, close := terminal(t)
	if err := unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(lines)}); err != nil {
		t.Fatal(err)
	}
	l, _ := standard()
	s := Streams{In: strings.NewReader(""), Out: screen, Err: screen, Env: func(name string) string { return env[name] }, Resolver: labNames{l}}
	code := Main(t.Context(), append([]string{"synscope"}, args...), s)
	seen := close()
	if code > exitNo {
		t.Errorf("%q: exit %d: %s", args, code, seen)
	}
	return seen
}

// controls are what moves the cursor, erases and colours (ECMA-48).
var controls = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]|\r`)

// Nothing that a command says is wider than the terminal, be that narrow or wide.
func TestFitsTheTerminal(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	capture := t.TempDir() + "/web.pcap"
	if r := command(t.Context(), l, "handshake", "-4", "web:22", "--pcap", capture); r.code != exitYes {
		t.Fatal(r.err)
	}
	for _, line := range []string{
		"scan -4 --reason -p 22,80,8000,8013 web far", "scan -4 -p 22,80,8000 web", "scan -4 -sn web 198.51.100.0/30", "scan -4 --reason -sn web",
		"ping -4 -c 4 -i 20ms web:80", "ping -4 -c 20 -i 50ms web:80 slow:80 lossy:80", "ping -4 -c 4 -i 10ms --histogram web:80", "handshake -4 web:22",
		"handshake -4 web:8000", "isn -4 --quick web:80", "trace -4 -n far:80", "trace -4 -n --paths far:80", "why -4 web:8000", "send -4 web:80 --flags S --timeout 100ms", "doctor", "explain accept-queue-full reset", "explain", "help scan", "help", "read " + capture, "read -v " + capture, "read --summary-by server " + capture,
	} {
		for _, columns := range []int{40, 60, 80, 160} {
			t.Run(line, func(t *testing.T) {
				t.Parallel()
				seen := strings.ReplaceAll(onScreen(t, columns, 24, nil, strings.Fields(line)...), "\r\x1b[K", "\n") // what was erased was a line
				seen = controls.ReplaceAllString(seen, "")
				for text := range strings.Lines(seen) {
					if strings.HasPrefix(strings.TrimSpace(text), "█") {
						t.Errorf("a bar without its range: %q", text)
					}
					if len(strings.Fields(text)) == 1 || strings.HasPrefix(text, "  synscope ") {
						continue // words that are wider than the terminal are left to it, and commands that are to be copied
					}
					if n := utf8.RuneCountInString(strings.TrimRight(text, "\n")); n > columns {
						t.Errorf("%d columns of %d: %q", n, columns, text)
					}
				}
			})
		}
	}
}

// Errors break between words too.
func TestErrorsFitTheTerminal(t *testing.T) {
	screen, close := terminal(t)
	if err := unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: 40, Row: 24}); err != nil {
		t.Fatal(err)
	}
	code := Main(t.Context(), []string{"synscope", "scan", "--nonsense", "192.0.2.1"}, Streams{In: strings.NewReader(""), Out: screen, Err: screen, Env: bareEnv})
	want := "synscope: unknown flag --nonsense:\n  `synscope scan --help` lists the flags\n"
	if seen := strings.ReplaceAll(close(), "\r", ""); code != exitUsage || seen != want {
		t.Errorf("exit %d:\n%s", code, seen)
	}
}

// A terminal that says it is dumb gets no colour, no progress and no table that
// moves; the results are all there.
func TestDumbTerminal(t *testing.T) {
	t.Parallel()
	l := standardLab(t)
	for line, want := range map[string]string{
		"scan -4 -p 80,81 web fortress --timeout 200ms": "4 ports probed", "ping -4 -c 6 -i 100ms web:80 slow:80": "ping statistics",
		"trace -4 -n --watch -c 3 -i 100ms web:80": "1 " + l.Host("web").Addr4().String(),
	} {
		seen := onScreen(t, 80, 24, map[string]string{"TERM": "dumb"}, strings.Fields(line)...)
		if strings.Contains(seen, "\x1b") || !strings.Contains(seen, want) {
			t.Errorf("%s:\n%q", line, seen)
		}
	}
}

// Dry runs show what matters of each command's packets.
func TestDryRunsShowWhatMatters(t *testing.T) {
	for line, want := range map[string]string{
		"trace --max-hops 2 192.0.2.7:80":              `^IP \(ttl 1\) [^\n]* > 192\.0\.2\.7\.80: Flags \[S\][^\n]*\nIP \(ttl 2\) [^\n]*\n$`,
		"trace --max-hops 1 [2001:db8::1]:80":          `^IP6 \(hlim 1\) [^\n]*\n$`,
		"ping -c 2 -i 250ms 192.0.2.7:80 192.0.2.8:80": `^00:00:00\.000000 IP [^\n]*7\.80:[^\n]*\n00:00:00\.125000 IP [^\n]*8\.80:[^\n]*\n00:00:00\.250000 IP [^\n]*7\.80:[^\n]*\n00:00:00\.375000 [^\n]*\n$`,
		"ping 192.0.2.7:80":                            `^00:00:00\.000000 IP [^\n]*\n$`,
		"isn --quick 192.0.2.7:80":                     `(?s)^00:00:00\.000000 IP .*\n00:00:00\.200000 IP .*\n00:00:00\.500000 IP [^\n]*\n$`,
		"send 192.0.2.7:80 --flags SA --count 2":       `^IP [^\n]*\[S\.\][^\n]*\nIP [^\n]*\[S\.\][^\n]*\n$`,
		"scan -p 80,81 192.0.2.7":                      `^IP [^\n]*\nIP [^\n]*\n$`,
	} {
		out, errs, code := ranAlone(t, append(strings.Fields(line), "--dry-run")...)
		if code != exitYes || !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("%s: exit %d, %s\n%s", line, code, errs, out)
		}
	}
}

// -d says more than -v.
func TestDebugSaysMore(t *testing.T) {
	l := standardLab(t)
	capture := t.TempDir() + "/web.pcap"
	if r := command(t.Context(), l, "handshake", "-4", "web:22", "--pcap", capture); r.code != exitYes {
		t.Fatal(r.err)
	}
	if _, err := os.Stat(capture); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"read " + capture} {
		said := map[string]int{}
		for _, flag := range []string{"-v", "-d"} {
			r := command(t.Context(), nil, append(strings.Fields(line), flag)...)
			said[flag] = strings.Count(r.out+r.err, "\n")
		}
		if said["-d"] <= said["-v"] {
			t.Errorf("%s: %d lines with -d, %d with -v", line, said["-d"], said["-v"])
		}
	}
}
