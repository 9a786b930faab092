package target

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxLine bounds a line of a list, in bytes.
const maxLine = 64 << 10

// A source says where words are read and what they are for.
type source struct {
	what string // "target" or "exclusion"
	list string // file, or "" for the command line
	line int
}

func (s source) where() string {
	if s.list == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", s.list, s.line)
}

// readList hands every word of a list to add, with its place. Words are one a
// line or parted by blanks; "#" begins a comment. "-" is stdin.
func readList(ctx context.Context, name, what string, stdin io.Reader, add func(string, source) error) error {
	r, err := openList(name, stdin)
	if err != nil {
		return listError(source{list: name}, err)
	}
	defer r.Close()
	at := source{what: what, list: name}
	if name == "-" {
		at.list = "stdin"
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		at.line++
		text, _, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "\ufeff"), "#")
		for word := range strings.FieldsSeq(text) {
			if err := add(word, at); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		at.line++
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("a line of more than %d bytes, which no list has", maxLine)
		}
		return listError(at, err)
	}
	return nil
}

func openList(name string, stdin io.Reader) (io.ReadCloser, error) {
	if name != "-" {
		return os.Open(name)
	}
	if stdin == nil {
		return nil, os.ErrNotExist
	}
	return io.NopCloser(stdin), nil
}

func listError(at source, err error) error {
	e := &WordError{What: "list", Word: at.list, Kind: ErrList, Err: err}
	if at.line > 0 {
		e.Where = at.where()
	}
	return e
}
