package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"synscope/internal/report/sink"
)

// -oA writes three files, -o list feeds another scan, and --fields is checked
// before anything is sent.
func TestFormatFlags(t *testing.T) {
	l := standardLab(t)
	web := l.Host("web").Addr4().String()
	base := filepath.Join(t.TempDir(), "run")
	if r := command(t.Context(), l, "scan", "-p", "22,81", web, "-oA", base, "-o", "list"); r.code != exitYes || r.out != web+":22\n" {
		t.Errorf("exit %d: %q %s", r.code, r.out, r.err)
	}
	for ending, want := range map[string]string{".nmap": "22/tcp", ".xml": `services="22,81"`, ".gnmap": "22/open/tcp//ssh"} {
		if b, err := os.ReadFile(base + ending); err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s: %v\n%s", ending, err, b)
		}
	}
	for _, tc := range []struct{ args, want string }{
		{"--fields stat", `"stat" is no field of scan`},
		{"--fields port,port", "named twice"},
		{"--fields ,", "no field"},
		{"-o zmap --fields port", "no field of scan: there are saddr"},
		{"-o csv -oZ /dev/null --fields addr", "no field of scan: there are saddr"},
	} {
		r := command(t.Context(), l, append([]string{"scan", "-p", "22", web}, strings.Fields(tc.args)...)...)
		if r.code != exitUsage || !strings.Contains(r.err, tc.want) || r.out != "" {
			t.Errorf("%s: exit %d: %s%s", tc.args, r.code, r.out, r.err)
		}
	}
	if r := command(t.Context(), l, "scan", "-p", "22", web, "-o", "csv", "--fields", "port", "--fields", "state"); r.out != "port,state\n22,open\n" {
		t.Errorf("%q %s", r.out, r.err)
	}
}

// Nothing is said of a reader of standard output that went away; of one of
// another file it is.
func TestClosedPipeIsQuiet(t *testing.T) {
	gone := func(path string) error {
		return fmt.Errorf("%w: %s: %w", sink.ErrWrite, path, &fs.PathError{Op: "write", Path: path, Err: syscall.EPIPE})
	}
	if got := explain(gone("/dev/stdout")); got != "" {
		t.Errorf("%q", got)
	}
	if exitCode(gone("/dev/stdout")) != exitInterrupted {
		t.Error("not exit 4")
	}
	for _, err := range []error{gone("fifo"), errors.New("x")} {
		if explain(err) == "" {
			t.Errorf("%v is not told", err)
		}
	}
}
