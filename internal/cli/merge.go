package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/report"
	"synscope/internal/target"
	"synscope/probe"
)

func mergeCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "merge",
		Usage:     "join the JSON lines of a scan's shards, if none is missing",
		ArgsUsage: "FILE...",
		Description: "Takes what `scan --shard I/N -o json` wrote on N machines, and what was\n" +
			"written before a run was resumed, in any order. They must be of one plan,\n" +
			"seed and number of shards, and each shard must have been finished. A port\n" +
			"that was probed in two parts of a shard is listed once.",
		Flags: under("Output", joined(outputFlags(), portFlags())),
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usagef("no file: `synscope merge FILE...`")
			}
			return mergeShards(c, s)
		},
	}
}

func mergeShards(c *cli.Context, s Streams) error {
	var parts []*part
	for _, path := range c.Args().Slice() {
		found, err := readParts(path)
		if err != nil {
			return usage(err)
		}
		parts = append(parts, found...)
	}
	if err := oneScan(parts); err != nil {
		return usage(err)
	}
	out, err := mergeOutput(c, s)
	if err != nil {
		return err
	}
	err = writeMerged(c, s, out, parts)
	if closing := out.Close(); err == nil {
		err = closing
	}
	return err
}

// oneScan checks that parts are the whole of one scan, and sorts them.
func oneScan(parts []*part) error {
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

// missingShards names the shards of which there is no part.
func missingShards(shards map[uint64][]*part, count uint64) string {
	var missing []uint16
	more := 0
	for i := uint64(1); i <= count; i++ {
		switch {
		case shards[i] != nil:
		case i > 65535 || len(missing) == 20:
			more++
		default:
			missing = append(missing, uint16(i))
		}
	}
	switch {
	case len(missing)+more == 0:
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

func mergeOutput(c *cli.Context, s Streams) (*report.Output, error) {
	colour, err := report.UseColour(c.String("color"), s.Env("NO_COLOR"), isTerminal(s.Out))
	if err != nil {
		return nil, usagef("--color: %w", err)
	}
	out, err := report.Open(report.Config{
		Stdout: s.Out, StdoutFormat: c.String("o"), Files: outputFiles(c), OpenOnly: c.Bool("open"),
		Options: report.Options{
			Colour: colour, Reason: c.Bool("reason") || verbosity(c) > 0, Quiet: c.Bool("q"), Service: target.Service,
		},
	})
	if err != nil {
		return nil, usage(err)
	}
	return out, nil
}

// writeMerged writes one run in place of many.
func writeMerged(c *cli.Context, s Streams, out *report.Output, parts []*part) error {
	first := parts[0]
	run := &report.Run{
		Version: Version, Command: "merge", Args: s.Args, Engine: first.run.Engine,
		Seed: report.Some(first.shard.Seed), Start: first.run.Start,
	}
	for _, p := range parts {
		if p.run.Start.Before(run.Start) {
			run.Start = p.run.Start
		}
	}
	if err := out.Record(run); err != nil {
		return err
	}
	total := newShardTotal()
	for len(parts) > 0 {
		n := 1
		for n < len(parts) && parts[n].shard.Shard == parts[0].shard.Shard {
			n++
		}
		if err := c.Context.Err(); err != nil {
			return &exit{exitInterrupted, fmt.Errorf("%w while merging", probe.ErrInterrupted)}
		}
		if err := total.shard(out, parts[:n]); err != nil {
			return err
		}
		parts = parts[n:]
	}
	return out.Record(total.summary())
}

// shardTotal adds the summaries of parts up.
type shardTotal struct {
	sum  report.Summary
	took time.Duration
	rate float64
}

func newShardTotal() *shardTotal {
	return &shardTotal{sum: report.Summary{Complete: true, Rejected: map[string]uint64{}, States: map[probe.State]uint64{}}}
}

// add adds what one process did.
func (t *shardTotal) add(s *report.Summary) {
	t.sum.Sent += s.Sent
	t.sum.Retransmitted += s.Retransmitted
	t.sum.Resets += s.Resets
	t.sum.SendErrors += s.SendErrors
	t.sum.Received += s.Received
	t.sum.Matched += s.Matched
	t.sum.KernelDrops += s.KernelDrops
	for reason, n := range s.Rejected {
		t.sum.Rejected[reason] += n
	}
	if s.End.After(t.sum.End) {
		t.sum.End = s.End
	}
	if rate, ok := s.Rate.Get(); ok {
		t.rate += rate
	}
}

// summary is that of all: it took as long as the longest shard, as if all had
// begun together, and its rate is theirs added up.
func (t *shardTotal) summary() *report.Summary {
	t.sum.Took = t.took
	if t.rate > 0 {
		t.sum.Rate = report.Some(t.rate)
	}
	return &t.sum
}
