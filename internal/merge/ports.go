package merge

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"io"
	"net/netip"

	"time"

	"synscope/internal/report/record"
	"synscope/probe"
)

// shard writes the ports of one shard, each once, from the part with the best
// answer, and adds up what its processes did.
func (t *total) shard(out Recorder, parts []*part) error {
	best := bestAnswers{seed: maphash.MakeSeed(), of: map[uint64]uint8{}}
	for _, p := range parts {
		if err := p.ports(best.note); err != nil {
			return err
		}
	}
	states := map[probe.State]uint64{}
	for _, p := range parts {
		err := p.ports(func(port *record.Port) error {
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
// several, only the ports that were written are certain; what is left did not
// answer, or is not known to where a part says so.
func (t *total) finish(parts []*part, states map[probe.State]uint64) {
	var took time.Duration
	var unknown uint64
	for _, p := range parts {
		if p.summary != nil {
			t.add(p.summary)
			took += p.summary.Took
			unknown += p.summary.States[probe.StateUnknown]
		}
	}
	t.sum.Took = max(t.sum.Took, took)
	targets := parts[0].shard.Targets
	if len(parts) == 1 { // which may have left out hosts that are down
		states, targets = parts[0].summary.States, parts[0].summary.Probes
	} else {
		var answered uint64
		for _, n := range states {
			answered += n
		}
		silent := targets - min(answered, targets)
		unknown = min(unknown, silent)
		states[probe.StateUnknown] += unknown
		states[silence(parts[0].shard.Technique)] += silent - unknown
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
func (p *part) ports(f func(*record.Port) error) error {
	stretch := io.NewSectionReader(p.file, p.first, p.end-p.first)
	return eachRecord(stretch, p.first, func(kind string, line []byte, _ int64) error {
		if kind != "port" {
			return nil
		}
		port, err := decodePort(line)
		if err != nil {
			return fmt.Errorf("%s: no record: %w", p.path, err)
		}
		return f(port)
	})
}

// decodePort reads a port, whose findings tell their severity in words.
func decodePort(line []byte) (*record.Port, error) {
	var r struct {
		record.Port
		Findings []struct {
			probe.Finding
			Severity string `json:"severity"`
		} `json:"findings"`
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, record.Fault(line, &r, err)
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

func (b *bestAnswers) key(p *record.Port) uint64 {
	return maphash.Comparable(b.seed, netip.AddrPortFrom(p.Addr, p.Port))
}

func (b *bestAnswers) note(p *record.Port) error {
	k := b.key(p)
	b.of[k] = max(b.of[k], merit(p.State))
	return nil
}

// take tells whether a record is the one to keep, once for each port.
func (b *bestAnswers) take(p *record.Port) bool {
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
