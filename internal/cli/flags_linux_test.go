package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// probingCommands are those that send packets, each with a target.
var probingCommands = []string{
	"scan 192.0.2.1 -p 80", "ping 192.0.2.1", "handshake 192.0.2.1:80", "isn 192.0.2.1", "trace 192.0.2.1", "send 192.0.2.1:80",
}

func refusedUsage(t *testing.T, line, word string) {
	t.Helper()
	r := command(context.Background(), nil, strings.Fields(line)...)
	if r.code != exitUsage || r.out != "" || !strings.Contains(r.err, word) {
		t.Errorf("%s: exit %d, %q lacks %q; %q", line, r.code, r.err, word, r.out)
	}
}

// What every probing command shares is known to all of them, also where it has
// no effect; --dry-run sends nothing.
func TestSharedFlagsAreAccepted(t *testing.T) {
	shared := strings.Fields("-e lo -S 192.0.2.9 -g 4000 --tos 8 --profile bsd --timeout 2 --max-retries 1 --rate 50 -o json " +
		"--exclude 192.0.2.2 --exclude-ports 1 -n -4 --skip-bad-targets --dry-run")
	for _, line := range probingCommands {
		r := command(t.Context(), nil, append(strings.Fields(line), shared...)...)
		if r.code != exitYes || !strings.Contains(r.out, "192.0.2.9.4000 > 192.0.2.1.80") {
			t.Errorf("%s: exit %d, %q, %q", line, r.code, r.err, r.out)
		}
	}
}

// A flag that could have no effect is unknown, or refused.
func TestFlagsWithoutEffect(t *testing.T) {
	for _, line := range append(probingCommands[1:], "read file") {
		refusedUsage(t, line+" --open", "unknown flag --open")
		if !strings.HasPrefix(line, "isn") {
			refusedUsage(t, line+" --reason", "unknown flag --reason")
		}
	}
	for line, word := range map[string]string{
		"trace 192.0.2.1 --ttl 3":                     "--max-hops",
		"ping 192.0.2.1 --engine connect --ttl 3":     "--ttl: --engine connect leaves the packets to the kernel",
		"scan 192.0.2.1 -sT --profile bsd":            "--profile: technique connect leaves the packets to the kernel",
		"ping 192.0.2.1 --engine packet":              "scan --stateless",
		"scan 192.0.2.1 --resume-every 1s":            "--resume-every needs --resume",
		"scan 192.0.2.1 --resume x --resume-every 0":  "too short a time: at least 10ms",
		"isn --from samples.csv --timeout 1":          "leave out --timeout",
		"isn --from samples.csv --pcap x":             "leave out --pcap",
		"isn --from samples.csv --exclude 192.0.2.1 ": "leave out --exclude",
	} {
		refusedUsage(t, line, word)
	}
}

// Formats that tell of hosts are refused where there are none, before a file
// loses its contents.
func TestFormatsWithoutHosts(t *testing.T) {
	dir := t.TempDir()
	samples, kept := filepath.Join(dir, "samples.csv"), filepath.Join(dir, "kept.xml")
	for path, text := range map[string]string{samples: "isn\n1\n", kept: "contents"} {
		writeFile(t, path, []byte(text), 0o600)
	}
	for _, line := range []string{"send 192.0.2.1:80", "isn --from " + samples} {
		for _, output := range []string{"-o xml", "-o grep", "-oX " + kept, "-oG -"} {
			refusedUsage(t, line+" "+output, "there are text, json, csv")
		}
	}
	refusedUsage(t, "doctor -o xml", "text or json")
	refusedUsage(t, "demo -o xml", "unknown flag")
	if b, err := os.ReadFile(kept); err != nil || string(b) != "contents" {
		t.Errorf("%q %v", b, err)
	}
}

// Help fits a terminal of 80 columns, and names no flag twice.
func TestHelpFitsTheTerminal(t *testing.T) {
	for _, name := range strings.Fields("_ scan merge ping handshake isn trace send read explain demo doctor help version completion man") {
		r := command(t.Context(), nil, strings.Fields(strings.TrimPrefix(name, "_")+" --help")...)
		for line := range strings.Lines(r.out) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > helpWide {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
		}
	}
}

// A file without a name, as a variable of a shell that nobody has set leaves it, is told
// of by the flag that names it; two formats for standard output are refused by whatever
// name it has.
func TestFilesWithoutAName(t *testing.T) {
	for _, flag := range []string{"-oJ", "-oX", "-oN", "-oA", "--pcap", "-iL", "--exclude-file"} {
		r := command(t.Context(), nil, "scan", "192.0.2.1", "-p", "80", flag, "")
		if r.code != exitUsage || !strings.Contains(r.err, flag+": the name of the file") {
			t.Errorf("%s: exit %d, %s", flag, r.code, r.err)
		}
	}
	for _, line := range []string{"read", "report", "merge"} {
		if r := command(t.Context(), nil, line, ""); r.code != exitUsage || !strings.Contains(r.err, "the name of a file is empty") {
			t.Errorf("%s: exit %d, %s", line, r.code, r.err)
		}
	}
	refusedUsage(t, "scan 192.0.2.1 -p 80 -o text -oJ /dev/stdout", "two formats for standard output")
	refusedUsage(t, "scan 192.0.2.1 -p 80 -oJ /dev/stdout -oX /dev/fd/1", "two formats for standard output")
}

// A variable of a script that is not set expects nothing, which would always hold.
func TestExpectationsOfNothing(t *testing.T) {
	for _, line := range []string{"scan -p 80 127.0.0.1", "ping 127.0.0.1:80", "handshake 127.0.0.1:80", "trace 127.0.0.1:80", "send 127.0.0.1:80"} {
		r := command(t.Context(), nil, append(strings.Fields(line), "--dry-run", "--expect", "")...)
		if r.code != exitUsage || !strings.Contains(r.err, "--expect: nothing is said to be expected") || strings.Count(r.err, "\n") != 1 {
			t.Errorf("%s: %d, %s", line, r.code, r.err)
		}
	}
}
