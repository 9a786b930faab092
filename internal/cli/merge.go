package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"synscope/internal/merge"
	"synscope/internal/report"
	"synscope/internal/report/sink"
	"synscope/internal/report/text"
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
	if slices.Contains(c.Args().Slice(), report.Stdout) {
		return usagef("merge reads its files twice: standard input cannot be one")
	}
	files, err := openAll(c.Args().Slice())
	if err != nil {
		return err
	}
	if err := confineFiles(c, s); err != nil {
		return err
	}
	scan, err := merge.Read(files...)
	if err != nil {
		return usage(err)
	}
	out, err := mergeOutput(c, s)
	if err != nil {
		return err
	}
	err = scan.Write(c.Context, out, Version, s.Args)
	switch {
	case err != nil && c.Context.Err() != nil:
		err = &exit{exitInterrupted, fmt.Errorf("%w while merging", probe.ErrInterrupted)}
	case err != nil && !errors.Is(err, sink.ErrWrite):
		err = usage(err)
	}
	if closing := out.Close(); err == nil {
		err = closing
	}
	return err
}

func mergeOutput(c *cli.Context, s Streams) (*report.Output, error) {
	colour, err := text.UseColour(c.String("color"), s.Env("NO_COLOR"), s.clever(s.Out))
	if err != nil {
		return nil, usagef("--color: %w", err)
	}
	out, err := report.Open(report.Config{
		Stdout: s.Out, StdoutFormat: c.String("o"), Files: outputFiles(c), OpenOnly: c.Bool("open"),
		Options: sink.Options{
			Colour: colour, Reason: c.Bool("reason") || verbosity(c) > 0, Quiet: c.Bool("q"), Service: target.Service, Wide: columnsOf(s.Out),
		},
	})
	if err != nil {
		return nil, usage(err)
	}
	return out, nil
}
