package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"synscope/internal/capture"
	"synscope/internal/report"
	"synscope/probe"
)

// openAll opens the files before rights are given up; nil stands for standard
// input. A named pipe whose other end nobody opens is given up when ctx ends.
func openAll(ctx context.Context, paths []string) ([]*os.File, error) {
	files := make([]*os.File, len(paths))
	for i, path := range paths {
		if path == report.Stdout {
			continue
		}
		f, err := openWithin(ctx, path)
		switch {
		case errors.Is(err, probe.ErrInterrupted):
			return nil, err
		case err != nil:
			return nil, usagef("%s: %w", path, errors.Unwrap(err))
		}
		if info, err := f.Stat(); err == nil && info.IsDir() {
			f.Close()
			return nil, usagef("%s is a directory: name its files", path)
		}
		files[i] = f
	}
	return files, nil
}

// openWithin is [os.Open] while ctx lasts: what opens later is left behind.
func openWithin(ctx context.Context, path string) (*os.File, error) {
	type result struct {
		file *os.File
		err  error
	}
	opened := make(chan result, 1)
	go func() {
		f, err := os.Open(path)
		opened <- result{f, err}
	}()
	select {
	case r := <-opened:
		return r.file, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: %w while it was opened", path, probe.ErrInterrupted)
	}
}

// input makes an input of a file, and tells whether it may still be growing.
func (j *readJob) input(ctx context.Context, f *os.File) (in capture.Input, live bool, err error) {
	var file io.Reader = j.streams.In
	if f != nil {
		file = f
		if !isLive(f) {
			return j.regular(f)
		}
	}
	if live = isLive(file); live {
		file = newPipe(ctx, file, j.settle)
	}
	r, err := capture.NewReader(file)
	return capture.Input{
		Open:  func() (*capture.Reader, error) { return r, nil },
		Close: func() { j.finished(r) },
	}, live, err
}

// regular makes an input of a regular file, which is read from its beginning when
// its first packet is due.
func (j *readJob) regular(f *os.File) (in capture.Input, live bool, err error) {
	r, err := capture.NewReader(f)
	if err != nil {
		return in, false, err
	}
	var first capture.Packet
	if r.Next(&first) == nil {
		in.Start = first.Time
	}
	r = nil // and its buffer
	in.Open = func() (_ *capture.Reader, err error) {
		if _, err = f.Seek(0, io.SeekStart); err == nil {
			r, err = capture.NewReader(f)
		}
		return r, err
	}
	in.Close = func() {
		f.Close()
		j.finished(r)
		r = nil
	}
	return in, false, nil
}
