package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"synscope/internal/outfile"
	"synscope/internal/report/sink"
	"synscope/probe/isn"
)

// CheckFile tells before a run whether a file can be made at path.
func CheckFile(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("%w: %q is a directory", sink.ErrOutput, path)
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("%w: %w", sink.ErrOutput, err)
	} else if !info.IsDir() {
		return fmt.Errorf("%w: %q is no directory", sink.ErrOutput, filepath.Dir(path))
	}
	return nil
}

// WriteISNSamples writes samples as CSV, for people to keep and for
// [isn.ReadCSV]. The file is there afterwards whole or as it was before; what
// is no regular file, a pipe, is written to as it is.
func WriteISNSamples(path string, samples []isn.Sample) error {
	write := func(w io.Writer) error {
		b := bufio.NewWriter(w)
		if err := isn.WriteCSV(b, samples); err != nil {
			return err
		}
		return b.Flush()
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeThrough(path, write)
	}
	return writeAtomically(path, write)
}

// writeThrough writes to a device or a pipe.
func writeThrough(path string, write func(io.Writer) error) error {
	f, err := outfile.Open(path, outfile.Public)
	if err != nil {
		return fmt.Errorf("%w: %w", sink.ErrOutput, err)
	}
	err = write(f)
	err = cmp.Or(err, f.Close())
	if err != nil {
		return fmt.Errorf("%w: %s: %w", sink.ErrWrite, path, err)
	}
	return nil
}

// writeAtomically writes a file beside path and then renames it.
func writeAtomically(path string, write func(io.Writer) error) error {
	if err := outfile.Replace(path, outfile.Public, write); err != nil {
		return fmt.Errorf("%w: %s: %w", sink.ErrWrite, path, err)
	}
	return nil
}
