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
		if at.line == 1 && isUTF16(lines.Text()) {
			return listError(at, errUTF16)
		}
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

// errUTF16 is said of what some editors and shells of Windows write.
var errUTF16 = errors.New("the list is in UTF-16: save it as UTF-8, or convert it (iconv -f UTF-16 -t UTF-8)")

// isUTF16 tells by its mark whether a text is in UTF-16 (RFC 2781 §3.2).
func isUTF16(text string) bool {
	return strings.HasPrefix(text, "\xff\xfe") || strings.HasPrefix(text, "\xfe\xff")
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
