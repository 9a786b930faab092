package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"synscope/internal/check"
	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/internal/target"
	"synscope/probe"
)

// writeExpectations is check --init: it looks at targets and writes what holds of
// them now.
func writeExpectations(ctx context.Context, s Streams, o *checkOptions) error {
	if o.Diff {
		return usagef("--init and --diff: one of them at a time")
	}
	if len(o.words) == 0 {
		return usagef("check --init: no target")
	}
	ports, err := o.initPorts()
	if err != nil {
		return err
	}
	j := &checkJob{options: o, streams: s, path: "--init", expected: check.Seen(o.words, ports)}
	if err := inOrder(func() error { return j.resolve(ctx) }, j.unresolved, j.readRate); err != nil {
		return err
	}
	d := &display{streams: s, level: o.level()}
	facts, _, err := j.probe(ctx, d)
	if err != nil {
		return err
	}
	if why := facts.Unable["scan"]; why != "" {
		return &exit{exitUnable, errors.New(why)}
	}
	left := j.leaveOut(facts, ports)
	if err := j.nothingSeen(left); err != nil {
		return err
	}
	j.expected = check.Measured(j.expected, j.hosts, facts)
	j.needs = j.expected.Needs(j.hosts)
	if err := j.gather(ctx, &gathering{facts: facts}, d); err != nil {
		return err
	}
	if why := facts.Unable["ping"]; why != "" {
		return &exit{exitUnable, errors.New(why)}
	}
	comment := units.Printable("synscope "+strings.Join(s.Args, " ")) + "\n# on " + time.Now().Format(time.RFC3339)
	if err := check.Write(s.Out, comment, o.words, j.hosts, check.Scope{Ports: ports, Asked: o.given["p"]}, facts); err != nil {
		return &exit{exitInterrupted, err}
	}
	if len(left) > 0 {
		return &exit{exitUnable, errors.New("the file lacks " + leftOut(left))}
	}
	return nil
}

// initPorts are the ports that --init looks at.
func (o *checkOptions) initPorts() (target.Ports, error) {
	if !o.given["p"] {
		return target.DefaultPorts(), nil
	}
	ports, err := target.ParsePorts(o.PortList)
	if err != nil {
		return ports, usagef("-p: %w", err)
	}
	return ports, nil
}

// leaveOut takes away the hosts of which the file can say nothing: addresses that no host
// has, and, with the reason for each, those that could not be looked at.
func (j *checkJob) leaveOut(facts *check.Facts, ports target.Ports) (left []string) {
	for _, word := range j.expected.Words() {
		j.hosts[word] = slices.DeleteFunc(j.hosts[word], func(a netip.Addr) bool {
			why := facts.Unseen(a, ports)
			if why != "" {
				left = append(left, fmt.Sprintf("%s (%s)", a, why))
			}
			return why != "" || facts.NoHost(a, ports)
		})
	}
	return left
}

// mostLeft is how many hosts are named that a file lacks.
const mostLeft = 3

func leftOut(left []string) string {
	named := strings.Join(left[:min(len(left), mostLeft)], ", ")
	if others := len(left) - mostLeft; others > 0 {
		named += " and " + units.CountOf(uint64(others), "other host")
	}
	return named
}

// nothingSeen is an error where no host is left that something can be said of.
func (j *checkJob) nothingSeen(left []string) error {
	for _, hosts := range j.hosts {
		if len(hosts) > 0 {
			return nil
		}
	}
	if len(left) > 0 {
		return &exit{exitUnable, errors.New("there is nothing to write: " + leftOut(left))}
	}
	return &exit{exitNo, errors.New("there is nothing to write: no host has such an address")}
}

// unresolved refuses names without an address: nothing can be seen of them.
func (j *checkJob) unresolved() error {
	for _, word := range j.expected.Words() {
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
func compareRuns(ctx context.Context, s Streams, o *checkOptions) error {
	if len(o.words) != 2 {
		return usagef("check --diff: name two files of JSON lines, the older first")
	}
	if err := o.refuseHosts("changes are no hosts"); err != nil {
		return err
	}
	files, err := openAll(ctx, o.words)
	if err != nil {
		return err
	}
	if err := confineFiles(&o.common, s); err != nil {
		return err
	}
	var runs [2]*check.Run
	for i, path := range o.words {
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
	d, err := newDisplay(&o.common, s, &target.Set{})
	if err != nil {
		return err
	}
	s.work.begin()
	start := time.Now()
	err = d.Record(&record.Run{Version: Version, Command: "check", Args: s.Args, Start: start})
	for _, x := range changes {
		err = cmp.Or(err, d.Record(&record.Change{Target: x.Target, What: x.What, Old: x.Old, New: x.New}))
	}
	summary := probe.Summary{Probes: uint64(len(changes)), Complete: true, Took: time.Since(start)}
	err = cmp.Or(err, d.Record(record.NewSummary(&summary, time.Now())))
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
