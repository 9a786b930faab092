package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"synscope/internal/lab"
	"synscope/internal/privilege"
)

// The demo runs command after command in one process: none of them may give up
// rights that the next one needs.
func TestDemoKeepsItsRights(t *testing.T) {
	lab.Require(t)
	if !lab.Apart(t) {
		return
	}
	var out, errs bytes.Buffer
	code := Main(t.Context(), []string{"synscope", "demo"}, Streams{
		In: strings.NewReader(""), Out: &out, Err: &errs, Env: bareEnv,
		Confine: func(privilege.Config) (privilege.Done, error) {
			t.Error("a command of the demo gives up rights")
			return privilege.Done{}, nil
		},
	})
	if code != exitYes || !strings.Contains(out.String(), "more: synscope explain") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}

// The demo's shell has the network, its names, and this program; its exit code is
// that of the script on standard input.
func TestDemoShell(t *testing.T) {
	lab.Require(t)
	if !lab.Apart(t) {
		return
	}
	script := filepath.Join(t.TempDir(), "script")
	os.WriteFile(script, []byte(`synscope scan -q -p 80,8080 -o json behind > "$OUT"
synscope scan -q -p 80 guess closer small deaf --expect open && exit 90
command -v getent > /dev/null && getent ahostsv4 web >> "$OUT"
exit 7
`), 0o644)
	in, err := os.Open(script)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out := filepath.Join(t.TempDir(), "out")
	t.Setenv("OUT", out)
	os.Stdin = in
	code := Main(t.Context(), []string{"synscope", "demo", "--shell"}, Streams{In: in, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv})
	found, _ := os.ReadFile(out)
	if code != 7 || !bytes.Contains(found, []byte(`"port":80,"state":"open"`)) || !bytes.Contains(found, []byte(`"port":8080,"state":"refused"`)) {
		t.Errorf("exit %d: %s", code, found)
	}
	if _, err := exec.LookPath("getent"); err == nil && os.Geteuid() == 0 && !bytes.Contains(found, []byte("STREAM web")) {
		t.Errorf("other programs do not know the names: %s", found)
	}
}

// A check keeps the rights that the commands it runs need, and none of them gives
// them up.
func TestCheckKeepsItsRights(t *testing.T) {
	path := expectations(t, "probing: {timeout: 100ms, retries: 0}\nexpect:\n  - {targets: 127.0.0.1, refused: 1, port: 1, loss: 100%}\n")
	var out, errs bytes.Buffer
	times := 0
	Main(t.Context(), []string{"synscope", "check", path}, Streams{
		In: strings.NewReader(""), Out: &out, Err: &errs, Env: bareEnv,
		Confine: func(cfg privilege.Config) (privilege.Done, error) {
			times++
			if cfg.Keep != netRights || !cfg.Probe {
				t.Errorf("a check keeps too little: %+v", cfg)
			}
			return privilege.Done{}, nil
		},
	})
	if times != 1 {
		t.Errorf("rights were given up %d times", times)
	}
}
