package checkpoint

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"synscope/internal/outfile"
)

const lockedChild = "SYNSCOPE_TEST_LOCKED"

// TestLockChild is the other process of TestLock.
func TestLockChild(t *testing.T) {
	path := os.Getenv(lockedChild)
	if path == "" {
		return
	}
	if _, err := Lock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("the other process: %v", err)
	}
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ckpt")
	unlock, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestLockChild$")
	child.Env = append(os.Environ(), lockedChild+"="+path)
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	unlock()
	if _, err := os.Lstat(path + ".lock"); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
	if unlock, err = Lock(path); err != nil {
		t.Fatal(err)
	}
	unlock()
}

// However many want it at once, one has it at a time.
func TestLockIsExclusive(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ckpt")
	var inside, had atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				unlock, err := Lock(path)
				if errors.Is(err, ErrLocked) {
					continue
				}
				if err != nil || inside.Add(1) != 1 {
					t.Error("two at once", err)
					return
				}
				had.Add(1)
				inside.Add(-1)
				unlock()
			}
		})
	}
	wg.Wait()
	if had.Load() == 0 {
		t.Error("nobody had it")
	}
}

// A lock is not taken through a symbolic link.
func TestLockFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(dir, "victim")
	os.WriteFile(victim, []byte("x"), 0o600)
	if err := os.Symlink(victim, filepath.Join(dir, "ckpt.lock")); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(filepath.Join(dir, "ckpt")); err == nil {
		t.Error("locked a file of somebody else's")
	}
}

// Nor is one that is somebody else's, in a directory that others may write to.
func TestLockOfSomebodyElse(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make files of somebody else's")
	}
	dir := t.TempDir()
	os.Chmod(dir, 0o777)
	name := filepath.Join(dir, "ckpt.lock")
	os.WriteFile(name, nil, 0o666)
	if err := os.Chown(name, 4242, 4242); err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(filepath.Join(dir, "ckpt")); !errors.Is(err, outfile.ErrUnsafe) {
		t.Errorf("locked it: %v", err)
	}
}
