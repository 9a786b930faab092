package cli

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// stranger is a user who is nobody here.
const stranger = 4242

// begin runs a scan with the checkpoint dir/x that cannot begin.
func begin(t *testing.T, dir string) {
	t.Helper()
	r := modelled(t, "-p", "80", "--exclude", "10.0.0.1", "10.0.0.0/28", "--resume", filepath.Join(dir, "x"))
	if r.code != exitUsage || !strings.Contains(r.err, "--resume") {
		t.Fatalf("exit %d: %s", r.code, r.err)
	}
}

// remains reports whether something is still what it was.
func remains(t *testing.T, path string, before fs.FileInfo) {
	t.Helper()
	if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("%s: %v", path, err)
	}
}

// What stands where the exclusions would go and is no file of the run's stays, whether
// it was refused or only the checkpoint could not be written.
func TestRefusedBeginningRemovesNothing(t *testing.T) {
	for name, put := range map[string]func(t *testing.T, dir, excluded string) error{
		"an empty directory": func(_ *testing.T, _, excluded string) error { return os.Mkdir(excluded, 0o700) },
		"a link to nowhere":  func(_ *testing.T, _, excluded string) error { return os.Symlink("nothing/there", excluded) },
		"a stranger's file": func(t *testing.T, dir, excluded string) error {
			return strangers(t, dir, excluded, os.WriteFile(excluded, []byte("theirs"), 0o666))
		},
		"a stranger's link": func(t *testing.T, dir, excluded string) error {
			return strangers(t, dir, excluded, os.Symlink("elsewhere", excluded))
		},
		"a link, and no checkpoint can be": func(_ *testing.T, dir, excluded string) error {
			if err := os.Symlink("nothing/there", filepath.Join(dir, "x")); err != nil {
				return err
			}
			return os.Symlink("mine", excluded)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			excluded := filepath.Join(dir, "x.excluded")
			if err := put(t, dir, excluded); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(excluded)
			if err != nil {
				t.Fatal(err)
			}
			begin(t, dir)
			remains(t, excluded, before)
		})
	}
}

// strangers gives what was made to a stranger, in a directory like /tmp.
func strangers(t *testing.T, dir, path string, err error) error {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("not root")
		}
		t.Skip("only root can make somebody else's files")
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
		return err
	}
	return os.Lchown(path, stranger, stranger)
}

// A run whose checkpoint cannot be written leaves no exclusions either.
func TestNoCheckpointNoExclusions(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("nothing/there", filepath.Join(dir, "x")); err != nil {
		t.Fatal(err)
	}
	begin(t, dir)
	if _, err := os.Lstat(filepath.Join(dir, "x.excluded")); err == nil {
		t.Error("the exclusions are left")
	}
}
