package isn

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"synscope/craft"
)

// ErrCSV is what every error of [ReadCSV] about the text itself wraps.
var ErrCSV = errors.New("bad ISN sample file")

// column is one field of a sample in a file: how it is read and written. An
// absent value is the empty string both ways.
type column struct {
	name  string
	parse func(*Sample, string) error
	text  func(*Sample) string
}

// columns are the contract's, in its order.
var columns = []column{
	{"series", func(s *Sample, v string) error { s.Series = v; return nil },
		func(s *Sample) string { return s.Series }},
	{"src", parseSrc, srcText},
	unsigned("sport", 16, func(s *Sample) *Opt[uint16] { return &s.SrcPort }),
	unsigned("client_isn", 32, func(s *Sample) *Opt[craft.Seq] { return &s.ClientISN }),
	stamp("sent_ns", func(s *Sample) *Opt[int64] { return &s.Sent }),
	stamp("received_ns", func(s *Sample) *Opt[int64] { return &s.Received }),
	unsigned("isn", 32, func(s *Sample) *Opt[craft.Seq] { return &s.ISN }),
	unsigned("mss", 16, func(s *Sample) *Opt[uint16] { return &s.MSS }),
	unsigned("wscale", 8, func(s *Sample) *Opt[uint8] { return &s.WScale }),
	boolean("sack", func(s *Sample) *Opt[bool] { return &s.SACK }),
	unsigned("tsval", 32, func(s *Sample) *Opt[uint32] { return &s.TSVal }),
	unsigned("window", 16, func(s *Sample) *Opt[uint16] { return &s.Window }),
	unsigned("ttl", 8, func(s *Sample) *Opt[uint8] { return &s.TTL }),
}

// offerColumn carries what our SYN offered, in the notation of --opt. It
// follows the contract's columns, and only in files where offers were varied.
var offerColumn = column{"syn_options", parseOffer, offerText}

// parseSrc reads the address of the sampler.
func parseSrc(s *Sample, v string) (err error) {
	if s.Src, err = netip.ParseAddr(v); err != nil {
		return fmt.Errorf("%.40q is no IP address", v)
	}
	return nil
}

func srcText(s *Sample) string {
	if !s.Src.IsValid() {
		return ""
	}
	return s.Src.String()
}

// unsigned is the column of an unsigned field of so many bits.
func unsigned[T ~uint8 | ~uint16 | ~uint32](name string, bits int, field func(*Sample) *Opt[T]) column {
	return column{name,
		func(s *Sample, v string) error {
			n, err := strconv.ParseUint(v, 10, bits)
			*field(s) = Some(T(n))
			if err != nil {
				return fmt.Errorf("%.40q is no whole number from 0 to %d", v, uint64(1)<<bits-1)
			}
			return nil
		},
		func(s *Sample) string {
			v, ok := field(s).Get()
			if !ok {
				return ""
			}
			return strconv.FormatUint(uint64(v), 10)
		}}
}

// stamp is the column of a time in nanoseconds.
func stamp(name string, field func(*Sample) *Opt[int64]) column {
	return column{name,
		func(s *Sample, v string) error {
			n, err := strconv.ParseInt(v, 10, 64)
			*field(s) = Some(n)
			if err != nil {
				return fmt.Errorf("%.40q is no time in whole nanoseconds", v)
			}
			return nil
		},
		func(s *Sample) string {
			v, ok := field(s).Get()
			if !ok {
				return ""
			}
			return strconv.FormatInt(v, 10)
		}}
}

// boolean is the column of a yes or no.
func boolean(name string, field func(*Sample) *Opt[bool]) column {
	return column{name,
		func(s *Sample, v string) error {
			b, err := strconv.ParseBool(v)
			*field(s) = Some(b)
			if err != nil {
				return fmt.Errorf("%.40q is neither true nor false", v)
			}
			return nil
		},
		func(s *Sample) string {
			v, ok := field(s).Get()
			if !ok {
				return ""
			}
			return strconv.FormatBool(v)
		}}
}

// parseOffer reads "mss=1460,sack,ts,wscale=7".
func parseOffer(s *Sample, v string) error {
	var o Offer
	for _, word := range strings.Split(v, ",") {
		if err := o.parse(word); err != nil {
			return err
		}
	}
	s.Offer = Some(o)
	return nil
}

// parse adds one option's word to the offer.
func (o *Offer) parse(word string) error {
	name, value, _ := strings.Cut(word, "=")
	switch name {
	case "mss":
		n, err := strconv.ParseUint(value, 10, 16)
		o.MSS = uint16(n)
		return err
	case "wscale":
		n, err := strconv.ParseUint(value, 10, 8)
		o.WScale = Some(uint8(n))
		return err
	case "sack":
		o.SACK = true
	case "ts":
		o.Timestamps = true
	case "none":
	default:
		return fmt.Errorf("unknown option %q", word)
	}
	return nil
}

// String gives the offer in the notation that CSV files use.
func (o Offer) String() string {
	var words []string
	if o.MSS != 0 {
		words = append(words, fmt.Sprintf("mss=%d", o.MSS))
	}
	if o.SACK {
		words = append(words, "sack")
	}
	if o.Timestamps {
		words = append(words, "ts")
	}
	if o.WScale.OK {
		words = append(words, fmt.Sprintf("wscale=%d", o.WScale.Value))
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ",")
}

func offerText(s *Sample) string {
	if !s.Offer.OK {
		return ""
	}
	return s.Offer.Value.String()
}

// layout returns the columns that a file of these samples needs.
func layout(samples []Sample) []column {
	var first Opt[Offer]
	for i := range samples {
		o := samples[i].Offer
		if o.OK && first.OK && o != first {
			return append(columns[:len(columns):len(columns)], offerColumn)
		}
		if !first.OK {
			first = o
		}
	}
	return columns
}

// WriteCSV writes a header and one row a sample; what was not measured is
// empty. Where the offered options differ between samples a last column,
// syn_options, says so; without it the options ladder could not be read back.
func WriteCSV(w io.Writer, samples []Sample) error {
	cols := layout(samples)
	out := csv.NewWriter(w)
	row := make([]string, len(cols))
	for i, c := range cols {
		row[i] = c.name
	}
	out.Write(row) // an error stays in out and Flush keeps it
	for i := range samples {
		for j, c := range cols {
			row[j] = c.text(&samples[i])
		}
		out.Write(row)
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("writing ISN samples: %w", err)
	}
	return nil
}

// ReadCSV reads samples that WriteCSV or somebody else wrote. Columns may
// come in any order; unknown ones are ignored, missing ones leave their field
// absent; only isn must exist. Errors name the file, the line and the column,
// and wrap [ErrCSV] where the text is at fault.
func ReadCSV(r io.Reader, file string) ([]Sample, error) {
	rows := &rowReader{Reader: r}
	in := csv.NewReader(rows)
	in.FieldsPerRecord = -1
	in.Comment = '#'
	in.ReuseRecord = true
	in.TrimLeadingSpace = true
	header, err := in.Read()
	if err != nil {
		return nil, fileError(file, err)
	}
	cols, err := heading(header)
	if err != nil {
		return nil, fmt.Errorf("%s: line 1: %w", file, err)
	}
	return readRows(in, rows, file, cols)
}

// Bounds of a file of samples: a device or a pipe may have no end.
const (
	maxRow     = 1 << 20 // bytes
	maxSamples = 1 << 22
)

// rowReader fails when a row is too long to be one.
type rowReader struct {
	io.Reader
	read int // since the last row
}

func (r *rowReader) Read(b []byte) (int, error) {
	if r.read > maxRow {
		return 0, fmt.Errorf("%w: a row of more than %d bytes", ErrCSV, maxRow)
	}
	n, err := r.Reader.Read(b)
	r.read += n
	return n, err
}

// fileError says whether a file is empty, badly quoted, or could not be read.
func fileError(file string, err error) error {
	var bad *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s: %w: the file is empty", file, ErrCSV)
	case errors.As(err, &bad):
		return fmt.Errorf("%s: line %d: character %d: %w: %s", file, bad.StartLine, bad.Column, ErrCSV, quoting(bad))
	}
	return fmt.Errorf("%s: %w", file, err)
}

// quoting says what is wrong with the quotes of a row.
func quoting(bad *csv.ParseError) string {
	if bad.Line > bad.StartLine {
		return fmt.Sprintf("a quote that is not closed up to line %d", bad.Line)
	}
	return bad.Err.Error()
}

// heading finds the column of each field of the header, nil where unknown.
func heading(header []string) ([]*column, error) {
	known := append(columns[:len(columns):len(columns)], offerColumn)
	byName := make(map[string]*column, len(known))
	for i := range known {
		byName[known[i].name] = &known[i]
	}
	cols := make([]*column, len(header))
	seen := make(map[string]bool)
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		cols[i] = byName[name]
		if cols[i] != nil && seen[name] {
			return nil, fmt.Errorf("column %s: %w: named twice", name, ErrCSV)
		}
		seen[name] = true
	}
	if !seen["isn"] {
		return nil, fmt.Errorf("column isn: %w: the header does not name it (it names %q)",
			ErrCSV, strings.Join(header, ","))
	}
	return cols, nil
}

// readRows reads everything below the header.
func readRows(in *csv.Reader, rows *rowReader, file string, cols []*column) ([]Sample, error) {
	var samples []Sample
	for {
		rows.read = 0
		row, err := in.Read()
		if err == io.EOF {
			return samples, nil
		}
		if err != nil {
			return nil, fileError(file, err)
		}
		line, _ := in.FieldPos(0)
		s, err := parseRow(row, cols)
		if err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", file, line, err)
		}
		if samples = append(samples, s); len(samples) > maxSamples {
			return nil, fmt.Errorf("%s: line %d: %w: more than %d samples", file, line, ErrCSV, maxSamples)
		}
	}
}

// parseRow reads one sample. A row of other length than the header is damaged, most
// often cut short.
func parseRow(row []string, cols []*column) (Sample, error) {
	var s Sample
	if len(row) != len(cols) {
		return s, fmt.Errorf("%w: %d fields where the header names %d", ErrCSV, len(row), len(cols))
	}
	for i, v := range row {
		v = strings.TrimSpace(v)
		if cols[i] == nil || v == "" {
			continue
		}
		if err := cols[i].parse(&s, v); err != nil {
			return s, fmt.Errorf("column %s: %w: %w", cols[i].name, ErrCSV, err)
		}
	}
	if s.Sent.OK && s.Received.OK && s.Received.Value < s.Sent.Value {
		return s, fmt.Errorf("column received_ns: %w: before sent_ns", ErrCSV)
	}
	return s, nil
}
