package cli

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// commandLine is a command line in a document: indented, after a prompt or not.
var commandLine = regexp.MustCompile(`^\s*(?:\$ )?(?:sudo )?(synscope [a-z].*)$`)

// What the README and the documents tell people to type are commands and flags that there
// are.
func TestDocumentsNameWhatThereIs(t *testing.T) {
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range append(documents, "../../README.md") {
		text := readFile(t, path)
		for line := range strings.Lines(string(text)) {
			m := commandLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
			if m == nil || !strings.HasPrefix(line, "    ") && !strings.HasPrefix(line, "$ ") {
				continue
			}
			typed, _, _ := strings.Cut(m[1], " #")
			checkExample(t, strings.TrimSuffix(strings.TrimSpace(typed), "\\"))
			found++
		}
	}
	if found < 60 {
		t.Errorf("only %d command lines", found)
	}
}
