package picture

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"synscope/internal/outfile"
)

// ErrFormat is the error of a file whose ending names no format of pictures.
var ErrFormat = errors.New("a picture ends in .svg or .png")

// Check tells before a run whether a picture can be written to a path: the
// ending says the format.
func Check(path string) error {
	if _, err := formatOf(path); err != nil {
		return err
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil {
		return err
	} else if !info.IsDir() {
		return fmt.Errorf("%q is no directory", filepath.Dir(path))
	}
	return nil
}

func formatOf(path string) (func(*Picture, io.Writer) error, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".svg":
		return (*Picture).WriteSVG, nil
	case ".png":
		return (*Picture).WritePNG, nil
	}
	return nil, fmt.Errorf("%q: %w", path, ErrFormat)
}

// WriteFile writes the picture in the format of the path's ending. The file is
// there afterwards whole or as it was before.
func (p *Picture) WriteFile(path string) (err error) {
	write, err := formatOf(path)
	if err != nil {
		return err
	}
	err = outfile.Replace(path, outfile.Public, func(w io.Writer) error { return write(p, w) })
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
