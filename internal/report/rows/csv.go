package rows

import (
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/probe"
)

// csvSink writes the table of a command: a header, whatever happens, and one
// row for each record of the type that fills the table. Fields are quoted
// after RFC 4180 §2; lines end as they do on Unix.
type csvSink struct {
	w     *sink.LineWriter
	o     sink.Options
	table table
	asked []string // the columns asked for, in that order; none: all
	begun bool
}

// table is what a command's rows are made of.
type table struct {
	of      string // the type of record
	columns []string
}

// NewCSV writes CSV (RFC 4180).
func NewCSV(w *sink.LineWriter, o sink.Options) sink.Sink {
	return &csvSink{w: w, o: o, table: tableFor(o, "").chosen(o.Fields), asked: o.Fields}
}

// HostList stands for a scan that looks for hosts only, where tables are named by
// their command.
const HostList = "scan -sn"

// Paths stands for a trace that looks for all paths.
const Paths = "trace --paths"

// tableFor is the table of a command, or of hosts where there are no others.
func tableFor(o sink.Options, command string) table {
	if o.HostList {
		command = HostList
	}
	if o.Paths {
		command = Paths
	}
	return tableOf(command)
}

// Columns are the fields in the table of a command, in their order.
func Columns(command string) []string { return tableOf(command).columns }

// tableOf is the table of a command.
func tableOf(command string) table {
	switch command {
	case "ping":
		return table{of: (*record.RTT)(nil).Type(), columns: record.RTTColumns()}
	case "isn":
		return table{of: (*record.ISNSample)(nil).Type(), columns: record.ISNColumns()}
	case "trace":
		return table{of: (*record.Hop)(nil).Type(), columns: record.HopColumns()}
	case "send":
		return table{of: (*record.Segment)(nil).Type(), columns: record.SegmentColumns()}
	case "why":
		return table{of: (*record.Diagnosis)(nil).Type(), columns: record.DiagnosisColumns()}
	case "check":
		return table{of: (*record.Check)(nil).Type(), columns: record.CheckColumns()}
	case Paths:
		return table{of: (*record.PathHop)(nil).Type(), columns: record.PathColumns()}
	case HostList:
		return table{of: (*record.Host)(nil).Type(), columns: record.HostColumns()}
	case "read", "handshake":
		return table{of: (*record.Connection)(nil).Type(), columns: record.ConnectionColumns()}
	}
	return table{of: (*record.Port)(nil).Type(), columns: record.PortColumns()}
}

func (s *csvSink) Record(r record.Record) error {
	if run, ok := r.(*record.Run); ok {
		s.table = tableFor(s.o, run.Command).chosen(s.asked)
	}
	if err := s.header(); err != nil || r.Type() != s.table.of {
		return err
	}
	return s.w.Append(func(b []byte) []byte {
		for _, row := range rowsOf(r) {
			if len(s.asked) > 0 {
				b = AppendChosen(b, s.asked, row)
			} else {
				b = AppendRow(b, s.table.columns, row)
			}
		}
		return b
	})
}

// rowsOf is what a record fills of its table: one row, but of paths one for each
// hop of each.
func rowsOf(r record.Record) []record.Record {
	paths, ok := r.(*record.Paths)
	if !ok {
		return []record.Record{r}
	}
	var rows []record.Record
	for _, h := range paths.Hops() {
		rows = append(rows, h)
	}
	return rows
}

// header writes the names of the columns, once.
func (s *csvSink) header() error {
	if s.begun {
		return nil
	}
	s.begun = true
	return s.w.Append(func(b []byte) []byte {
		return append(append(b, strings.Join(s.table.columns, ",")...), '\n')
	})
}

func (s *csvSink) Close() error {
	if err := s.header(); err != nil {
		return err
	}
	return s.w.Flush()
}

// AppendRow appends a record's fields, each under its column.
func AppendRow(b []byte, columns []string, r record.Record) []byte {
	row := csvRow{b: b, columns: columns}
	r.Fields(&row)
	for ; row.next < len(columns); row.next++ {
		row.separate()
	}
	return append(row.b, '\n')
}

// csvRow is a row under construction. Fields come in the order of columns;
// columns whose field does not come stay empty.
type csvRow struct {
	b       []byte
	columns []string
	next    int // the first column that is not filled
}

func (r *csvRow) separate() {
	if r.next > 0 {
		r.b = append(r.b, ',')
	}
}

// column goes to the field's column, if there is one.
func (r *csvRow) column(name string) bool {
	skip := slices.Index(r.columns[r.next:], name)
	if skip < 0 {
		return false
	}
	for end := r.next + skip; ; r.next++ {
		r.separate()
		if r.next == end {
			r.next++
			return true
		}
	}
}

func (r *csvRow) Addr(name string, value netip.Addr) { r.Str(name, value.String()) }

func (r *csvRow) Str(name, value string) {
	if r.column(name) {
		r.b = appendCSVString(r.b, value)
	}
}

func (r *csvRow) Uint(name string, value uint64) {
	if r.column(name) {
		r.b = strconv.AppendUint(r.b, value, 10)
	}
}

func (r *csvRow) Nanoseconds(name string, value time.Duration) {
	if r.column(name) {
		r.b = strconv.AppendInt(r.b, value.Nanoseconds(), 10)
	}
}

func (r *csvRow) Float(name string, value float64) {
	if r.column(name) {
		r.b = strconv.AppendFloat(r.b, value, 'f', -1, 64)
	}
}

func (r *csvRow) Bool(name string, value bool) {
	if r.column(name) {
		r.b = strconv.AppendBool(r.b, value)
	}
}

func (r *csvRow) Time(name string, value time.Time) {
	if r.column(name) {
		r.b = value.UTC().AppendFormat(r.b, time.RFC3339Nano)
	}
}

// Strs, counts and findings share one column each, parted by spaces.
func (r *csvRow) Strs(name string, values []string) { r.Str(name, strings.Join(values, " ")) }

func (r *csvRow) Counts(name string, values iter.Seq2[string, uint64]) {
	r.Strs(name, countWords(values))
}
func (r *csvRow) Findings(name string, values []probe.Finding)  { r.Strs(name, codes(values)) }
func (r *csvRow) Durations(name string, values []time.Duration) { r.Strs(name, nanoseconds(values)) }

// Object gives each field of an object a column of its own.
func (r *csvRow) Object(_ string, fields func(w record.FieldWriter)) { fields(r) }

// Objects leaves lists of objects out: a row has no place for them.
func (r *csvRow) Objects(string, int, func(record.FieldWriter, int)) {}

func countWords(values iter.Seq2[string, uint64]) (words []string) {
	for key, n := range values {
		words = append(words, key+"="+strconv.FormatUint(n, 10))
	}
	return words
}

func codes(values []probe.Finding) (words []string) {
	for _, f := range values {
		words = append(words, f.Code)
	}
	return words
}

func nanoseconds(values []time.Duration) (words []string) {
	for _, v := range values {
		words = append(words, strconv.FormatInt(v.Nanoseconds(), 10))
	}
	return words
}

// appendCSVString quotes a field that needs it.
func appendCSVString(b []byte, s string) []byte {
	if !strings.ContainsAny(s, "\",\r\n") {
		return append(b, s...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(s, `"`, `""`)...)
	return append(b, '"')
}
