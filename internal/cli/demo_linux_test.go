package cli

import (
	"bytes"
	"strings"
	"testing"

	"synscope/internal/lab"
	"synscope/internal/privilege"
)

// The demo runs command after command in one process: none of them may give up
// rights that the next one needs.
func TestDemoKeepsItsRights(t *testing.T) {
	lab.Require(t)
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

// Nor may a command that a check runs.
func TestCheckKeepsItsRights(t *testing.T) {
	path := expectations(t, "probing: {timeout: 100ms, retries: 0}\nexpect:\n  - {targets: 127.0.0.1, refused: 1, port: 1, loss: 100%}\n")
	var out, errs bytes.Buffer
	Main(t.Context(), []string{"synscope", "check", path}, Streams{
		In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(string) string { return "" },
		Confine: func(privilege.Config) (privilege.Done, error) {
			t.Error("a command of the check gives up rights")
			return privilege.Done{}, nil
		},
	})
}
