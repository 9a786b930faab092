package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pingOnly runs a ping's command line of a script on a list of targets that is
// there, far enough to see that it is understood.
func pingOnly(t *testing.T, args []string) ran {
	t.Helper()
	list := filepath.Join(t.TempDir(), "targets")
	os.WriteFile(list, []byte("192.0.2.7:443 # the shop\n[2001:db8::7]:22\n"), 0o644)
	at := slices.Index(args, "/etc/synscope/targets")
	if at < 0 {
		t.Fatalf("no list of targets in %q", args)
	}
	args = slices.Clone(args)
	args[at] = list
	return command(t.Context(), nil, append(args[1:], "--dry-run")...)
}

func understood(t *testing.T, r ran) {
	t.Helper()
	if r.code != exitYes || strings.Count(r.out, "Flags [S]") < 2 || r.err != "" && !strings.HasPrefix(r.err, "synscope: and so on every ") {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
}

// setting is the value of a name in a unit file, systemd.syntax(7).
func setting(t *testing.T, unit []byte, name string) string {
	t.Helper()
	for line := range bytes.Lines(unit) {
		if value, ok := bytes.CutPrefix(line, []byte(name+"=")); ok {
			return strings.ReplaceAll(strings.TrimSpace(string(value)), "%%", "%")
		}
	}
	t.Fatalf("no %s= in the unit", name)
	return ""
}

// The units run commands that there are.
func TestSystemdUnits(t *testing.T) {
	for _, name := range []string{"synscope-ping.service", "synscope-metrics.service"} {
		unit := readFile(t, "../../scripts/systemd/"+name)
		args := strings.Fields(setting(t, unit, "ExecStart"))
		if args[0] != "/usr/local/bin/synscope" || args[1] != "ping" || setting(t, unit, "AmbientCapabilities") != "CAP_NET_RAW" {
			t.Errorf("%s: the unit has changed: %q", name, args)
		}
		understood(t, pingOnly(t, args))
	}
}

// The script for cron is run with a program that writes down how it is called.
func TestCronScript(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh here")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "synscope")
	os.WriteFile(program, []byte("#!/bin/sh\nprintf '%s\\n' synscope \"$@\" >&2\nexit 1\n"), 0o755)
	script := exec.Command(shell, "../../scripts/ping-cron", "/etc/synscope/targets")
	script.Env = []string{"PATH=" + os.Getenv("PATH"), "SYNSCOPE=" + program, "TMPDIR=" + dir, "MAX_LOSS=7%"}
	out, err := script.Output()
	if script.ProcessState.ExitCode() != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	args := strings.Split(strings.TrimSpace(string(out)), "\n")
	if !slices.Contains(args, "7%") {
		t.Errorf("the environment does not reach the command: %q", args)
	}
	understood(t, pingOnly(t, args))
}
