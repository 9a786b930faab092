package cli

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"synscope/internal/lab"
	"synscope/internal/privilege"
)

// The demo runs command after command in one process: none of them may give up
// rights that the next one needs.
func TestDemoKeepsItsRights(t *testing.T) {
	lab.Require(t)
	if os.Getenv(demoAlone) == "" {
		inNamespaceOfItsOwn(t, demoAlone)
		return
	}
	var out, errs bytes.Buffer
	code := Main(t.Context(), []string{"synscope", "demo"}, Streams{
		In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(string) string { return "" },
		Confine: func(privilege.Config) (privilege.Done, error) {
			t.Error("a command of the demo gives up rights")
			return privilege.Done{}, nil
		},
	})
	if code != exitYes || !strings.Contains(out.String(), "more: synscope explain") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}

// demoAlone is set in the process in which the demo runs.
const demoAlone = "SYNSCOPE_TEST_DEMO"

// inNamespaceOfItsOwn runs the test again in a process whose network is empty: the
// demo's would meet the one that the tests share.
func inNamespaceOfItsOwn(t *testing.T, mark string, more ...uintptr) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), mark+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	for _, flag := range more {
		cmd.SysProcAttr.Cloneflags |= flag
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// A check keeps the rights that the commands it runs need, and none of them gives
// them up.
func TestCheckKeepsItsRights(t *testing.T) {
	path := expectations(t, "probing: {timeout: 100ms, retries: 0}\nexpect:\n  - {targets: 127.0.0.1, refused: 1, port: 1, loss: 100%}\n")
	var out, errs bytes.Buffer
	times := 0
	Main(t.Context(), []string{"synscope", "check", path}, Streams{
		In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(string) string { return "" },
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
