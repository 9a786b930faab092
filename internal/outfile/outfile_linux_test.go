package outfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const stranger = 4242 // a user who is nobody here

// needRoot skips where files of others cannot be made.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("not root")
	}
	t.Skip("only root can make somebody else's files")
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shared is a directory like /tmp.
func shared(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o777|fs.ModeSticky))
	return dir
}

func contents(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}

func put(t *testing.T, path, text string) string {
	t.Helper()
	must(t, os.WriteFile(path, []byte(text), 0o644))
	return path
}

func theirs(t *testing.T, path string) string {
	t.Helper()
	must(t, os.Lchown(path, stranger, stranger))
	return path
}

// writers are both ways to write a file.
func writers() map[string]func(path string) error {
	return map[string]func(string) error{
		"Open": func(path string) error {
			f, err := Open(path, Public)
			if err != nil {
				return err
			}
			defer f.Close()
			if err := f.Truncate(0); err != nil {
				return err
			}
			_, err = f.WriteString("new")
			return err
		},
		"Replace": func(path string) error {
			return Replace(path, Public, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err })
		},
	}
}

func TestWriteWhatIsOurs(t *testing.T) {
	for name, write := range writers() {
		t.Run(name, func(t *testing.T) {
			dir, open := t.TempDir(), shared(t)
			link := filepath.Join(dir, "link")
			must(t, os.Symlink("old", link))
			must(t, os.Symlink(dir, filepath.Join(open, "mine")))
			for _, path := range []string{
				filepath.Join(dir, "fresh"), put(t, filepath.Join(dir, "old"), "something longer"), link,
				filepath.Join(open, "fresh"), put(t, filepath.Join(open, "old"), "something longer"),
				filepath.Join(open, "mine", "other"),
			} {
				if err := write(path); err != nil {
					t.Errorf("%s: %v", path, err)
					continue
				}
				if got := contents(t, path); got != "new" {
					t.Errorf("%s holds %q", path, got)
				}
			}
			if _, err := os.Readlink(link); err != nil {
				t.Errorf("our own link is gone: %v", err)
			}
		})
	}
}

// What a stranger put into a shared directory is neither followed nor written.
func TestStrangersTraps(t *testing.T) {
	needRoot(t)
	for name, write := range writers() {
		t.Run(name, func(t *testing.T) {
			dir, safe := shared(t), t.TempDir()
			precious := put(t, filepath.Join(safe, "precious"), "keep me")
			link := filepath.Join(dir, "link")
			must(t, os.Symlink(precious, link))
			theirs(t, link)
			loose := filepath.Join(dir, "loose")
			must(t, os.Symlink(filepath.Join(safe, "made"), loose))
			theirs(t, loose)
			hard := filepath.Join(dir, "hard")
			must(t, os.Link(precious, hard))
			pipe := filepath.Join(dir, "pipe")
			must(t, syscall.Mkfifo(pipe, 0o666))
			theirs(t, pipe)
			into := filepath.Join(dir, "into")
			must(t, os.Symlink(safe, into))
			theirs(t, into)
			home := filepath.Join(t.TempDir(), "home") // of the stranger: theirs to change
			must(t, os.Mkdir(home, 0o755))
			theirs(t, home)
			must(t, os.Symlink(precious, filepath.Join(home, "link")))
			theirs(t, filepath.Join(home, "link"))
			for _, path := range []string{
				link, loose, hard, pipe, theirs(t, put(t, filepath.Join(dir, "file"), "theirs")),
				filepath.Join(into, "precious"), filepath.Join(into, "new"), filepath.Join(home, "link"),
				theirs(t, put(t, filepath.Join(home, "file"), "theirs")),
			} {
				if err := write(path); !errors.Is(err, ErrUnsafe) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s: %v", path, err)
				}
			}
			if got := contents(t, precious); got != "keep me" {
				t.Errorf("precious holds %q", got)
			}
			for _, path := range []string{"made", "new"} {
				if _, err := os.Lstat(filepath.Join(safe, path)); err == nil {
					t.Errorf("%s was made", path)
				}
			}
		})
	}
}

// Devices and the process's own files are written as they are.
func TestOpenDevices(t *testing.T) {
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	for _, path := range []string{"/dev/null", "/dev/full", "/proc/self/fd/" + strconv.Itoa(int(w.Fd())), "/dev/fd/" + strconv.Itoa(int(w.Fd()))} {
		f, err := Open(path, Public)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		f.Close()
	}
	w.Close()
	for path, want := range map[string]error{t.TempDir(): syscall.EISDIR, "/nonexistent/x": fs.ErrNotExist, "": syscall.EISDIR} {
		if _, err := Open(path, Public); !errors.Is(err, want) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// What sudo's caller has made belongs to the caller, and private is private.
func TestOwnerAndMode(t *testing.T) {
	needRoot(t)
	t.Setenv("SUDO_UID", strconv.Itoa(stranger))
	t.Setenv("SUDO_GID", strconv.Itoa(stranger+1))
	syscall.Umask(syscall.Umask(0o022))
	dir := t.TempDir()
	f, err := Open(filepath.Join(dir, "capture"), Private)
	must(t, err)
	f.Close()
	must(t, Replace(filepath.Join(dir, "plot"), Public, func(io.Writer) error { return nil }))
	root := put(t, filepath.Join(dir, "root"), "")
	f, err = Open(root, Public)
	must(t, err)
	f.Close()
	for name, want := range map[string]struct {
		uid  int
		mode fs.FileMode
	}{"capture": {stranger, 0o600}, "plot": {stranger, 0o644}, "root": {0, 0o644}} {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		st := info.Sys().(*syscall.Stat_t)
		if int(st.Uid) != want.uid || info.Mode().Perm() != want.mode || want.uid != 0 && int(st.Gid) != stranger+1 {
			t.Errorf("%s: owner %d:%d, mode %v", name, st.Uid, st.Gid, info.Mode())
		}
	}
	home := t.TempDir() // of the caller, whose files there are ours
	theirs(t, home)
	if f, err = Open(theirs(t, put(t, filepath.Join(home, "file"), "")), Public); err != nil {
		t.Errorf("the caller's own file: %v", err)
	} else {
		f.Close()
	}
}

// A failure leaves what was there, and nothing beside it.
func TestReplaceFails(t *testing.T) {
	dir := t.TempDir()
	path := put(t, filepath.Join(dir, "old"), "old")
	broken := errors.New("broken")
	for range 2 {
		err := Replace(path, Public, func(w io.Writer) error { io.WriteString(w, "half"); return broken })
		if !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
	}
	list, err := os.ReadDir(dir)
	must(t, err)
	if got := contents(t, path); got != "old" || len(list) != 1 {
		t.Errorf("%q among %v", got, list)
	}
}

// The names of what is being written differ from one time to the next.
func TestTemporaryNames(t *testing.T) {
	dir := t.TempDir()
	seen := map[string]bool{}
	for range 20 {
		must(t, Replace(filepath.Join(dir, "x"), Public, func(io.Writer) error {
			list, err := os.ReadDir(dir)
			for _, e := range list {
				if e.Name() != "x" {
					seen[e.Name()] = true
				}
			}
			return err
		}))
	}
	if len(seen) != 20 {
		t.Errorf("%d names in 20 times", len(seen))
	}
}

func TestClaims(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	list := put(t, filepath.Join(dir, "list"), "192.0.2.1\n")
	must(t, os.Symlink("list", "alias"))
	must(t, os.Link("list", "twin"))
	must(t, os.Mkdir("sub", 0o755))
	put(t, "out", "")
	for _, tc := range []struct {
		outputs string
		clash   bool
	}{
		{"a b sub/a /dev/null /dev/null", false},
		{"out other", false},
		{"list", true}, {"./list", true}, {list, true}, {"alias", true}, {"twin", true}, {"sub/../list", true},
		{"a a", true}, {"a ./a", true}, {"a " + filepath.Join(dir, "a"), true}, {"a sub/../a", true},
		{"out out", true}, {"nowhere/a nowhere/a", true}, {"nowhere/a nowhere/b", false},
	} {
		var c Claims
		c.Input("list")
		c.Input("/dev/stdin")
		c.Input("nowhere")
		var err error
		for path := range strings.FieldsSeq(tc.outputs) {
			err = errors.Join(err, c.Output(path))
		}
		if errors.Is(err, ErrClash) != tc.clash || err != nil && !tc.clash {
			t.Errorf("%s: %v", tc.outputs, err)
		}
	}
	var c Claims
	f, err := os.OpenFile("out", os.O_WRONLY, 0)
	must(t, err)
	defer f.Close()
	must(t, c.OutputFile(f))
	if err := c.Output("out"); !errors.Is(err, ErrClash) {
		t.Errorf("what standard output is: %v", err)
	}
}

// Devices, pipes and open files stay what they are: they are written to.
func TestReplaceWritesToWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	pipe, link, null := filepath.Join(dir, "pipe"), filepath.Join(dir, "link"), filepath.Join(dir, "null")
	if err := errors.Join(unix.Mkfifo(pipe, 0o600), os.Symlink("pipe", link)); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	open := filepath.Join("/proc/self/fd", fmt.Sprint(w.Fd()))
	say := func(w io.Writer) error { _, err := io.WriteString(w, "said"); return err }
	for _, path := range []string{pipe, link, open} {
		got := make(chan string)
		go func() {
			f := r
			if path != open {
				var err error
				if f, err = os.Open(pipe); err != nil {
					got <- err.Error()
					return
				}
			}
			b := make([]byte, 10)
			n, _ := f.Read(b)
			if path != open {
				f.Close() // before the next writer comes, which would take this for its reader
			}
			got <- string(b[:n])
		}()
		if err := Replace(path, Public, say); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if text := <-got; text != "said" {
			t.Errorf("%s: %q", path, text)
		}
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("the pipe is %v, %v", info, err)
	}
	if unix.Mknod(null, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))) != nil {
		return // only root makes devices
	}
	err = Replace(null, Public, say)
	if info, stat := os.Lstat(null); err != nil || stat != nil || info.Mode().Type() != fs.ModeDevice|fs.ModeCharDevice {
		t.Errorf("the device is %v: %v, %v", info, err, stat)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 3 {
		t.Errorf("%v, %v", names, err)
	}
}

// What Reserve has made and nothing was written to is removed; what was there, what has
// contents, and what somebody else has put in its place, stay.
func TestTakeBack(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		name   string
		before bool
		then   func(f *Reserved)
		stays  bool
	}{
		{"new", false, func(*Reserved) {}, false},
		{"old", true, func(*Reserved) {}, true},
		{"written", false, func(f *Reserved) { f.WriteString("x") }, true},
		{"replaced", false, func(f *Reserved) { must(t, os.Remove(f.Name())); put(t, f.Name(), "") }, true},
	} {
		path := filepath.Join(dir, c.name)
		if c.before {
			put(t, path, "")
		}
		f, err := Reserve(path, Public)
		must(t, err)
		c.then(f)
		must(t, f.TakeBack())
		if _, err := os.Lstat(path); (err == nil) != c.stays {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A directory that a group may write to is shared as one that all may write to.
func TestGroupsDirectoryIsShared(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o770))
	victim := put(t, filepath.Join(t.TempDir(), "victim"), "precious")
	link := filepath.Join(dir, "out")
	must(t, os.Symlink(victim, link))
	must(t, os.Lchown(link, stranger, stranger))
	if f, err := Open(link, Public); !errors.Is(err, ErrUnsafe) {
		t.Errorf("%v, %v", f, err)
	}
}
