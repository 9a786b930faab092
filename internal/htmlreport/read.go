package htmlreport

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
)

// ErrInput marks a file that is not the JSON lines of synscope.
var ErrInput = errors.New("no JSON lines of synscope")

// inputError is what is wrong with a file, and in which line; 0 none.
type inputError struct {
	file string
	line int
	err  error
}

func (e *inputError) Error() string {
	if e.line == 0 {
		return e.file + ": " + e.err.Error()
	}
	return fmt.Sprintf("%s:%d: %v", e.file, e.line, e.err)
}

func (e *inputError) Unwrap() []error { return []error{ErrInput, e.err} }

// Limits on what strangers' files may take.
const (
	longestLine = 4 << 20 // bytes of a record
	mostRuns    = 64
)

// Report is what is known of all runs. The zero value has none.
type Report struct {
	runs  []*run
	cut   []string // runs that end in the middle, a sentence each
	book  wordBook
	store store   // of what was read
	shown shelves // of what is written
}

// Runs is how many runs were read.
func (r *Report) Runs() int { return len(r.runs) }

// Cut tells of the runs that were cut short: by a process that was killed, or a
// file that is not whole. What they hold up to there is in the report.
func (r *Report) Cut() []string { return r.cut }

// reading is the state of reading one file.
type reading struct {
	report *Report
	name   string
	line   int
	now    *run // nil before the first
}

// Read takes in the JSON lines of one or several runs. An error names the line.
func (r *Report) Read(name string, in io.Reader) error {
	f := &reading{report: r, name: name}
	lines := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := f.next(lines)
		if err != nil && !errors.Is(err, io.EOF) {
			return err // of reading, or a line too long
		}
		whole := err == nil
		if len(bytes.TrimSpace(line)) > 0 {
			if err := f.take(line); err != nil && (whole || !f.torn(line)) {
				return &inputError{name, f.line, err}
			} else if err != nil {
				return f.end("the file was cut in the middle of a record")
			}
		}
		if !whole {
			return f.end("")
		}
	}
}

// next is the next line; io.EOF comes with the last, which may be empty.
func (f *reading) next(in *bufio.Reader) (line []byte, err error) {
	f.line++
	for {
		piece, err := in.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case len(line) > longestLine:
			return nil, &inputError{f.name, f.line, fmt.Errorf("a line of more than %d bytes, which no record is", longestLine)}
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}

// torn tells whether a last line is the beginning of a record and no more: a
// process was killed while it wrote, or a copy was cut.
func (f *reading) torn(line []byte) bool {
	var v any
	err := json.Unmarshal(line, &v)
	var syntax *json.SyntaxError
	return f.now != nil && errors.As(err, &syntax) && int(syntax.Offset) >= len(line) && line[0] == '{'
}

// end closes the file; why says how it ended too early.
func (f *reading) end(why string) error {
	if f.now == nil {
		return &inputError{f.name, 0, errors.New("the file is empty")}
	}
	if why == "" && f.now.summary == nil && !f.now.alone {
		f.line-- // the empty one after the last
		why = "the run was cut short: its last record is no summary"
	}
	if why != "" {
		f.closeCut(why)
	}
	return nil
}

// closeCut notes that the present run has no end.
func (f *reading) closeCut(why string) {
	f.now.cut = why
	f.report.cut = append(f.report.cut, fmt.Sprintf("%s:%d: %s", f.name, f.line, why))
}

// take reads one line.
func (f *reading) take(line []byte) error {
	var head struct {
		Type   *string `json:"type"`
		Schema *string `json:"schema"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return f.noRecord(line, err)
	}
	switch {
	case head.Type == nil || *head.Type == "":
		return errors.New("no record of synscope: it has no type")
	case *head.Type == "run":
		return f.begin(line, head.Schema)
	case *head.Type == "explanation": // of check --explain, after the run
		return nil
	case f.now == nil && *head.Type == "capability":
		f.examined()
	case f.now == nil:
		return fmt.Errorf("the first record is %q and not \"run\"", units.Shortened(*head.Type, 40))
	case f.now.summary != nil:
		return fmt.Errorf("a record of type %q after the summary, and no run that it belongs to", units.Shortened(*head.Type, 40))
	}
	if err := f.now.take(*head.Type, line); err != nil {
		return fmt.Errorf("a record of type %q: %w", units.Shortened(*head.Type, 40), err)
	}
	return nil
}

// begin starts a run.
func (f *reading) begin(line []byte, schema *string) error {
	switch {
	case schema == nil:
		return errors.New("no run of synscope: it names no schema")
	case *schema != record.Schema:
		return fmt.Errorf("records of %q: this version reads %q", units.Shortened(*schema, 40), record.Schema)
	case len(f.report.runs) == mostRuns:
		return fmt.Errorf("more than %d runs: a report holds no more", mostRuns)
	}
	if f.now != nil && f.now.summary == nil && !f.now.alone {
		f.closeCut("another run begins before the one before it ended")
	}
	now := newRun(f.name, len(f.report.runs), &f.report.store)
	if err := json.Unmarshal(line, &now.head); err != nil {
		return fmt.Errorf("a record of type \"run\": %w", record.Fault(line, &now.head, err))
	}
	trim(reflect.ValueOf(&now.head))
	if now.head.Command == "" {
		return errors.New("a run that names no command")
	}
	f.now = now
	f.report.runs = append(f.report.runs, now)
	return nil
}

// examined begins the records of doctor, which are no run.
func (f *reading) examined() {
	f.now = newRun(f.name, len(f.report.runs), &f.report.store)
	f.now.head.Command, f.now.alone = "doctor", true
	f.report.runs = append(f.report.runs, f.now)
}

// noRecord says what is wrong with a line that is no JSON object, and where.
func (f *reading) noRecord(line []byte, err error) error {
	var syntax *json.SyntaxError
	switch start := strings.TrimSpace(string(line[:min(len(line), 40)])); {
	case f.now == nil && strings.HasPrefix(start, "<"):
		return errors.New("this is XML or HTML: report takes JSON lines, as -o json and -oJ write them")
	case f.now == nil && strings.HasPrefix(start, "["), f.now == nil && start == "{":
		return errors.New("one JSON document over many lines: report takes JSON lines of synscope, one object a line")
	case errors.As(err, &syntax) && f.now == nil && !strings.HasPrefix(start, "{"):
		return fmt.Errorf("no JSON at column %d: report takes JSON lines, as -o json and -oJ write them", max(1, syntax.Offset))
	case errors.As(err, &syntax):
		return fmt.Errorf("no JSON at column %d: %s", max(1, syntax.Offset), record.Wording(err))
	}
	return fmt.Errorf("no record: %w", record.Wording(err))
}
