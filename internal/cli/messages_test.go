package cli

import (
	"os"
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
