package cli

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// ranAlone runs a command line that needs no network.
func ranAlone(t *testing.T, args ...string) (out, errs string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = Main(t.Context(), append([]string{"synscope"}, args...), Streams{
		In: strings.NewReader(""), Out: &o, Err: &e, Env: bareEnv,
	})
	return o.String(), e.String(), code
}

func appForTest() *cli.App { return newApp(Streams{Env: bareEnv}) }

// Every command has its question first, three examples whose words are known,
// exit codes, and a page that help, --help and man agree on.
func TestEveryCommandIsDescribed(t *testing.T) {
	app := appForTest()
	for _, c := range append(app.Commands, nil) {
		p := pageOf(app, c)
		if len(p.examples) != 3 || p.answers == "" || p.exits[0].means == "" {
			t.Errorf("%q: %d examples, exits %v", p.name, len(p.examples), p.exits)
		}
		for _, e := range p.examples {
			checkExample(t, e.line)
		}
		help, errs, code := ranAlone(t, strings.Fields("help "+p.name)...)
		flag, _, _ := ranAlone(t, strings.Fields(p.name+" --help")...)
		if code != exitYes || errs != "" || help != flag {
			t.Errorf("%q: help and --help differ: exit %d %s", p.name, code, errs)
		}
		first, _, _ := strings.Cut(help, "\n\n")
		first = strings.Join(strings.Fields(first), " ")
		if !strings.Contains(first, p.answers) || !strings.Contains(help, "EXIT CODES:\n  0 ") || !strings.Contains(help, p.examples[2].does) {
			t.Errorf("%q:\n%s", p.name, help)
		}
		if strings.Contains(help, "no effect") {
			t.Errorf("%q shows a flag without effect", p.name)
		}
	}
}

// checkExample puts an example's commands into order, which knows every flag.
func checkExample(t *testing.T, line string) {
	t.Helper()
	line = strings.NewReplacer("<(", " ", ")", " ", `"`, "", "&&", "|").Replace(line)
	found := false
	for part := range strings.SplitSeq(line, "|") {
		part, _, _ = strings.Cut(part, ">")
		words := strings.Fields(part)
		i := slices.Index(words, "synscope")
		if i < 0 {
			continue
		}
		found = true
		app := appForTest()
		if _, err := arrange(app, words[i+1:]); err != nil {
			t.Errorf("%s: %v", line, err)
		}
		if i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") && app.Command(words[i+1]) == nil {
			t.Errorf("%s: no such command", line)
		}
	}
	if !found {
		t.Errorf("%s does not run synscope", line)
	}
}

// Mistakes are told in our own words, on standard error alone, and with what may
// have been meant.
func TestMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"scan --ttl abc 192.0.2.1":                   `--ttl: "abc" is no whole number`,
		"scan --ttl 1.5 192.0.2.1":                   "no whole number",
		"scan --ttl 0x1g 192.0.2.1":                  "no whole number",
		"scan --ttl 0x-10 192.0.2.1":                 "no whole number",
		"send --seq 0x100000000 192.0.2.1:80":        "--seq:",
		"scan --ttl= 192.0.2.1":                      "no whole number",
		"ping -cx 192.0.2.1":                         `-c: "x" is no whole number from 0 on`,
		"scan --seed -1 192.0.2.1":                   "no whole number from 0 on",
		"scan --seed 99999999999999999999 192.0.2.1": "no whole number from 0 on",
		"scan --open=maybe 192.0.2.1":                "--open is a switch",
		"scan --verbose=2 192.0.2.1":                 "is a switch",
		"help scna":                                  `did you mean "scan"?`,
		"help scan ping":                             "one command at a time",
		"versoin":                                    `did you mean "version"?`,
		"version now":                                "no argument",
		"completion":                                 "bash, zsh, fish",
		"completion tcsh":                            "bash, zsh, fish",
		"man nonsense":                               "unknown command",
		"handshake --withhold synack-ack --data x 192.0.2.1": "--withhold synack-ack and --data",
		"hs --withhold last-ack --close rst 192.0.2.1":       "--withhold last-ack and --close rst",
		"handshake --ecn --accecn 192.0.2.1":                 "--ecn and --accecn",
		"scan -q -v 192.0.2.1":                               "-q and -v",
		"scan --plan --dry-run 192.0.2.1":                    "--plan and --dry-run",
		"ping --histogram -o json 192.0.2.1":                 "--histogram is drawn in text",
		"isn --quick --series long 192.0.2.1":                "--quick and --series",
		"ping --split-jitter --engine connect 192.0.2.1":     "--split-jitter and --engine connect",
	} {
		out, errs, code := ranAlone(t, strings.Fields(line)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d\n%s%s", line, code, out, errs)
		}
	}
	for _, line := range []string{"hs --withhold last-ack --close fin --dry-run 192.0.2.1:1", "scan -p1 --plan --dry-run=false 192.0.2.1"} {
		if _, errs, code := ranAlone(t, strings.Fields(line)...); code != exitYes {
			t.Errorf("%s: exit %d: %s", line, code, errs)
		}
	}
}

// What was asked for of the IP header is in a dry run where tcpdump -v shows it.
func TestDryRunShowsTheHeader(t *testing.T) {
	for line, want := range map[string]string{
		"scan -p 1 192.0.2.1":                              "IP 0.0.0.0.0 > 192.0.2.1.1: ",
		"scan -p 1 --tos 0xb8 192.0.2.1":                   "IP (tos 0xb8) 0.0.0.0.0 > ",
		"scan -p 1 --tos 184 --ttl 010 2001:db8::1":        "IP6 (class 0xb8, hlim 10) ::.0 > ",
		"ping -c 1 --ttl 9 192.0.2.1:1":                    "IP (ttl 9) 0.0.0.0",
		"isn --quick --tos 0x20 192.0.2.1:1":               "IP (tos 0x20) 0.0.0.0",
		"handshake --tos 8 192.0.2.1:1":                    "IP (tos 0x8) 0.0.0.0",
		"send --ttl 3 --seq 010 192.0.2.1:1":               "IP (ttl 3) 0.0.0.0.0 > 192.0.2.1.1: Flags [S], seq 10,",
		"send --seq 0xA --flags SA --ack 0xff 192.0.2.1:1": "seq 10, ack 255,",
		"trace --max-hops 1 --tos 0x4 192.0.2.1:1":         "IP (tos 0x4, ttl 1) 0.0.0.0",
		"trace --max-hops 1 2001:db8::1":                   "IP6 (hlim 1) ::",
	} {
		out, errs, code := ranAlone(t, append(strings.Fields(line), "--dry-run")...)
		if first, _, _ := strings.Cut(out, "\n"); code != exitYes || !strings.Contains(first, want) {
			t.Errorf("%s: exit %d, %q, want %q\n%s", line, code, first, want, errs)
		}
	}
}

// script writes a shell's completion to a file.
func script(t *testing.T, shell string) string {
	t.Helper()
	out, errs, code := ranAlone(t, "completion", shell)
	if code != exitYes {
		t.Fatalf("exit %d: %s", code, errs)
	}
	path := filepath.Join(t.TempDir(), "_synscope")
	writeFile(t, path, []byte(out), 0o600)
	return path
}

// completed are command lines and one completion of each.
var completed = map[string]string{
	"synscope hand": "handshake", "synscope scan --techn": "--technique", "synscope scan --technique m": "maimon",
	"synscope hs --withhold s": "synack-ack", "synscope explain accept-queue-f": "accept-queue-full", "synscope help sc": "scan",
	"synscope completion z": "zsh", "synscope -q ping --flow v": "vary",
}

func TestBashCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	path := script(t, "bash")
	for line, want := range completed {
		words := strings.Fields(line)
		test := fmt.Sprintf("source %s; COMP_WORDS=(%s); COMP_CWORD=%d; _synscope; printf '%%s\\n' \"${COMPREPLY[@]}\"", path, line, len(words)-1)
		out, err := exec.CommandContext(t.Context(), bash, "--norc", "-c", test).CombinedOutput()
		if err != nil || !slices.Contains(strings.Fields(string(out)), want) {
			t.Errorf("%s: %v, no %s in %q", line, err, want, out)
		}
	}
}

// Whatever reads files completes their names, with all letters that are in them.
func TestBashCompletesFiles(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	path, dir := script(t, "bash"), t.TempDir()
	writeFile(t, filepath.Join(dir, "two words.json"), nil, 0o600)
	for _, command := range append([]string{"check", "check --diff", "scan -oX", "ping --pcap"}, readCommands...) {
		line := "synscope " + command + " two"
		test := fmt.Sprintf("cd %s; source %s; COMP_WORDS=(%s); COMP_CWORD=%d; _synscope; printf '%%s\\n' \"${COMPREPLY[@]}\"", dir, path, line, len(strings.Fields(line))-1)
		out, err := exec.CommandContext(t.Context(), bash, "--norc", "-c", test).CombinedOutput()
		if err != nil || string(out) != "two words.json\n" {
			t.Errorf("%s: %v, %q", line, err, out)
		}
	}
}

func TestFishCompletion(t *testing.T) {
	fish, err := exec.LookPath("fish")
	if err != nil {
		t.Skip("no fish: apt-get install fish")
	}
	path := script(t, "fish")
	for line, want := range completed {
		c := exec.CommandContext(t.Context(), fish, "--no-config", "-c", fmt.Sprintf("source %s; complete -C '%s'", path, line))
		c.Env = append(os.Environ(), "HOME="+t.TempDir())
		out, err := c.CombinedOutput()
		if err != nil || !slices.Contains(strings.Fields(string(out)), want) {
			t.Errorf("%s: %v, no %s in %q", line, err, want, out)
		}
	}
}

func TestZshCompletion(t *testing.T) {
	zsh, err := exec.LookPath("zsh")
	if err != nil {
		t.Skip("no zsh: apt-get install zsh")
	}
	path := script(t, "zsh")
	if out, err := exec.CommandContext(t.Context(), zsh, "-n", path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	load := fmt.Sprintf("autoload -U compinit; compinit -D -u; source %s; print ${_comps[synscope]}", path)
	if out, err := exec.CommandContext(t.Context(), zsh, "-f", "-c", load).CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != "_synscope" {
		t.Errorf("%v: %s", err, out)
	}
}

// mandoc, which the BSDs and Alpine have for man, finds nothing to complain of but
// the names of other pages, which are not installed here, and lines that must not
// be broken.
func TestManualPagesLint(t *testing.T) {
	mandoc, err := exec.LookPath("mandoc")
	if err != nil {
		t.Skip("no mandoc: apt-get install mandoc")
	}
	app := appForTest()
	for _, c := range append(app.Commands, nil) {
		p := pageOf(app, c)
		page, _, _ := ranAlone(t, strings.Fields("man "+p.name)...)
		lint := exec.CommandContext(t.Context(), mandoc, "-Tlint", "-W", "style")
		lint.Stdin = strings.NewReader(page)
		out, _ := lint.CombinedOutput() // whose exit code says how bad the worst was
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, "referenced manual not found") && !strings.Contains(line, "input text line longer") {
				t.Errorf("man %s: %s", p.name, line)
			}
		}
		if n := strings.Count(string(out), "input text line longer"); n > 1 { // that of NAME
			t.Errorf("man %s: %d long lines\n%s", p.name, n, out)
		}
	}
}

// man formats every page without a warning.
func TestManualPages(t *testing.T) {
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("no groff: apt-get install groff")
	}
	app := appForTest()
	for _, c := range append(app.Commands, nil) {
		p := pageOf(app, c)
		out, errs, code := ranAlone(t, strings.Fields("man "+p.name)...)
		if code != exitYes {
			t.Errorf("%s: exit %d %s", p.name, code, errs)
		}
		g := exec.CommandContext(t.Context(), groff, "-man", "-Tutf8", "-ww", "-k", "-P-cbou")
		g.Stdin = strings.NewReader(out)
		var text, warnings bytes.Buffer
		g.Stdout, g.Stderr = &text, &warnings
		if err := g.Run(); err != nil || warnings.Len() > 0 {
			t.Errorf("%s: %v %s", p.name, err, warnings.String())
		}
		if !strings.Contains(text.String(), "EXIT STATUS") {
			t.Errorf("%s: %s", p.name, text.String())
		}
	}
}
