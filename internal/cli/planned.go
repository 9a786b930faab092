package cli

import (
	"bytes"
	"cmp"
	"io"

	"synscope/internal/report"
	"synscope/internal/report/record"
	"synscope/internal/report/rows"
)

// planning are the streams of a command that says what it would do: what it prints for
// people is a record a line where records are asked for. flag is what it was asked by;
// without one nothing changes. A format that does not exist is refused here, before any
// name is looked up.
func (o *common) planning(s Streams, flag string) (Streams, error) {
	if _, err := report.FormatByName(cmp.Or(o.Format, "text")); err != nil {
		return s, usagef("%w", err)
	}
	switch out := s.Out; {
	case flag == "", o.Format == "", o.Format == "text":
		return s, nil
	case o.Format == "json":
		s.Out = &recordLines{take: func(line []byte) error { return writePlanned(out, line) }}
		return s, nil
	}
	return s, usagef("-o %s: %s prints text, or with -o json a record a line", o.Format, flag)
}

// plans is the flag, if any, that has a command say what it would do and stop.
func (o *common) plans() string {
	if o.DryRun {
		return "--dry-run"
	}
	return ""
}

func writePlanned(w io.Writer, line []byte) error {
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return nil
	}
	_, err := w.Write(append(rows.AppendJSON(nil, &record.Planned{Text: string(line)}), '\n'))
	return err
}
