package main

import (
	"os/exec"
	"strings"
	"testing"
)

// mostModules is how many modules the program may be made of: who tries it for
// the first time waits for each of them. Three are for giving up privileges.
const mostModules = 22

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
