package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// schema is the version of the file's first line.
const schema = "synscope-checkpoint/1"

// line is the first line of a file.
type line struct {
	Schema string `json:"schema"`
	State
}

// Save puts state at path, in place of what was there. Where it fails, what was
// there is unchanged.
func Save(path string, state State) error {
	b, err := encode(&state)
	if err == nil {
		err = replace(path, b)
	}
	if err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	return nil
}

// Load reads the state at path. It fails with [ErrDamaged], or as [os.ReadFile].
func Load(path string) (State, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return State{}, fmt.Errorf("load checkpoint: %w", err)
	}
	state, err := decode(b)
	if err != nil {
		return State{}, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	}
	return state, nil
}

func encode(state *State) ([]byte, error) {
	b, err := json.Marshal(line{schema, *state})
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(b, "\n%x\n", sha256.Sum256(b)), nil
}

func decode(b []byte) (State, error) {
	first, rest, whole := bytes.Cut(b, []byte("\n"))
	if want := fmt.Sprintf("%x\n", sha256.Sum256(first)); !whole || string(rest) != want {
		return State{}, fmt.Errorf("its check sum does not fit its contents: it is cut short or was changed")
	}
	var l line
	if err := json.Unmarshal(first, &l); err != nil {
		return State{}, err
	}
	if l.Schema != schema {
		return State{}, fmt.Errorf("its format is %q, this program knows %q", l.Schema, schema)
	}
	return l.State, nil
}

// replace writes a file beside path and renames it over path. Both are made to
// last before it returns, as far as the file system can.
func replace(path string, b []byte) error {
	fresh := path + ".new"
	if err := writeSynced(fresh, b); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	// A directory that cannot be synced makes the rename no less atomic.
	if dir, err := os.Open(filepath.Dir(path)); err == nil {
		dir.Sync()
		dir.Close()
	}
	return nil
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}
