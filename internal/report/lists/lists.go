package lists

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"synscope/internal/report/nmap"
	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/probe"
)

// openPort is an open port of a record, and what answered.
func openPort(r record.Record) (port *record.Port, ok bool) {
	switch r := r.(type) {
	case *record.Port:
		return r, r.State == probe.StateOpen
	case *record.RTTSummary:
		return &record.Port{Addr: r.Addr, Port: r.Port, Reason: probe.ReasonSYNACK}, r.State == probe.StateOpen
	case *record.Connection:
		p := &record.Port{Addr: r.Result.Target.Addr(), Port: r.Result.Target.Port(), Reason: r.Reason, Time: r.AnsweredAt()}
		if r.Reply != nil {
			p.See(r.Reply)
		}
		return p, r.State == probe.StateOpen
	case *record.ISN:
		return &record.Port{Addr: r.Addr, Port: r.Port, Reason: r.Reason}, r.Addr.IsValid() && r.State == probe.StateOpen
	}
	return nil, false
}

// openList is a format that tells of open ports alone, each once where it is
// told of several times in a row.
type openList struct {
	w     *sink.LineWriter
	last  netip.AddrPort
	line  func(b []byte, p *record.Port, first bool) []byte
	head  string
	foot  string
	begun bool
}

func (s *openList) Record(r record.Record) error {
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

// Foot implements [sink.Footed].
func (s *openList) Foot(error) string { return s.foot }

// NewList writes host:port lines, for pipes: -iL - reads them again.
func NewList(w *sink.LineWriter, _ sink.Options) sink.Sink {
	return &openList{w: w, line: func(b []byte, p *record.Port, _ bool) []byte {
		return append(netip.AddrPortFrom(p.Addr, p.Port).AppendTo(b), '\n')
	}}
}

// NewMasscan writes the list that masscan's -oJ does: one array, an object a line
// for each open port, the comma at the beginning of the next.
func NewMasscan(w *sink.LineWriter, _ sink.Options) sink.Sink {
	return &openList{w: w, head: "[\n", foot: "]\n", line: func(b []byte, p *record.Port, first bool) []byte {
		if !first {
			b = append(b, ",\n"...)
		}
		return append(append(b, masscanEntry(p, when(p))...), '\n')
	}}
}

// when is the time of the answer, or that at which it is told of.
func when(p *record.Port) time.Time {
	if p.Time.IsZero() {
		return time.Now()
	}
	return p.Time
}

// masscanEntry is one open port as masscan 1.3 tells of it.
func masscanEntry(p *record.Port, at time.Time) []byte {
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
	}{p.Addr.String(), strconv.FormatInt(at.Unix(), 10), []portEntry{{p.Port, "tcp", "open", nmap.Reason(p.Reason), ttl}}})
	return line
}

// ZMapColumns are the fields of zmap's module tcp_synscan, in its order. What is
// not known here stays empty.
var ZMapColumns = []string{
	"saddr", "saddr_raw", "daddr", "daddr_raw", "ipid", "ttl", "sport", "dport", "seqnum", "acknum", "window",
	"classification", "success", "repeat", "cooldown", "timestamp_str", "timestamp_ts", "timestamp_us",
}

// NewZMap writes zmap's CSV of open ports: the columns asked for, else the two
// that it has for several ports.
func NewZMap(w *sink.LineWriter, o sink.Options) sink.Sink {
	columns := o.Fields
	if len(columns) == 0 {
		columns = []string{"saddr", "sport"}
	}
	return &openList{w: w, head: strings.Join(columns, ",") + "\n", line: func(b []byte, p *record.Port, _ bool) []byte {
		values := zmapValues(p, when(p))
		for i, c := range columns {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, values[Underscored(c)]...)
		}
		return append(b, '\n')
	}}
}

// zmapValues are the fields of a port that are known.
func zmapValues(p *record.Port, at time.Time) map[string]string {
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

// Underscored is the name that zmap 3 gives to a column that had hyphens before.
func Underscored(column string) string { return strings.ReplaceAll(column, "-", "_") }

func number[T ~uint8 | ~uint16 | ~uint32](v map[string]string, name string, m record.Maybe[T]) {
	if n, ok := m.Get(); ok {
		v[name] = strconv.FormatUint(uint64(n), 10)
	}
}
