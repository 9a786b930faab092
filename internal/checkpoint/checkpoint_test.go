package checkpoint

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"synscope/internal/outfile"
)

var run = Run{Plan: "9f2c", Seed: 7, Shard: 3, Shards: 100, Targets: 1 << 40, Technique: "syn", Probes: 2}

func sample(position uint64) State {
	return State{Run: run, Position: position, Part: 2, Saved: time.Unix(1e9, 5).UTC()}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.ckpt")
	for _, want := range []State{sample(0), sample(1<<64 - 1), {Complete: true}} {
		if err := Save(path, want); err != nil {
			t.Fatal(err)
		}
		if got, err := Load(path); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if _, err := Load(path + "x"); !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrDamaged) {
		t.Errorf("no file: %v", err)
	}
}

// However a file is cut, and whichever bit is turned, it is refused.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.ckpt")
	state := sample(123456)
	whole, err := encode(&state)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string, i int, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := Load(path); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
			t.Fatalf("%s %d: %+v, %v", what, i, got, err)
		}
	}
	for i := range whole {
		refused("cut at", i, whole[:i])
		for bit := range 8 {
			changed := []byte(string(whole))
			changed[i] ^= 1 << bit
			refused("turned a bit of byte", i, changed)
		}
	}
	refused("longer by", 1, append(whole, '\n'))
	refused("another file", 0, []byte("192.0.2.0/24\n"))
}

func TestForeign(t *testing.T) {
	state := sample(9)
	if err := state.Check(run); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Run){
		"the seed was 7, is 8":                            func(r *Run) { r.Seed = 8 },
		"the shard was 3/100, is 4/100":                   func(r *Run) { r.Shard = 4 },
		"the shard was 3/100, is 3/99":                    func(r *Run) { r.Shards = 99 },
		"the technique was syn, is ack":                   func(r *Run) { r.Technique = "ack" },
		"the number of probes a target was 2, is 1":       func(r *Run) { r.Probes = 1 },
		"the number of targets was 1099511627776, is 5":   func(r *Run) { r.Targets = 5 },
		"targets, exclusions or ports are not the same":   func(r *Run) { r.Plan = "0000" },
		"seed was 7, is 1; the technique was syn, is fin": func(r *Run) { r.Seed, r.Technique = 1, "fin" },
	} {
		other := run
		change(&other)
		if err := state.Check(other); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// A place that no run can be at is no checkpoint's, whoever has written it, and what
// it calls itself is quoted.
func TestImpossible(t *testing.T) {
	for _, state := range []State{sample(run.Targets + 1), {Run: run, Part: -1}} {
		if err := state.Check(run); !errors.Is(err, ErrDamaged) {
			t.Errorf("%+v: %v", state, err)
		}
	}
	state := sample(1)
	state.Technique = "\x1b[2J\nsyn"
	if err := state.Check(run); !errors.Is(err, ErrForeign) || strings.ContainsAny(err.Error(), "\x1b\n") {
		t.Errorf("%q", err)
	}
}

// A save that fails, or that a kill cut short, leaves what was there.
func TestFailedSaveKeepsTheOld(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "run.ckpt")
	if err := Save(path, sample(1)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(`{"schema":"syn`), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(path); err != nil || got.Position != 1 {
		t.Errorf("beside half a file: %+v, %v", got, err)
	}
	if err := Save(path, sample(2)); err != nil {
		t.Errorf("over half a file: %v", err)
	}
	elsewhere := dir + "-moved"
	if err := os.Rename(dir, elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := Save(path, sample(3)); err == nil {
		t.Error("saved into a directory that is not there")
	}
	if err := os.Rename(elsewhere, dir); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(path); err != nil || got.Position != 2 {
		t.Errorf("after a failure: %+v, %v", got, err)
	}
}

// A reader finds a whole state at any moment.
func TestReadersMeetWholeStates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.ckpt")
	if err := Save(path, sample(0)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		var err error
		for i := uint64(1); i < 200 && err == nil; i++ {
			err = Save(path, sample(i))
		}
		done <- err
	}()
	for last := uint64(0); ; {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
		got, err := Load(path)
		if err != nil || got.Position < last {
			t.Fatalf("after position %d: %+v, %v", last, got, err)
		}
		last = got.Position
	}
}

func FuzzDecode(f *testing.F) {
	state := sample(3)
	whole, _ := encode(&state)
	f.Add(whole)
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := decode(b); err == nil {
			again, err := encode(&got)
			if back, err2 := decode(again); err != nil || err2 != nil || back.Run != got.Run {
				t.Errorf("%+v does not survive: %v %v", got, err, err2)
			}
		}
	})
}

// What is no regular file is no checkpoint, and is not waited for.
func TestLoadRefusesPipes(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, os.DevNull, t.TempDir()} {
		if _, err := Load(path); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Where others may write, a checkpoint that is somebody else's is none: it would say
// what is not to be probed any more.
func TestLoadOfSomebodyElse(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make files of somebody else's")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	name, link := filepath.Join(dir, "ckpt"), filepath.Join(dir, "link")
	if err := errors.Join(Save(name, State{Complete: true}), os.Symlink(name, link), os.Lchown(link, 4242, 4242)); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(name); err != nil {
		t.Errorf("one of our own: %v", err)
	}
	if _, err := Load(link); !errors.Is(err, outfile.ErrUnsafe) {
		t.Errorf("through somebody else's link: %v", err)
	}
	if err := os.Chown(name, 4242, 4242); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(name); !errors.Is(err, outfile.ErrUnsafe) {
		t.Errorf("somebody else's: %v", err)
	}
	if _, err := Load(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
}

// A file of something else is told from a checkpoint that is damaged: it is not to be removed.
func TestLoadOtherFiles(t *testing.T) {
	for text, other := range map[string]bool{"root:x:0:0\n": true, `{"schema":"synscope/1"}`: true, `{"schema":"synscope-check`: false} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); !errors.Is(err, ErrDamaged) || errors.Is(err, ErrOther) != other {
			t.Errorf("%s: %v", text, err)
		}
	}
}
