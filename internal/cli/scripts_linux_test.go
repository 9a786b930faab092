package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// planOnly turns a scan's command line into a plan of targets that are there,
// with its outputs in a directory of the test.
func planOnly(t *testing.T, args []string) ran {
	t.Helper()
	dir := t.TempDir()
	targets, never := filepath.Join(dir, "targets"), filepath.Join(dir, "never")
	os.WriteFile(targets, []byte("0.0.0.0/0\n"), 0o644)
	os.WriteFile(never, []byte("8.0.0.0/8\n"), 0o644)
	line := strings.NewReplacer(
		"/etc/wide-scan/targets", targets, "/etc/wide-scan/never", never, "/results/", dir+"/",
		"$(JOB_COMPLETION_INDEX)", os.Getenv("JOB_COMPLETION_INDEX"),
	).Replace(strings.Join(args, "\x00"))
	var out, errs strings.Builder
	s := Streams{In: strings.NewReader(""), Out: &out, Err: &errs, Env: os.Getenv}
	code := Main(t.Context(), append(append([]string{"synscope"}, strings.Split(line, "\x00")...), "--plan"), s)
	return ran{code, out.String(), errs.String()}
}

const eighthOfHundred = "36,854,813 probes of 3,685,481,216 addresses, technique syn, shard 8/100\nstateless: 2 packets each"

func TestKubernetesManifest(t *testing.T) {
	text := readFile(t, "../../scripts/wide-kubernetes.yaml")
	_, rest, _ := strings.Cut(string(text), "          args:\n")
	list, _, ok := strings.Cut(rest, "          env:\n")
	var args []string
	for line := range strings.Lines(list) {
		args = append(args, strings.TrimPrefix(strings.TrimSpace(line), "- "))
	}
	if !ok || len(args) < 5 || !strings.Contains(string(text), "completions: 100\n") || !strings.Contains(string(text), `value: "100"`) {
		t.Fatalf("the manifest has changed: %q", args)
	}
	t.Setenv("JOB_COMPLETION_INDEX", "7")
	t.Setenv(shardsVariable, "100")
	if r := planOnly(t, args); r.code != exitYes || !strings.HasPrefix(r.out, eighthOfHundred) {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
}

// The script is run with a srun that writes down what it is asked to run.
func TestSlurmScript(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "srun"), []byte("#!/bin/sh\nprintf '%s\\n' \"$SYNSCOPE_SHARDS\" \"$@\"\n"), 0o755)
	script := exec.Command(bash, "../../scripts/wide-slurm", "/etc/wide-scan/targets", "/etc/wide-scan/never", dir)
	script.Env = []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "SLURM_ARRAY_TASK_ID=7"}
	out, err := script.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 5 || lines[0] != "100" || lines[1] != "synscope" {
		t.Fatalf("srun is asked to run %q", lines)
	}
	t.Setenv("SLURM_ARRAY_TASK_ID", "7")
	t.Setenv(shardsVariable, lines[0])
	if r := planOnly(t, lines[2:]); r.code != exitYes || !strings.HasPrefix(r.out, eighthOfHundred) {
		t.Errorf("exit %d: %s%s", r.code, r.out, r.err)
	}
}
