// Package merge joins what the processes of one scan wrote into one record of
// the whole: those of its shards, and those of each shard that was killed and
// resumed.
//
// A scan is whole where no shard is missing, each was finished, and all are of
// one plan; [Read] refuses anything less. A port that two processes probed is
// written once, with the answer that proves more.
//
//	scan, err := merge.Read(shard1, shard2)
//	if err != nil {
//		return err
//	}
//	return scan.Write(ctx, out, "1.0", os.Args[1:])
package merge

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"

	"synscope/internal/report/record"
	"synscope/internal/target"
	"synscope/probe"
)

// Recorder takes the records of the whole in order.
type Recorder interface{ Record(record.Record) error }

// Scan is a whole scan, in parts that are read when it is written.
type Scan struct {
	parts []*part // by shard, and of each in the order in which they ran
}

// Read finds the parts of a scan in files of JSON lines, in any order, which stay
// open for [Scan.Write]. The error names the file and what is missing or does not
// belong.
func Read(files ...*os.File) (*Scan, error) {
	var parts []*part
	for _, f := range files {
		found, err := readParts(f)
		if err != nil {
			return nil, err
		}
		parts = append(parts, found...)
	}
	switch {
	case len(files) == 0:
		return nil, fmt.Errorf("nothing to merge")
	case len(parts) == 0:
		return nil, fmt.Errorf("%s holds no results of a scan: its process ended as it began", files[0].Name())
	}
	return &Scan{parts}, whole(parts)
}

// Write writes one run in place of many: who merged it, its ports and its
// summary. Cancelling ctx ends it between two shards.
func (s *Scan) Write(ctx context.Context, out Recorder, version string, args []string) error {
	if err := out.Record(s.run(version, args)); err != nil {
		return err
	}
	sum := &total{sum: probe.Summary{Complete: true, Rejected: map[string]uint64{}, States: map[probe.State]uint64{}}}
	for parts := s.parts; len(parts) > 0; {
		n := 1
		for n < len(parts) && parts[n].shard.Shard == parts[0].shard.Shard {
			n++
		}
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := sum.shard(out, parts[:n]); err != nil {
			return err
		}
		parts = parts[n:]
	}
	return out.Record(sum.summary())
}

// run is the record of the whole: it began when the first of its parts did.
func (s *Scan) run(version string, args []string) *record.Run {
	first := s.parts[0]
	run := &record.Run{
		Version: version, Command: "merge", Args: args, Engine: first.run.Engine,
		Seed: record.Some(first.shard.Seed), Start: first.run.Start,
	}
	for _, p := range s.parts {
		if p.run.Start.Before(run.Start) {
			run.Start = p.run.Start
		}
	}
	return run
}

// whole checks that parts are the whole of one scan, and sorts them.
func whole(parts []*part) error {
	slices.SortStableFunc(parts, func(a, b *part) int {
		return cmp.Or(cmp.Compare(a.shard.Shard, b.shard.Shard), cmp.Compare(a.shard.Part, b.shard.Part), cmp.Compare(a.ended(), b.ended()))
	})
	for _, p := range parts[1:] {
		if err := p.belongs(parts[0]); err != nil {
			return err
		}
	}
	shards := map[uint64][]*part{}
	for _, p := range parts {
		shards[p.shard.Shard] = append(shards[p.shard.Shard], p)
	}
	if missing := missingShards(shards, parts[0].shard.Shards); missing != "" {
		return fmt.Errorf("%s of %d missing", missing, parts[0].shard.Shards)
	}
	for _, shard := range slices.Sorted(maps.Keys(shards)) {
		if err := wholeShard(shards[shard]); err != nil {
			return err
		}
	}
	return nil
}

// missingShards names the first shards of which there is no part, and says how
// many more there are.
func missingShards(shards map[uint64][]*part, count uint64) string {
	var missing []uint16
	lacking := count - uint64(len(shards))
	for i := uint64(1); uint64(len(missing)) < min(lacking, 20) && i <= 65535; i++ {
		if shards[i] == nil {
			missing = append(missing, uint16(i))
		}
	}
	more := lacking - uint64(len(missing))
	switch {
	case lacking == 0:
		return ""
	case more > 0:
		return fmt.Sprintf("shards %s and %d more", target.PortsOf(missing...), more)
	case len(missing) == 1:
		return fmt.Sprintf("shard %d", missing[0])
	}
	return "shards " + target.PortsOf(missing...).String()
}

// ended is 0 for a part whose process was killed, else 1.
func (p *part) ended() int {
	if p.summary == nil {
		return 0
	}
	return 1
}

// wholeShard checks that the parts of one shard follow each other and that the
// last one finished. A process that was killed before its first checkpoint is
// followed by another of the same part.
func wholeShard(parts []*part) error {
	want := uint64(1)
	for i, p := range parts {
		switch {
		case p.shard.Part == want:
			want++
		case i > 0 && p.shard.Part == want-1 && parts[i-1].ended() == 0:
		case p.shard.Part < want:
			return fmt.Errorf("%s and %s are both part %d of %s", parts[i-1].where(), p.where(), p.shard.Part, p.shardWord())
		case p.shard.Part > want:
			return fmt.Errorf("part %d of %s is missing: %s is part %d", want, p.shardWord(), p.where(), p.shard.Part)
		}
	}
	if last := parts[len(parts)-1]; last.summary == nil || !last.summary.Complete {
		return fmt.Errorf("%s: %s was cut short: finish it with --resume first", last.where(), last.shardWord())
	}
	return nil
}
