package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"testing"

	"synscope/netraw"
)

// An error is told without the names of packages and calls, and its file once.
func TestInWords(t *testing.T) {
	open := &fs.PathError{Op: "open", Path: "a b", Err: syscall.ENOENT}
	for _, c := range []struct {
		err  error
		want string
	}{
		{open, "a b: no such file or directory"},
		{fmt.Errorf("a b: %w", open), "a b: no such file or directory"},
		{fmt.Errorf("list %q: %w", "a b", open), `list "a b": no such file or directory`},
		{fmt.Errorf("--data: %w", &fs.PathError{Op: "read", Path: "d", Err: syscall.EISDIR}), "--data: d: is a directory"},
		{fmt.Errorf("netraw: interface %q: %w", "x0", netraw.ErrNoInterface), `interface "x0": ` + netraw.ErrNoInterface.Error()},
		{fmt.Errorf("does not resolve: %w", &net.DNSError{Err: "no such host", Name: "x.example", Server: "192.0.2.53:53"}), "does not resolve: no such host (asked 192.0.2.53)"},
		{&net.DNSError{Err: "no such host", Name: "x.example"}, "no such host"},
		{errors.New("plain"), "plain"},
	} {
		if got := inWords(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

// What is no file, or not one of the kind that is asked for, is told of as such by every
// command that reads one.
func TestWhatIsNoInput(t *testing.T) {
	dir := t.TempDir()
	word := dir + "/word"
	writeFile(t, word, []byte("x"), 0o600)
	for line, want := range map[string]string{
		"read " + dir:                       dir + " is a directory",
		"merge " + dir:                      dir + " is a directory",
		"report " + dir:                     dir + ": is a directory",
		"check " + dir:                      dir + ": is a directory",
		"isn --from " + dir:                 dir + ": is a directory",
		"report " + word + " --html " + dir: "--html: " + dir + " is a directory",
		"read " + dir + "/none":             dir + "/none: no such file",
		"report " + dir + "/none":           dir + "/none: no such file",
		"merge " + word:                     word + " holds no run of synscope",
		"report " + word:                    word + ":1: no JSON at column 1: report takes JSON lines",
		"scan -iL " + dir + "/none":         `list "` + dir + `/none": no such file`,
	} {
		r := command(t.Context(), nil, strings.Fields(line)...)
		if r.code != exitUsage || !strings.Contains(r.err, want) || strings.Contains(r.err, "open "+dir) || strings.Contains(r.err, "read "+dir) {
			t.Errorf("%s: exit %d, %q lacks %q", line, r.code, r.err, want)
		}
	}
}
