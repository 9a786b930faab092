package report

import (
	"errors"
	"fmt"
	"io"
	"os"

	"synscope/internal/outfile"
	"synscope/internal/report/record"
	"synscope/internal/report/sink"
)

// Stdout is the path that stands for standard output.
const Stdout = "-"

// Config says where the results of a run go, and in which formats.
type Config struct {
	// Stdout takes the results in StdoutFormat; "" is text, unless one of
	// Files is already written to standard output.
	Stdout       io.Writer
	StdoutFormat string
	Files        []File
	// OpenOnly leaves out of every output the ports that are not even
	// possibly open: refused, filtered, unknown. The summary counts them.
	OpenOnly bool
	sink.Options
}

// File is one more output.
type File struct {
	Format string // a name of [Formats]
	Path   string // [Stdout] is standard output
}

// Output gives each record to several sinks. It is itself a [Sink], and like
// every sink for one goroutine at a time.
type Output struct {
	openOnly bool
	begun    bool // files have been emptied
	sinks    []*destination
}

// destination is a sink with what lies below it.
type destination struct {
	sink.Sink
	w    *sink.LineWriter
	file *outfile.Reserved // nil for standard output
	err  error             // why it takes no more records
}

// Open opens every file, made if it is not there, before the run starts. Files are
// emptied by the first record: of a run that comes to none they keep their contents,
// and those that were not there are removed again. An error names the file or format
// and wraps [ErrOutput].
func Open(cfg Config) (*Output, error) {
	files, err := cfg.all()
	if err != nil {
		return nil, err
	}
	out := &Output{openOnly: cfg.OpenOnly}
	for _, f := range files {
		if err := out.add(f, &cfg); err != nil {
			return nil, errors.Join(err, out.TakeBack())
		}
	}
	if err := out.distinct(); err != nil {
		return nil, errors.Join(err, out.TakeBack())
	}
	return out, nil
}

// all are the outputs with standard output in its place among them.
func (c *Config) all() ([]File, error) {
	files := c.Files
	onStdout := 0
	for _, f := range files {
		if f.Path == Stdout {
			onStdout++
		}
	}
	switch {
	case onStdout > 1 || onStdout == 1 && c.StdoutFormat != "":
		return nil, fmt.Errorf("%w: two formats for standard output", sink.ErrOutput)
	case onStdout == 1:
		return files, nil
	case c.StdoutFormat == "":
		return append([]File{{Formats()[0].Name, Stdout}}, files...), nil
	}
	return append([]File{{c.StdoutFormat, Stdout}}, files...), nil
}

func (out *Output) add(f File, cfg *Config) error {
	format, err := FormatByName(f.Format)
	if err != nil {
		return err
	}
	if f.Path == Stdout {
		w := sink.NewLineWriter(cfg.Stdout, "standard output")
		out.sinks = append(out.sinks, &destination{Sink: format.New(w, cfg.Options), w: w})
		return nil
	}
	file, err := outfile.Reserve(f.Path, outfile.Public)
	if err != nil {
		return fmt.Errorf("%w: %w", sink.ErrOutput, err)
	}
	options := cfg.Options
	options.Colour, options.Banner, options.Quiet, options.Board, options.Wide = sink.Plain, true, false, false, 0
	w := sink.NewLineWriter(file.File, f.Path)
	out.sinks = append(out.sinks, &destination{Sink: format.New(w, options), w: w, file: file})
	return nil
}

// distinct refuses two formats for one file or pipe. Devices take several: what is
// written to /dev/null is not read.
func (out *Output) distinct() error {
	var taken []os.FileInfo
	for _, o := range out.sinks {
		if o.file == nil {
			continue
		}
		info, err := o.file.Stat()
		if err != nil {
			return fmt.Errorf("%w: %w", sink.ErrOutput, err)
		}
		if info.Mode()&os.ModeDevice != 0 {
			continue
		}
		for _, other := range taken {
			if os.SameFile(info, other) {
				return fmt.Errorf("%w: %s: two formats for one file", sink.ErrOutput, o.file.Name())
			}
		}
		taken = append(taken, info)
	}
	return nil
}

// Begin empties the files; the first record does so too. Devices and pipes have
// nothing to lose.
func (out *Output) Begin() {
	if out.begun {
		return
	}
	out.begun = true
	for _, o := range out.sinks {
		if err := o.truncate(); err != nil {
			o.err = fmt.Errorf("%w: %w", sink.ErrWrite, err)
		}
	}
}

// TakeBack closes the files of a run that did not begin.
func (out *Output) TakeBack() error {
	var errs []error
	for _, o := range out.sinks {
		if o.file != nil {
			errs = append(errs, o.file.TakeBack())
		}
	}
	return errors.Join(errs...)
}

func (o *destination) truncate() error {
	if o.file == nil {
		return nil
	}
	if info, err := o.file.Stat(); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return o.file.Truncate(0)
}

// Record gives r to every sink. One that fails takes no more records and the
// others go on; the error, which every further call returns too, names the
// output and wraps [ErrWrite].
func (out *Output) Record(r record.Record) error {
	if p, ok := r.(*record.Port); ok && out.openOnly && !record.PossiblyOpen(p.State) {
		return out.broken()
	}
	out.Begin()
	for _, o := range out.sinks {
		if o.err == nil {
			o.err = o.Sink.Record(r)
		}
	}
	return out.broken()
}

// passing is a sink that keeps no record of a port beyond the call.
type passing interface{ PassesPorts() bool }

// PassesPorts tells whether no sink keeps a record of a port, so that one may be
// filled again and again.
func (out *Output) PassesPorts() bool {
	for _, o := range out.sinks {
		if p, ok := o.Sink.(passing); !ok || !p.PassesPorts() {
			return false
		}
	}
	return true
}

func (out *Output) broken() error {
	var errs []error
	for _, o := range out.sinks {
		if o.err != nil {
			errs = append(errs, o.err)
		}
	}
	return errors.Join(errs...)
}

// Flush writes what waits, so that standard error may be written to without
// overtaking results.
func (out *Output) Flush() error {
	for _, o := range out.sinks {
		if o.err == nil {
			o.err = o.w.Flush()
		}
	}
	return out.broken()
}

// Close finishes every output, makes those whole again that failed, as far as that
// can be, and closes the files. It returns what went wrong
// with each, also what Record has returned before.
func (out *Output) Close() error {
	if !out.begun {
		return out.TakeBack()
	}
	for _, o := range out.sinks {
		if o.err == nil {
			o.err = o.Sink.Close()
		}
		if o.err == nil {
			o.err = o.w.Flush()
		}
		if format, ok := o.Sink.(sink.Footed); ok && o.err != nil {
			o.w.Repair(format.Foot(o.err))
		}
	}
	return errors.Join(out.broken(), out.closeFiles())
}

func (out *Output) closeFiles() error {
	var errs []error
	for _, o := range out.sinks {
		if o.file == nil {
			continue
		}
		if err := o.file.Close(); err != nil {
			errs = append(errs, fmt.Errorf("%w: %w", sink.ErrWrite, err))
		}
	}
	return errors.Join(errs...)
}
