package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mostModules is how many modules the program may be made of, half of the 37 that it
// once was: who tries it for the first time waits for each of them. Three are for giving
// up privileges.
const mostModules = 18

// TestModulesStayFew counts the modules that `go run .` downloads.
func TestModulesStayFew(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]bool{}
	for _, m := range strings.Fields(string(out)) {
		modules[m] = true
	}
	if len(modules) > mostModules {
		t.Errorf("%d modules, at most %d: %v", len(modules), mostModules, modules)
	}
}

// mostBytes is how large the stripped program may be.
const mostBytes = 20_500_000

// TestProgramStaysSmall builds what README's installation builds.
func TestProgramStaysSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: links the program")
	}
	path := filepath.Join(t.TempDir(), "synscope")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() >= mostBytes {
		t.Errorf("%d bytes, fewer than %d are wanted: go tool nm -size -sort size shows what weighs", info.Size(), mostBytes)
	}
}

// TestNoTLS keeps net/http out: TLS and X.509 come with it, a seventh of the program and
// of the time that it takes to be built.
func TestNoTLS(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"net/http", "crypto/tls", "crypto/x509"} {
		if slices.Contains(strings.Fields(string(out)), p) {
			t.Errorf("%s is part of the program", p)
		}
	}
}
