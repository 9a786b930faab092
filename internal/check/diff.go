package check

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/schema"
	"synscope/probe"
)

// ErrRun marks a file that holds no whole run of JSON lines.
var ErrRun = errors.New("JSON lines")

// Run is what a file of JSON lines tells, by what it is about and in what respect.
type Run struct {
	Command string
	facts   map[string]map[string]string // target → what → how it is
	ways    map[string]map[string]bool   // target → hops that answered
	times   map[string]time.Duration     // medians
	known   []string                     // types of records
}

// longestLine bounds a record.
const longestLine = 16 << 20

// ReadRun reads the JSON lines of one whole run. An error names the line and is
// [ErrRun]: a file that is cut short, or another program's, is not compared.
func ReadRun(name string, r io.Reader) (*Run, error) {
	run := &Run{facts: map[string]map[string]string{}, ways: map[string]map[string]bool{}, times: map[string]time.Duration{}, known: schema.Names()}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestLine)
	n, ended := 0, false
	for lines.Scan() {
		n++
		if ended {
			return nil, fmt.Errorf("%w: %s:%d: a record after the summary: one run a file", ErrRun, name, n)
		}
		var err error
		if ended, err = run.take(n, lines.Bytes()); err != nil {
			return nil, fmt.Errorf("%w: %s:%d: %w", ErrRun, name, n, err)
		}
	}
	switch {
	case errors.Is(lines.Err(), bufio.ErrTooLong):
		return nil, fmt.Errorf("%w: %s:%d: a line of more than %d bytes, which no record is", ErrRun, name, n+1, longestLine)
	case lines.Err() != nil:
		return nil, fmt.Errorf("%w: %s:%d: %w", ErrRun, name, n+1, lines.Err())
	case n == 0:
		return nil, fmt.Errorf("%w: %s: the file is empty", ErrRun, name)
	case !ended:
		return nil, fmt.Errorf("%w: %s:%d: the run was cut short: the last record is no summary", ErrRun, name, n)
	}
	run.settle()
	return run, nil
}

// compared are the records that say how things are; others tell of single probes,
// whose fields of one name mean other things.
var compared = []string{"port", "host", "handshake", "isn", "rtt_summary", "hop", "check"}

// take reads one line; it tells whether that was the summary.
func (r *Run) take(n int, line []byte) (ended bool, err error) {
	var head struct {
		Type, Schema, Command string
		Complete              *bool
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return false, fmt.Errorf("no record: %w", record.Wording(err))
	}
	switch {
	case head.Type == "":
		return false, errors.New("no record of synscope: it has no type")
	case n == 1 && head.Type != "run":
		return false, fmt.Errorf("the first record is %q and not \"run\"", head.Type)
	case n == 1 && head.Schema != record.Schema:
		return false, fmt.Errorf("records of %q: this program reads %q", head.Schema, record.Schema)
	case n == 1:
		r.Command = head.Command
		return false, nil
	case head.Type == "run":
		return false, errors.New("another run begins: one run a file")
	case head.Type == "summary":
		if head.Complete != nil && !*head.Complete && r.Command != "ping" {
			return false, errors.New("the run was not finished: what it did not come to would look as if it had changed")
		}
		return true, nil
	}
	if !slices.Contains(r.known, head.Type) {
		return false, fmt.Errorf("a record of type %q, which this program does not know", head.Type)
	}
	if !slices.Contains(compared, head.Type) {
		return false, nil
	}
	var rec entry
	if err := json.Unmarshal(line, &rec); err != nil {
		return false, fmt.Errorf("a record of type %q: %w", head.Type, record.Fault(line, &rec, err))
	}
	if err := rec.sound(line); err != nil {
		return false, fmt.Errorf("a record of type %q: %w", head.Type, err)
	}
	if err := r.learn(&rec, line); err != nil {
		return false, fmt.Errorf("a record of type %q: %w", head.Type, err)
	}
	return false, nil
}

// aboutPorts are the records that tell of a port of an address.
var aboutPorts = []string{"port", "handshake", "isn", "rtt_summary"}

// sound refuses a record that lacks what it is about, or says what no run does.
func (r *entry) sound(line []byte) error {
	var has struct{ Addr, Port *json.RawMessage }
	if err := json.Unmarshal(line, &has); err != nil {
		return err
	}
	about := slices.Contains(aboutPorts, r.Type)
	switch {
	case about && has.Port == nil:
		return errors.New("it names no port")
	case about && !r.Addr.IsValid() && r.State != probe.StateUnknown.String():
		return errors.New("it names no address")
	case r.Type == "hop" && r.Target == "", r.Type == "host" && !r.Addr.IsValid() && r.Target == "":
		return errors.New("it names no target")
	case r.State != "" && !slices.Contains(statesOf(r.Type), r.State):
		return fmt.Errorf("%q is no state", r.State)
	}
	for _, d := range []*time.Duration{r.Min, r.Mean, r.P50, r.P90, r.P95, r.P99, r.Max} {
		if d != nil && *d < 0 {
			return fmt.Errorf("%v is no round-trip time", *d)
		}
	}
	return nil
}

// statesOf are the words for the state of what a record is about.
func statesOf(kind string) (words []string) {
	if kind == "host" {
		return []string{"up", "down", probe.StateUnknown.String()}
	}
	for _, s := range probe.States() {
		words = append(words, s.String())
	}
	return words
}

// learn keeps what a record says.
func (r *Run) learn(rec *entry, line []byte) error {
	place := rec.Target
	if rec.Addr.IsValid() {
		place = netip.AddrPortFrom(rec.Addr, rec.Port).String()
	}
	switch rec.Type {
	case "port":
		if old := r.facts[place]["state"]; old != "" && old != stateOf(rec) {
			return fmt.Errorf("%s is %s here and %s before", place, stateOf(rec), old)
		}
		r.set(place, "state", stateOf(rec))
		r.set(place, "findings", r.unusual(rec))
	case "host":
		if rec.State != "" {
			r.set(rec.Addr.String(), "host", stateOf(rec))
		}
		r.set(rec.Addr.String(), "findings", r.unusual(rec))
	case "handshake":
		r.set(place, "state", stateOf(rec))
		r.set(place, "negotiated", negotiated(rec))
		r.set(place, "close", rec.Close)
		r.set(place, "findings", r.unusual(rec))
	case "isn":
		r.set(place, "sequence numbers", rec.Class)
	case "rtt_summary":
		r.set(place, "answers", map[bool]string{true: "some", false: "none"}[rec.Received > 0])
		if d, ok := rec.time("p50"); ok {
			r.times[place] = d
		}
	case "hop":
		if rec.Addr.IsValid() {
			r.hop(rec.Target, fmt.Sprintf("%d: %s", rec.TTL, rec.Addr))
		}
	case "check":
		var c struct {
			Name, Target, Expected string
			OK                     *bool
		}
		if err := json.Unmarshal(line, &c); err != nil {
			return err
		}
		if c.OK == nil {
			return nil // not judged
		}
		r.set(c.Name+": "+c.Target, c.Expected, map[bool]string{true: "held", false: "failed"}[*c.OK])
	}
	return nil
}

func (r *Run) set(target, what, how string) {
	if how == "" {
		return
	}
	if r.facts[target] == nil {
		r.facts[target] = map[string]string{}
	}
	r.facts[target][what] = how
}

// hop keeps one more hop of the way to a target.
func (r *Run) hop(target, word string) {
	if r.ways[target] == nil {
		r.ways[target] = map[string]bool{}
	}
	r.ways[target][word] = true
}

// settle makes a fact of each way, when all hops are known.
func (r *Run) settle() {
	for target, hops := range r.ways {
		r.set(target, "way", strings.Join(slices.Sorted(maps.Keys(hops)), ", "))
	}
}

// unusual are the codes of findings that are more than information.
func (*Run) unusual(rec *entry) string {
	var codes []string
	for _, f := range rec.Findings {
		if f.Severity != "info" {
			codes = append(codes, f.Code)
		}
	}
	return strings.Join(slices.Compact(sorted(codes)), ", ")
}

func negotiated(rec *entry) string {
	var words []string
	for _, o := range optionNames {
		if v, there := rec.Negotiated[o]; there {
			words = append(words, fmt.Sprintf("%s %v", o, v))
		}
	}
	return strings.Join(words, ", ")
}

// Change is one difference between two runs; Old or New is "" where the run says
// nothing of it.
type Change struct{ Target, What, Old, New string }

// slower is from which factor, and which difference, on a median is told of.
const (
	slower     = 1.5
	slowerThan = time.Millisecond
)

// Compare lists what is different, by target. Runs of different commands cannot
// be compared; the error is [ErrRun].
func Compare(before, after *Run) (changes []Change, err error) {
	if before.Command != after.Command {
		return nil, fmt.Errorf("%w: a run of %s and one of %s", ErrRun, before.Command, after.Command)
	}
	for _, target := range bothKeys(before.facts, after.facts) {
		old, now := before.facts[target], after.facts[target]
		for _, what := range bothKeys(old, now) {
			if old[what] != now[what] {
				changes = append(changes, Change{target, what, old[what], now[what]})
			}
		}
	}
	for _, target := range bothKeys(before.times, after.times) {
		a, b := before.times[target], after.times[target]
		low, high := min(a, b), max(a, b)
		if low > 0 && high-low > slowerThan && float64(high) > slower*float64(low) {
			changes = append(changes, Change{target, "median RTT", a.String(), b.String()})
		}
	}
	return changes, nil
}

func bothKeys[V any](a, b map[string]V) []string {
	keys := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(keys)
	return slices.Compact(keys)
}
