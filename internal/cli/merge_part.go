package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/netip"
	"os"
	"time"

	"synscope/internal/report"
	"synscope/probe"
)

// part is what one process wrote: a stretch of a file, from its run record to
// its summary, or to where the process was killed.
type part struct {
	path       string
	first, end int64 // bytes of the file
	run        *report.Run
	shard      *report.Shard
	summary    *report.Summary // nil where the process was killed
}

func (p *part) where() string { return p.path }

func (p *part) shardWord() string { return fmt.Sprintf("shard %d/%d", p.shard.Shard, p.shard.Shards) }

// belongs compares two parts that should be of one scan.
func (p *part) belongs(other *part) error {
	a, b := p.shard, other.shard
	what := ""
	switch {
	case a.Seed != b.Seed:
		what = fmt.Sprintf("seed %d, not %d", a.Seed, b.Seed)
	case a.Shards != b.Shards:
		what = fmt.Sprintf("one of %d shards, not of %d", a.Shards, b.Shards)
	case a.Technique != b.Technique:
		what = fmt.Sprintf("technique %s, not %s", a.Technique, b.Technique)
	case a.Plan != b.Plan:
		what = "other targets, exclusions or ports"
	default:
		return nil
	}
	return fmt.Errorf("%s does not belong to %s: it has %s", p.where(), other.where(), what)
}

// readParts finds the parts in a file of JSON lines.
func readParts(path string) (parts []*part, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var now *part
	err = eachRecord(f, 0, func(kind string, line []byte, at int64) error {
		var err error
		switch kind {
		case "run":
			now = &part{path: path, first: at}
			parts = append(parts, now)
			err = decodeInto(&now.run, line)
		case "shard":
			if now != nil {
				err = decodeInto(&now.shard, line)
			}
		case "summary":
			if now != nil {
				err = decodeInto(&now.summary, line)
			}
		}
		if now != nil {
			now.end = at + int64(len(line)) + 1
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return parts, checkParts(path, parts)
}

func checkParts(path string, parts []*part) error {
	if len(parts) == 0 {
		return fmt.Errorf("%s holds no run of synscope: merge takes what `scan -o json` wrote", path)
	}
	for _, p := range parts {
		switch {
		case p.shard == nil:
			return fmt.Errorf("%s is not the output of a shard: scan with --shard or --stateless", path)
		case p.shard.Shard < 1 || p.shard.Shard > p.shard.Shards || p.shard.Part < 1:
			return fmt.Errorf("%s: shard %d/%d, part %d is impossible", path, p.shard.Shard, p.shard.Shards, p.shard.Part)
		}
	}
	return nil
}

func decodeInto[T any](field **T, line []byte) error {
	*field = new(T)
	return json.Unmarshal(line, *field)
}

// eachRecord calls f with every whole line, its type, and where it begins. What
// follows the last end of line is of a process that was killed while writing.
func eachRecord(r io.Reader, at int64, f func(kind string, line []byte, at int64) error) error {
	in := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f(kindOf(line), line[:len(line)-1], at); err != nil {
			return fmt.Errorf("at byte %d: %w", at, err)
		}
		at += int64(len(line))
	}
}

// kindOf is a record's type; our own writer puts it first.
func kindOf(line []byte) string {
	rest, ours := bytes.CutPrefix(line, []byte(`{"type":"`))
	if kind, _, ok := bytes.Cut(rest, []byte(`"`)); ours && ok {
		return string(kind)
	}
	var r struct{ Type string }
	if json.Unmarshal(line, &r) != nil {
		return ""
	}
	return r.Type
}

// shard writes the ports of one shard, each once, from the part with the best
// answer, and adds up what its processes did.
func (t *shardTotal) shard(out *report.Output, parts []*part) error {
	best := bestAnswers{seed: maphash.MakeSeed(), of: map[uint64]uint8{}}
	for _, p := range parts {
		if err := p.ports(best.note); err != nil {
			return err
		}
	}
	states := map[probe.State]uint64{}
	for _, p := range parts {
		err := p.ports(func(port *report.Port) error {
			if !best.take(port) {
				return nil
			}
			states[port.State]++
			return out.Record(port)
		})
		if err != nil {
			return err
		}
	}
	t.finish(parts, states)
	return nil
}

// finish adds up the parts of a shard. A single part has counted its states; of
// several, only the ports that were written are certain, and what is left did
// not answer.
func (t *shardTotal) finish(parts []*part, states map[probe.State]uint64) {
	var took time.Duration
	for _, p := range parts {
		if p.summary != nil {
			t.add(p.summary)
			took += p.summary.Took
		}
	}
	t.took = max(t.took, took)
	targets := parts[0].shard.Targets
	if len(parts) == 1 {
		states, targets = parts[0].summary.States, parts[0].summary.Probes
	} else {
		var answered uint64
		for _, n := range states {
			answered += n
		}
		states[silence(parts[0].shard.Technique)] += targets - min(answered, targets)
	}
	t.sum.Probes += targets
	for state, n := range states {
		t.sum.States[state] += n
	}
}

// silence is what no answer means to a technique.
func silence(technique string) probe.State {
	if t, err := probe.TechniqueByName(technique); err == nil {
		return t.Silence
	}
	return probe.StateUnknown
}

// ports calls f with every port of a part.
func (p *part) ports(f func(*report.Port) error) error {
	file, err := os.Open(p.path)
	if err != nil {
		return usage(err)
	}
	defer file.Close()
	stretch := io.NewSectionReader(file, p.first, p.end-p.first)
	return eachRecord(stretch, p.first, func(kind string, line []byte, _ int64) error {
		if kind != "port" {
			return nil
		}
		port, err := decodePort(line)
		if err != nil {
			return usagef("%s: %w", p.path, err)
		}
		return f(port)
	})
}

// decodePort reads a port, whose findings tell their severity in words.
func decodePort(line []byte) (*report.Port, error) {
	var r struct {
		report.Port
		Findings []struct {
			probe.Finding
			Severity string `json:"severity"`
		} `json:"findings"`
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, err
	}
	port := r.Port
	for _, f := range r.Findings {
		for f.Finding.Severity = probe.SeverityInfo; f.Finding.Severity < probe.SeverityWarning && f.Finding.Severity.String() != f.Severity; {
			f.Finding.Severity++
		}
		port.Findings = append(port.Findings, f.Finding)
	}
	return &port, nil
}

// bestAnswers remembers of every port of one shard how good its best record is,
// in about 20 bytes each. Two ports are confused with a chance of 2^-64.
type bestAnswers struct {
	seed maphash.Seed
	of   map[uint64]uint8
}

func (b *bestAnswers) key(p *report.Port) uint64 {
	return maphash.Comparable(b.seed, netip.AddrPortFrom(p.Addr, p.Port))
}

func (b *bestAnswers) note(p *report.Port) error {
	k := b.key(p)
	b.of[k] = max(b.of[k], merit(p.State))
	return nil
}

// take tells whether a record is the one to keep, once for each port.
func (b *bestAnswers) take(p *report.Port) bool {
	k := b.key(p)
	if b.of[k] != merit(p.State) {
		return false
	}
	delete(b.of, k)
	return true
}

// merit orders states by how much their evidence proves; never zero.
func merit(s probe.State) uint8 {
	switch s {
	case probe.StateOpen:
		return 4
	case probe.StateRefused, probe.StateUnfiltered:
		return 3
	case probe.StateFiltered:
		return 2
	}
	return 1
}
