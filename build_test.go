package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
const mostBytes = 21_200_000

// build is what README's installation builds, made once; TestMain removes its directory.
var build = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "synscope-build"); err != nil {
		return dir, err
	}
	c := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, "synscope"), ".")
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := c.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w: %s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built {
		dir, _ := build()
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// built tells whether a test has asked for the program.
var built bool

// installed is the program as README's installation builds it.
func installed(t *testing.T) string {
	t.Helper()
	built = true
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "synscope")
}

// TestProgramStaysSmall measures what README's installation builds.
func TestProgramStaysSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: links the program")
	}
	info, err := os.Stat(installed(t))
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
