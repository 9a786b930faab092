package sink

import "synscope/internal/report/record"

// Sink renders the records of one run in one format, onto one output.
type Sink interface {
	// Record renders one record; a format may have nothing to say about some.
	// Records come in the order of the run: first [*Run], last [*Summary]. The
	// record is not the sink's to change, but is to keep.
	Record(r record.Record) error
	// Close writes what is still held back. It does not close the LineWriter.
	Close() error
}

// Paint is whether text gets colours. The zero value leaves it plain.
type Paint bool

const (
	Plain    Paint = false
	Coloured Paint = true
)

// Options say how results look. The zero value is fit for a file.
type Options struct {
	Colour   Paint               // terminal colours (text)
	Banner   bool                // open with what was run and when (text)
	Quiet    bool                // end with the results, without a summary (text)
	Reason   bool                // show what each verdict rests on, and when it came (text)
	Verbose  bool                // tell of each host that is down (text, grepable)
	HostList bool                // hosts are looked for, and no ports (text, CSV)
	Paths    bool                // all paths to a port are looked for, not the hops of one (CSV)
	Rounds   bool                // hops are probed round after round: only their totals are shown (text)
	Hosts    int                 // how many hosts there will be; 1 gives a heading, else a column (text)
	HostWide int                 // how wide the column of hosts will be, where that is known (text)
	Clock    bool                // begin each line of a ping with the time (text)
	Board    bool                // probes are shown in a table elsewhere, not a line each (text)
	Service  func(uint16) string // the name of a port's service, "" unknown; may be nil (text)
	IANA     func(uint16) string // the name that is registered; nil: Service (xml, grep)
	Fields   []string            // only these, in this order; none: as the format has it (text, csv, zmap)
	Scan     *ScanInfo           // what a scan probes; nil: no scan (xml)
	Wide     int                 // columns of the terminal that is written to; 0: no terminal, lines are as long as they are (text)
}

// Registered is how services are called where only registered names count.
func (o *Options) Registered() func(uint16) string {
	if o.IANA != nil {
		return o.IANA
	}
	return o.Service
}

// ScanInfo says what a scan probes, as nmap's XML does.
type ScanInfo struct {
	Technique string // nmap's word: "syn", "connect", "ack", ...
	Ports     string // "22,80,8000-8100"
	Count     int    // how many those are
}
