package report

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"synscope/probe"
)

// openPort is an open port of a record, and what answered.
func openPort(r Record) (port *Port, ok bool) {
	switch r := r.(type) {
	case *Port:
		return r, r.State == probe.StateOpen
	case *RTTSummary:
		return &Port{Addr: r.Addr, Port: r.Port, Reason: probe.ReasonSYNACK}, r.State == probe.StateOpen
	case *Connection:
		p := &Port{Addr: r.Result.Target.Addr(), Port: r.Result.Target.Port(), Reason: r.Reason}
		if r.Reply != nil {
			p.see(r.Reply)
		}
		return p, r.State == probe.StateOpen
	case *ISN:
		return &Port{Addr: r.Addr, Port: r.Port, Reason: r.Reason}, r.Addr.IsValid() && r.State == probe.StateOpen
	}
	return nil, false
}

// openList is a format that tells of open ports alone, each once where it is
// told of several times in a row.
type openList struct {
	w     *LineWriter
	last  netip.AddrPort
	line  func(b []byte, p *Port, first bool) []byte
	head  string
	foot  string
	begun bool
}

func (s *openList) Record(r Record) error {
	if err := s.begin(); err != nil {
		return err
	}
	p, ok := openPort(r)
	if !ok {
		return nil
	}
	pair := netip.AddrPortFrom(p.Addr, p.Port)
	if pair == s.last {
		return nil
	}
	first := !s.last.IsValid()
	s.last = pair
	return s.w.Append(func(b []byte) []byte { return s.line(b, p, first) })
}

func (s *openList) begin() error {
	if s.begun || s.head == "" {
		return nil
	}
	s.begun = true
	return s.w.Append(func(b []byte) []byte { return append(b, s.head...) })
}

func (s *openList) Close() error {
	if err := s.begin(); err != nil {
		return err
	}
	if s.foot != "" {
		if err := s.w.Append(func(b []byte) []byte { return append(b, s.foot...) }); err != nil {
			return err
		}
	}
	return s.w.Flush()
}

// newList writes host:port lines, for pipes: -iL - reads them again.
func newList(w *LineWriter, _ Options) Sink {
	return &openList{w: w, line: func(b []byte, p *Port, _ bool) []byte {
		return append(netip.AddrPortFrom(p.Addr, p.Port).AppendTo(b), '\n')
	}}
}

// newMasscan writes the list that masscan's -oJ does: one array, an object a line
// for each open port, the comma at the beginning of the next.
func newMasscan(w *LineWriter, _ Options) Sink {
	return &openList{w: w, head: "[\n", foot: "]\n", line: func(b []byte, p *Port, first bool) []byte {
		if !first {
			b = append(b, ",\n"...)
		}
		return append(append(b, masscanEntry(p, p.when())...), '\n')
	}}
}

// when is the time of the answer, or that at which it is told of.
func (p *Port) when() time.Time {
	if p.Time.IsZero() {
		return time.Now()
	}
	return p.Time
}

// masscanEntry is one open port as masscan 1.3 tells of it.
func masscanEntry(p *Port, at time.Time) []byte {
	ttl, _ := p.TTL.Get()
	type portEntry struct {
		Port   uint16 `json:"port"`
		Proto  string `json:"proto"`
		Status string `json:"status"`
		Reason string `json:"reason"`
		TTL    uint8  `json:"ttl"`
	}
	line, _ := json.Marshal(struct {
		IP        string      `json:"ip"`
		Timestamp string      `json:"timestamp"`
		Ports     []portEntry `json:"ports"`
	}{p.Addr.String(), strconv.FormatInt(at.Unix(), 10), []portEntry{{p.Port, "tcp", "open", nmapReason(p.Reason), ttl}}})
	return line
}

// zmapColumns are the fields of zmap's module tcp_synscan, in its order. What is
// not known here stays empty.
var zmapColumns = []string{
	"saddr", "saddr_raw", "daddr", "daddr_raw", "ipid", "ttl", "sport", "dport", "seqnum", "acknum", "window",
	"classification", "success", "repeat", "cooldown", "timestamp_str", "timestamp_ts", "timestamp_us",
}

// newZMap writes zmap's CSV of open ports: the columns asked for, else the two
// that it has for several ports.
func newZMap(w *LineWriter, o Options) Sink {
	columns := o.Fields
	if len(columns) == 0 {
		columns = []string{"saddr", "sport"}
	}
	return &openList{w: w, head: strings.Join(columns, ",") + "\n", line: func(b []byte, p *Port, _ bool) []byte {
		values := zmapValues(p, p.when())
		for i, c := range columns {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, values[underscored(c)]...)
		}
		return append(b, '\n')
	}}
}

// zmapValues are the fields of a port that are known.
func zmapValues(p *Port, at time.Time) map[string]string {
	v := map[string]string{
		"saddr": p.Addr.String(), "sport": strconv.Itoa(int(p.Port)), "classification": "synack",
		"success": "1", "repeat": "0", "cooldown": "0",
		"timestamp_str": at.Format("2006-01-02T15:04:05.000-0700"),
		"timestamp_ts":  strconv.FormatInt(at.Unix(), 10), "timestamp_us": strconv.Itoa(at.Nanosecond() / 1000),
	}
	number(v, "ttl", p.TTL)
	number(v, "window", p.Window)
	number(v, "seqnum", p.Seq)
	number(v, "acknum", p.Ack)
	number(v, "ipid", p.IPID)
	if p.Addr.Is4() {
		// zmap keeps addresses as the network has them and prints the integer
		// that the machine reads there: little-endian.
		b := p.Addr.As4()
		v["saddr_raw"] = strconv.FormatUint(uint64(b[0])|uint64(b[1])<<8|uint64(b[2])<<16|uint64(b[3])<<24, 10)
	}
	return v
}

// underscored is the name that zmap 3 gives to a column that had hyphens before.
func underscored(column string) string { return strings.ReplaceAll(column, "-", "_") }

func number[T ~uint8 | ~uint16 | ~uint32](v map[string]string, name string, m Maybe[T]) {
	if n, ok := m.Get(); ok {
		v[name] = strconv.FormatUint(uint64(n), 10)
	}
}

// CheckFields tells whether each of the fields exists in the table of a command,
// or among zmap's. The error is [ErrOutput], and lists them.
func CheckFields(command, format string, fields []string) error {
	columns := FieldsOf(command, format)
	for i, f := range fields {
		known := f
		if format == "zmap" {
			known = underscored(f)
		}
		if !slices.Contains(columns, known) {
			return &fieldError{f, command, columns}
		}
		if slices.Contains(fields[:i], f) {
			return &fieldError{f, "", nil}
		}
	}
	return nil
}

// FieldsOf are the fields that the rows of a command have in a format.
func FieldsOf(command, format string) []string {
	if format == "zmap" {
		return zmapColumns
	}
	return tableOf(command).columns
}

// fieldError is one of a field that is not there, or there twice.
type fieldError struct {
	field, command string
	columns        []string
}

func (e *fieldError) Error() string {
	if e.columns == nil {
		return "field " + strconv.Quote(e.field) + " is named twice"
	}
	return strconv.Quote(e.field) + " is no field of " + e.command + ": there are " + strings.Join(e.columns, ", ")
}

func (e *fieldError) Unwrap() error { return ErrOutput }
