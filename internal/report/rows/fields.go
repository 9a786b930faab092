package rows

import (
	"iter"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/internal/report/units"
	"synscope/probe"
)

// fieldText writes the fields that were asked for in columns, one line for each
// record of the type that fills the command's table.
type fieldText struct {
	w      *sink.LineWriter
	o      sink.Options
	table  table
	widths []int
	headed bool
}

// NewFieldText writes the fields that are asked for in columns for people.
func NewFieldText(w *sink.LineWriter, o sink.Options) sink.Sink {
	return &fieldText{w: w, o: o, table: tableFor(o, "")}
}

// kindOfField is what fields hold that are equally wide.
type kindOfField struct {
	wide   string // a value as wide as the widest usual one
	fields []string
}

// kindsOfFields are those whose width is known before a value comes. Others are as wide
// as what comes, and so are addresses of IPv6.
var kindsOfFields = []kindOfField{
	{timeOfDay, []string{"time", "sent", "received", "began", "start"}},
	{"255.255.255.255", []string{"target", "addr", "responder", "src", "dst", "name", "hop"}},
	{"00:00:00:00:00:00", []string{"mac"}},
	{"65535", []string{"port", "sport", "mss", "window", "win", "ip_id"}},
	{"4294967295", []string{"seq", "ack", "isn", "client_isn", "tsval"}},
	{"false", []string{"sack", "ts", "ecn", "tfo", "mptcp", "ok", "healthy"}},
	{"open|filtered", []string{"state"}},
	{"admin-prohibited", []string{"reason"}},
	{"kernel-rx", []string{"rtt_clock"}},
	{"time-exceeded", []string{"kind"}},
	{"half-closed", []string{"close"}},
	{"varied-address", []string{"series"}},
}

// timeOfDay is the form of a moment for people.
const timeOfDay = "15:04:05.000"

// widthOf is how wide the column of a field is at least.
func widthOf(field string) int {
	if strings.HasSuffix(field, "_ns") {
		return len("99.9 ms")
	}
	for _, k := range kindsOfFields {
		if slices.Contains(k.fields, field) {
			return len(k.wide)
		}
	}
	return 0
}

func (s *fieldText) Record(r record.Record) error {
	if run, ok := r.(*record.Run); ok {
		s.table = tableFor(s.o, run.Command)
	}
	if err := s.header(); err != nil || r.Type() != s.table.of {
		return err
	}
	for _, row := range rowsOf(r) {
		if err := s.row(row); err != nil {
			return err
		}
	}
	return nil
}

func (s *fieldText) row(r record.Record) error {
	values := valuesOf(r, forPeople)
	cells := make([]string, len(s.o.Fields))
	for i, f := range s.o.Fields {
		if cells[i] = units.Printable(values[f]); cells[i] == "" {
			cells[i] = "-"
		}
	}
	return s.line(cells)
}

// header writes the names of the columns, once.
func (s *fieldText) header() error {
	if s.headed {
		return nil
	}
	s.headed = true
	heads := make([]string, len(s.o.Fields))
	s.widths = make([]int, len(heads))
	for i, f := range s.o.Fields {
		heads[i] = strings.ToUpper(strings.TrimSuffix(f, "_ns"))
		s.widths[i] = widthOf(f)
	}
	if s.o.Quiet {
		return nil
	}
	return s.line(heads)
}

// line writes cells under their columns, which grow with what comes.
func (s *fieldText) line(cells []string) error {
	var b strings.Builder
	for i, c := range cells {
		s.widths[i] = max(s.widths[i], utf8.RuneCountInString(c))
		if i > 0 {
			b.WriteString("  ")
		}
		b.WriteString(units.Padded(c, s.widths[i]))
	}
	return s.w.Append(func(out []byte) []byte {
		return append(append(out, strings.TrimRight(b.String(), " ")...), '\n')
	})
}

func (s *fieldText) Close() error {
	if err := s.header(); err != nil {
		return err
	}
	return s.w.Flush()
}

// AppendChosen appends a row of CSV with the columns in the order asked for.
func AppendChosen(b []byte, columns []string, r record.Record) []byte {
	values := valuesOf(r, forPrograms)
	for i, c := range columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendCSVString(b, values[c])
	}
	return append(b, '\n')
}

// readers are who reads values.
type readers uint8

const (
	forPrograms readers = iota // as CSV has them
	forPeople                  // with durations in their units, and local times
)

// valuesOf are the fields of a record by name, those of objects under their own.
func valuesOf(r record.Record, by readers) map[string]string {
	v := values{map[string]string{}, by == forPeople}
	r.Fields(v)
	return v.of
}

// values collects fields.
type values struct {
	of     map[string]string
	people bool
}

func (v values) Addr(name string, value netip.Addr) { v.of[name] = value.String() }
func (v values) Str(name, value string)             { v.of[name] = value }
func (v values) Uint(name string, value uint64)     { v.of[name] = strconv.FormatUint(value, 10) }
func (v values) Bool(name string, value bool)       { v.of[name] = strconv.FormatBool(value) }
func (v values) Time(name string, value time.Time) {
	v.of[name] = value.UTC().Format(time.RFC3339Nano)
	if v.people {
		v.of[name] = value.Local().Format(timeOfDay)
	}
}

func (v values) Nanoseconds(name string, value time.Duration) {
	v.of[name] = strconv.FormatInt(value.Nanoseconds(), 10)
	if v.people {
		v.of[name] = units.Duration(value)
	}
}

func (v values) Float(name string, value float64) {
	v.of[name] = strconv.FormatFloat(value, 'f', -1, 64)
}

func (v values) Strs(name string, all []string) { v.of[name] = strings.Join(all, " ") }

func (v values) Counts(name string, all iter.Seq2[string, uint64]) { v.Strs(name, countWords(all)) }
func (v values) Findings(name string, all []probe.Finding)         { v.Strs(name, codes(all)) }
func (v values) Durations(name string, all []time.Duration)        { v.Strs(name, nanoseconds(all)) }

func (v values) Object(_ string, fields func(w record.FieldWriter)) { fields(v) }

// Objects leaves lists of objects out: a column has no place for them.
func (v values) Objects(string, int, func(record.FieldWriter, int)) {}

// chosen is the table with the columns that were asked for, if any were.
func (t table) chosen(fields []string) table {
	if len(fields) > 0 {
		t.columns = slices.Clone(fields)
	}
	return t
}
