package main

import (
	"encoding"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/finding"
	"synscope/probe/handshake"
	"synscope/probe/isn"
	"synscope/probe/trace"
)

// public are the packages that programs of others import.
func public(t *testing.T) (paths []string) {
	out, err := exec.Command("go", "list", "./craft/...", "./netraw/...", "./probe/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for path := range strings.FieldsSeq(string(out)) {
		if !strings.Contains(path, "/internal") && !strings.HasSuffix(path, "/bpf") {
			paths = append(paths, path)
		}
	}
	return paths
}

// What is exported names no type of an internal package, which nobody outside could
// name, and everything that is a function or a method says what it does.
func TestExportedAPI(t *testing.T) {
	internal := regexp.MustCompile(`\b(wire|probetest|adversary|evaluate|weak|world)\.[A-Z]`)
	dead := regexp.MustCompile(`^ {4}(\S.* )?\[[A-Z]\w+\]`) // a link that go doc could follow has no brackets any more
	for _, path := range public(t) {
		doc, err := exec.Command("go", "doc", "-all", path).Output()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		lines := strings.Split(string(doc), "\n")
		for i, line := range lines {
			declares := strings.HasPrefix(line, "func ") || strings.HasPrefix(line, "type ") || strings.HasPrefix(line, "\t")
			if declares && internal.MatchString(line) && !strings.Contains(line, "//") {
				t.Errorf("%s: an internal type in %q", path, line)
			}
			if dead.MatchString(line) {
				t.Errorf("%s: nothing has the name in %q", path, line)
			}
			if strings.HasPrefix(line, "func ") && !strings.HasSuffix(line, "{") && (i+1 == len(lines) || !strings.HasPrefix(lines[i+1], "    ")) {
				t.Errorf("%s: %q has no comment", path, line)
			}
		}
	}
}

type word interface {
	~uint8
	encoding.TextMarshaler
	fmt.Stringer
}

// readBack holds the words of the first n values of a type against the values.
func readBack[T word, P interface {
	*T
	encoding.TextUnmarshaler
}](t *testing.T, n int) {
	t.Helper()
	seen := map[string]bool{}
	for i := range n {
		text, err := T(i).MarshalText()
		var got T
		if err != nil || P(&got).UnmarshalText(text) != nil || got != T(i) || seen[string(text)] {
			t.Errorf("%T %d: %q is read as %d: %v", got, i, text, got, err)
		}
		seen[string(text)] = true
	}
	var beyond T
	if P(&beyond).UnmarshalText([]byte(T(n).String())) == nil {
		t.Errorf("%T: %q is read as %d: more values than this test knows", beyond, T(n).String(), beyond)
	}
}

// Whatever has a word in records can be read back from it.
func TestWordsAreReadBack(t *testing.T) {
	readBack[netraw.Clock](t, 5)
	readBack[probe.State](t, len(probe.States()))
	readBack[probe.HostState](t, 3)
	readBack[finding.Severity](t, 3)
	readBack[isn.Class](t, len(isn.Classes()))
	readBack[trace.HopKind](t, 5)
	readBack[handshake.State](t, 12)
}
