package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"synscope/internal/merge"
	"synscope/internal/report"
	"synscope/internal/report/sink"
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
			return mergeShards(c.Context, s, optionsOf[common](c))
		},
	}
}

func mergeShards(ctx context.Context, s Streams, o *common) error {
	if slices.Contains(o.words, report.Stdout) {
		return usagef("merge reads its files twice: standard input cannot be one")
	}
	files, err := openAll(ctx, o.words)
	if err != nil {
		return err
	}
	if err := confineFiles(o, s); err != nil {
		return err
	}
	scan, err := merge.Read(files...)
	if err != nil {
		return usage(err)
	}
	out, err := mergeOutput(o, s)
	if err != nil {
		return err
	}
	s.work.begin()
	err = scan.Write(ctx, out, Version, s.Args)
	switch {
	case err != nil && ctx.Err() != nil:
		err = &exit{exitInterrupted, fmt.Errorf("%w while merging", probe.ErrInterrupted)}
	case err != nil && !errors.Is(err, sink.ErrWrite):
		err = usage(err)
	}
	err = cmp.Or(err, out.Close())
	return err
}

func mergeOutput(o *common, s Streams) (*report.Output, error) {
	colour, err := o.colour(s)
	if err != nil {
		return nil, err
	}
	return o.open(s.Out, columnsOf(s.Out), sink.Options{Colour: colour, Service: target.Service})
}
