package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"synscope/internal/outfile"
)

// schema is the version of the file's first line.
const schema = "synscope-checkpoint/1"

// beginning is that of a checkpoint of any schema.
const beginning = `{"schema":"synscope-checkpoint/`

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
		err = outfile.Replace(path, outfile.Public, func(w io.Writer) error {
			_, err := w.Write(b)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	return nil
}

// Load reads the state at path. It fails with [ErrDamaged], or as [os.ReadFile].
func Load(path string) (State, error) {
	b, err := read(path)
	if err != nil {
		return State{}, fmt.Errorf("load checkpoint: %w", err)
	}
	state, err := decode(b)
	if err != nil {
		return State{}, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	}
	return state, nil
}

// mostBytes is more than any state takes.
const mostBytes = 1 << 20

func read(path string) ([]byte, error) {
	b, err := outfile.ReadOurs(path, mostBytes)
	if errors.Is(err, outfile.ErrNotRegular) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return b, err
}

func encode(state *State) ([]byte, error) {
	b, err := json.Marshal(line{schema, *state})
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(b, "\n%x\n", sha256.Sum256(b)), nil
}

func decode(b []byte) (State, error) {
	if n := min(len(b), len(beginning)); string(b[:n]) != beginning[:n] {
		return State{}, ErrOther
	}
	first, rest, whole := bytes.Cut(b, []byte("\n"))
	if want := fmt.Sprintf("%x\n", sha256.Sum256(first)); !whole || string(rest) != want {
		return State{}, fmt.Errorf("its check sum does not fit its contents: it is cut short or was changed")
	}
	var l line
	if err := json.Unmarshal(first, &l); err != nil {
		return State{}, err
	}
	if l.Schema != schema {
		return State{}, fmt.Errorf("its format is %.40q, this program knows %q", l.Schema, schema)
	}
	return l.State, nil
}
