package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Names of files are chosen by others in directories that all may write to: what they
// hold commands no terminal.
func TestMessagesCommandNoTerminal(t *testing.T) {
	const name = "a\x1b]0;title\x07\u009b31m.pcap"
	for _, line := range [][]string{{"read", name}, {"report", name}, {"merge", name}, {"scan", "-iL", name}, {"isn", "--from", name}, {"check", name}, {name}} {
		var said strings.Builder
		Main(t.Context(), append([]string{"synscope"}, line...), Streams{In: strings.NewReader(""), Out: &said, Err: &said, Env: os.Getenv})
		if strings.ContainsAny(said.String(), "\x1b\x07\u009b") || said.Len() == 0 {
			t.Errorf("%q: %q", line, said.String())
		}
	}
	if got := printable("one\n\ttwo\x1b"); got != "one\n two\uFFFD" {
		t.Errorf("%q", got)
	}
}

// A word that is not known is refused with those that are, and nobody is told to remove a
// file that is none of ours.
func TestMessagesSayWhatThereIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passwd")
	writeFile(t, file, []byte("root:x:0:0:root:/root:/bin/sh\n"), 0o600)
	for _, c := range []struct{ line, want string }{
		{"send --dry-run --flags QQ 127.0.0.1:80", "there are F, S, R"},
		{"send --dry-run --opt wscal=7 127.0.0.1:80", "wscale=N"},
		{"scan --stateless --resume " + file + " 127.0.0.1", "name another file"},
	} {
		var said strings.Builder
		code := Main(t.Context(), append([]string{"synscope"}, strings.Fields(c.line)...), Streams{In: strings.NewReader(""), Out: &said, Err: &said, Env: os.Getenv})
		if code != exitUsage || !strings.Contains(said.String(), c.want) || strings.Contains(said.String(), "remove it") {
			t.Errorf("%s: exit %d: %s", c.line, code, said.String())
		}
	}
}
