package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/check"
	"synscope/internal/report/record"
	"synscope/internal/target"
	"synscope/probe"
)

// writeExpectations is check --init: it looks at targets and writes what holds of
// them now.
func writeExpectations(c *cli.Context, s Streams) error {
	if c.Bool("diff") {
		return usagef("--init and --diff: one of them at a time")
	}
	if c.NArg() == 0 {
		return usagef("check --init: no target")
	}
	ports, err := target.DefaultPorts(), error(nil)
	if c.IsSet("p") {
		if ports, err = target.ParsePorts(c.String("p")); err != nil {
			return usagef("-p: %w", err)
		}
	}
	j := &checkJob{c: c, streams: s, path: "--init", plan: check.Seen(c.Args().Slice(), ports)}
	if err := inOrder(j.resolve, j.unresolved, j.readRate); err != nil {
		return err
	}
	d := &display{streams: s, level: verbosity(c)}
	facts, _, err := j.probe(c.Context, d)
	if err != nil {
		return err
	}
	j.plan = check.Measured(j.plan, j.hosts, facts)
	j.needs = j.plan.Needs(j.hosts)
	if err := j.probeInto(c.Context, facts, d); err != nil {
		return err
	}
	comment := "synscope " + strings.Join(s.Args, " ") + ", " + time.Now().Format(time.RFC3339)
	if err := check.Write(s.Out, comment, c.Args().Slice(), j.hosts, ports, c.IsSet("p"), facts); err != nil {
		return &exit{exitInterrupted, err}
	}
	return nil
}

// unresolved refuses names without an address: nothing can be seen of them.
func (j *checkJob) unresolved() error {
	for _, word := range j.plan.Words() {
		switch why := j.unasked[word]; {
		case len(j.hosts[word]) > 0:
		case why != "":
			return usagef("%s: no answer of a resolver: %s", word, why)
		default:
			return usagef("%s does not resolve", word)
		}
	}
	return nil
}

// compareRuns is check --diff.
func compareRuns(c *cli.Context, s Streams) error {
	if c.NArg() != 2 {
		return usagef("check --diff: name two files of JSON lines, the older first")
	}
	if err := refuseHosts(c, "changes are no hosts"); err != nil {
		return err
	}
	files, err := openAll(c.Args().Slice())
	if err != nil {
		return err
	}
	if err := confineFiles(c, s); err != nil {
		return err
	}
	var runs [2]*check.Run
	for i, path := range c.Args().Slice() {
		run, err := readRun(path, files[i], s)
		if err != nil {
			return usage(err)
		}
		runs[i] = run
	}
	changes, err := check.Compare(runs[0], runs[1])
	if err != nil {
		return usage(err)
	}
	d, err := newDisplay(c, s, &target.Set{})
	if err != nil {
		return err
	}
	start := time.Now()
	err = d.Record(&record.Run{Version: Version, Command: "check", Args: s.Args, Start: start})
	for _, x := range changes {
		if recorded := d.Record(&record.Change{Target: x.Target, What: x.What, Old: x.Old, New: x.New}); err == nil {
			err = recorded
		}
	}
	summary := probe.Summary{Probes: uint64(len(changes)), Complete: true, Took: time.Since(start)}
	if ended := d.Record(record.NewSummary(&summary, time.Now())); err == nil {
		err = ended
	}
	if err = d.finish(err); err == nil && len(changes) > 0 {
		return errNo
	}
	return err
}

func readRun(path string, f *os.File, s Streams) (*check.Run, error) {
	var in io.Reader = s.In
	if f != nil {
		defer f.Close()
		in = f
	}
	run, err := check.ReadRun(path, in)
	if errors.Is(err, check.ErrRun) && path == "-" {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return run, err
}
