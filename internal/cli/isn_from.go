package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/report"
	"synscope/internal/target"
	"synscope/probe"
	"synscope/probe/isn"
)

// liveFlags are those that mean nothing where samples come from a file.
func liveFlags() (names []string) {
	for _, f := range joined(targetFlags(""), probeFlags(), pcapFlags()) {
		names = append(names, f.Names()[0])
	}
	return append(names, "samples", "budget", "quick", "series", "dry-run")
}

// analyseFile analyses samples that somebody measured before.
func analyseFile(c *cli.Context, s Streams) error {
	if c.NArg() > 0 {
		return usagef("--from analyses a file and sends nothing: leave out the target %q", c.Args().First())
	}
	for _, name := range liveFlags() {
		if c.IsSet(name) {
			return usagef("--from analyses a file and sends nothing: leave out %s", dashed(name))
		}
	}
	if err := refuseHosts(c, "samples in a file belong to no host that is known"); err != nil {
		return err
	}
	files, err := isnFilesOf(c, 1)
	if err != nil {
		return err
	}
	samples, err := readISNSamples(c.String("from"), s.In)
	if err != nil {
		return usagef("--from: %w", err)
	}
	return tellFile(c, s, samples, files)
}

// errNoSamples says that a file holds no answered sample.
var errNoSamples = errors.New("no usable sample in it")

// readISNSamples reads a file of samples, "-" from standard input.
func readISNSamples(path string, in io.Reader) ([]isn.Sample, error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	samples, err := isn.ReadCSV(in, path)
	if err != nil {
		return nil, err
	}
	if len(samples) == 0 {
		return nil, fmt.Errorf("%s: %w", path, errNoSamples)
	}
	if !slices.ContainsFunc(samples, func(s isn.Sample) bool { return s.ISN.OK }) {
		return nil, fmt.Errorf("%s: %w: the column isn is empty in all %d rows", path, errNoSamples, len(samples))
	}
	return samples, nil
}

// tellFile writes the records of an analysis.
func tellFile(c *cli.Context, s Streams, samples []isn.Sample, files isnFiles) error {
	start := time.Now()
	d, err := newDisplay(c, s, &target.Set{})
	if err != nil {
		return err
	}
	record := report.NewISNOfFile(c.String("from"), isn.Analyze(samples, isn.Options{}))
	summary := report.NewSummary(&probe.Summary{Took: time.Since(start), Complete: true}, time.Now())
	err = errors.Join(
		d.Record(&report.Run{Version: Version, Command: "isn", Args: s.Args, Start: start}),
		d.Record(record),
		d.Record(summary),
		files.write(record, samples),
	)
	if err = d.finish(err); err == nil && record.Report.Class == isn.ClassUnknown {
		return errNo
	}
	return err
}
