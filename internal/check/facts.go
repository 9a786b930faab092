package check

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Facts is what was found, out of the JSON lines of the commands.
type Facts struct {
	at map[netip.AddrPort]*found

	// Unasked says of a name without an address why nobody could be asked for one:
	// that is another thing than a name that there is not.
	Unasked map[string]string

	// Unable says of a command why it could not run on this machine, or for this
	// user, and what to do: nothing is judged for want of what it would have found.
	Unable map[string]string
}

// found is all that is known of a place; nil where it was not looked at.
type found struct {
	port      *entry
	rtt       *entry
	handshake *entry
	isn       *entry
	hops      []*entry
}

// entry is a record of the JSON lines, as far as it matters here.
type entry struct {
	Type     string
	Target   string
	Addr     netip.Addr
	Port     uint16
	State    string
	Reason   string
	Sent     uint64
	Lost     uint64
	Received uint64
	Loss     *float64

	Min  *time.Duration `json:"min_ns"`
	Mean *time.Duration `json:"mean_ns"`
	P50  *time.Duration `json:"p50_ns"`
	P90  *time.Duration `json:"p90_ns"`
	P95  *time.Duration `json:"p95_ns"`
	P99  *time.Duration `json:"p99_ns"`
	Max  *time.Duration `json:"max_ns"`

	Negotiated map[string]any
	Close      string
	Findings   []struct{ Code, Severity string }
	Class      string
	Difficulty *float64
	TTL        int
	Kind       string

	took time.Duration // from the beginning of its command until it was there; 0 unknown
}

// NewFacts are none yet.
func NewFacts() *Facts { return &Facts{at: map[netip.AddrPort]*found{}, Unable: map[string]string{}} }

// typesOf are the records that facts are made of, by command.
var typesOf = map[string][]string{
	"scan": {"port"}, "ping": {"rtt_summary"}, "handshake": {"handshake"}, "isn": {"isn"}, "trace": {"hop", "port"},
}

// Add takes one JSON line of a command, which it wrote so long after it began.
func (f *Facts) Add(command string, line []byte, took time.Duration) error {
	var kind struct{ Type string }
	if err := json.Unmarshal(line, &kind); err != nil {
		return fmt.Errorf("a record of %s: %w", command, err)
	}
	if !slices.Contains(typesOf[command], kind.Type) {
		return nil
	}
	r := &entry{took: took}
	if err := json.Unmarshal(line, r); err != nil {
		return fmt.Errorf("a record of %s: %w", command, err)
	}
	return f.take(command, r)
}

func (f *Facts) take(command string, r *entry) error {
	pair := netip.AddrPortFrom(r.Addr, r.Port)
	if r.Type == "hop" { // whose address is the hop's
		var err error
		if pair, err = netip.ParseAddrPort(r.Target); err != nil {
			return fmt.Errorf("a record of %s: %w", command, err)
		}
	}
	if f.at[pair] == nil {
		f.at[pair] = &found{}
	}
	at := f.at[pair]
	if r.Type == "hop" {
		at.hops = append(at.hops, r)
		return nil
	}
	switch command {
	case "scan":
		at.port = r
	case "ping":
		at.rtt = r
	case "handshake":
		at.handshake = r
	case "isn":
		at.isn = r
	}
	return nil
}

// of is what is known of a port, never nil.
func (f *Facts) of(pair netip.AddrPort) *found {
	if at := f.at[pair]; at != nil {
		return at
	}
	return &found{}
}

// time is a statistic of the round trips.
func (r *entry) time(of string) (d time.Duration, ok bool) {
	at := map[string]*time.Duration{"min": r.Min, "mean": r.Mean, "p50": r.P50, "p90": r.P90, "p95": r.P95, "p99": r.P99, "max": r.Max}[of]
	if at == nil {
		return 0, false
	}
	return *at, true
}

func (r *entry) codes() (codes []string) {
	for _, f := range r.Findings {
		codes = append(codes, f.Code)
	}
	return codes
}
