package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/check"
	"synscope/internal/outfile"
	"synscope/internal/report"
	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/internal/report/units"
	"synscope/internal/target"
	"synscope/probe"
)

func checkCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "check",
		Usage:     "are these expectations about my network true? (for cron and CI)",
		ArgsUsage: "FILE.yaml",
		Description: "Reads what is expected of hosts (docs/check.md describes the language), probes\n" +
			"what has to be probed for it, and says of each expectation whether it holds.\n" +
			"With --init TARGET... it writes such a file from what is seen now; with --diff\n" +
			"OLD.json NEW.json it says what changed between two runs' JSON lines.",
		Flags: joined(checkFlags(), under("Output", hostlessFlags())),
		Action: func(c *cli.Context) error {
			o := optionsOf[checkOptions](c)
			if err := o.refuseIdle(); err != nil {
				return err
			}
			switch {
			case o.Init:
				return writeExpectations(c.Context, s, o)
			case o.Diff:
				return compareRuns(c.Context, s, o)
			}
			return checkFile(c.Context, s, o)
		},
	}
}

func checkFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "init", Usage: "write a file of expectations from what the targets show now"},
		&cli.BoolFlag{Name: "diff", Usage: "say what changed between the JSON lines of two runs"},
		&cli.StringFlag{Name: "p", Usage: "with --init: `PORTS` to look at (default: " + servedPorts + ")"},
		&cli.BoolFlag{Name: "explain", Usage: "explain what failed, and ask `why` where that can be asked"},
		&cli.StringFlag{Name: "junit", Usage: "JUnit's XML into `FILE` too, for CI"},
		&cli.StringFlag{Name: "tap", Usage: "the Test Anything Protocol into `FILE` too"},
		&cli.StringFlag{Name: "rate", Usage: "at most `R` packets a second of all probing together (default: the file's)"},
		&cli.StringFlag{Name: "e", Usage: "leave through `IFACE` (default: what the route says)"},
		&cli.BoolFlag{Name: "dry-run", Usage: "read the file, say what would be probed, and stop"},
	}
}

// refuseIdle refuses flags that have no effect together with --init or --diff, or without --init.
func (o *checkOptions) refuseIdle() error {
	idle := map[string][]string{
		"without --init": {"p"},
		"with --init":    {"junit", "tap", "explain", "dry-run", "o", "oN", "oJ", "oC", "fields"},
		"with --diff":    {"junit", "tap", "explain", "dry-run", "rate", "e"},
	}
	var asked []string
	if o.Init {
		asked = append(asked, "with --init")
	} else {
		asked = append(asked, "without --init")
	}
	if o.Diff {
		asked = append(asked, "with --diff")
	}
	for _, how := range asked {
		for _, name := range idle[how] {
			if o.given[name] {
				return usagef("%s has no effect %s", dashed(name), how)
			}
		}
	}
	return nil
}

// checkOptions are the flags of check.
type checkOptions struct {
	common
	PortList string `flag:"p"`
	Init     bool   `flag:"init"`
	Diff     bool   `flag:"diff"`
	Explain  bool   `flag:"explain"`
}

// checkJob is one run over a file of expectations.
type checkJob struct {
	options  *checkOptions
	streams  Streams
	path     string
	expected *check.Expectations
	hosts    check.Hosts
	unasked  map[string]string // names, and why no resolver knows them
	needs    *check.Needs
	rate     float64 // packets a second; 0: the commands' own
	start    time.Time
	instead  io.Writer // standard output, where a file for CI goes there; else nil
}

func checkFile(ctx context.Context, s Streams, o *checkOptions) error {
	j := &checkJob{options: o, streams: s}
	err := inOrder(func() error { return j.read(ctx) }, j.readRate, j.readOutputs)
	if err != nil {
		return err
	}
	if o.DryRun {
		if j.streams, err = o.planning(j.streams, o.plans()); err != nil {
			return err
		}
		return j.dryRun()
	}
	return j.run(ctx)
}

// read reads the file, and refuses invalid targets before anything is sent.
func (j *checkJob) read(ctx context.Context) (err error) {
	if len(j.options.words) != 1 {
		return usagef("check: name one file of expectations, or - for standard input; --init TARGET... writes one")
	}
	if err := j.options.refuseHosts("expectations are no hosts"); err != nil {
		return err
	}
	j.path = j.options.words[0]
	if j.path == report.Stdout {
		j.path = standardInput
	}
	j.expected, err = check.Load(j.path, check.Source{Read: j.file, Env: j.environment})
	if err != nil {
		return usage(err)
	}
	return j.resolve(ctx)
}

// resolve finds the addresses of all targets, and refuses words that are no targets.
// A name that does not resolve fails its expectation, and not the whole check.
func (j *checkJob) resolve(ctx context.Context) error {
	j.hosts, j.unasked = check.Hosts{}, map[string]string{}
	var mu sync.Mutex
	var faults []error
	var looking sync.WaitGroup
	places := make(chan struct{}, lookups)
	for _, word := range j.expected.Words() {
		looking.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			found, err := j.addresses(ctx, word)
			mu.Lock()
			defer mu.Unlock()
			j.hosts[word] = found
			switch {
			case errors.Is(err, target.ErrResolve), errors.Is(err, target.ErrResolver):
				j.unasked[word] = unasked(err)
			case err != nil:
				faults = append(faults, fmt.Errorf("%s: %w", cmp.Or(j.expected.Place(word), j.path), err))
			}
		})
	}
	looking.Wait()
	if len(faults) > 0 {
		return usage(errors.Join(faults...))
	}
	j.needs = j.expected.Needs(j.hosts)
	return nil
}

// Bounds of looking for addresses.
const (
	lookups   = 16      // names looked up at once
	mostHosts = 1 << 18 // addresses of one target
)

// addresses are those of one word.
func (j *checkJob) addresses(ctx context.Context, word string) (all []netip.Addr, err error) {
	set, err := target.Parse(ctx, []string{word}, target.Options{Ports: target.PortsOf(1), Resolver: j.streams.Resolver})
	switch {
	case err != nil:
		return nil, err
	case set.Count() > mostHosts:
		return nil, fmt.Errorf("%s: %s addresses are more than a check takes", word, units.Count(set.Count()))
	}
	for pair := range set.Ordered() {
		all = append(all, pair.Addr())
	}
	return all, nil
}

// unasked is why it is not known whether a name resolves; "" where it does not.
func unasked(err error) string {
	var dns *net.DNSError
	if !errors.As(err, &dns) || dns.IsNotFound {
		return ""
	}
	return dns.Error()
}

// standardInput is what messages call it.
const standardInput = "standard input"

// maxExpectations bounds a file of expectations, or a list that it names.
const maxExpectations = 64 << 20

// file reads a file, or standard input.
func (j *checkJob) file(path string) ([]byte, error) {
	if path == standardInput && j.options.words[0] == report.Stdout {
		return allOf(j.streams.In, path, maxExpectations)
	}
	return readAtMost(path, maxExpectations)
}

// environment is a variable, where it is set.
func (j *checkJob) environment(name string) (string, bool) {
	value := j.streams.Env(name)
	return value, value != ""
}

func (j *checkJob) readRate() (err error) {
	rate := cmp.Or(j.options.Rate, j.expected.Probing.Rate)
	if rate == "" || rate == "max" {
		return nil
	}
	if j.rate, err = parseRate(rate); err != nil {
		return usagef("--rate: %w", err)
	}
	return nil
}

func (j *checkJob) readOutputs() error {
	for _, flag := range [][2]string{{"junit", j.options.JUnit}, {"tap", j.options.TAP}} {
		name, path := flag[0], j.output(flag[1])
		switch {
		case path == report.Stdout && (j.options.given["o"] || j.instead != nil):
			return usagef("--%s: two formats for standard output", name)
		case path == report.Stdout:
			j.instead, j.streams.Out = j.streams.Out, io.Discard
		case path != "":
			if err := report.CheckFile(path); err != nil {
				return usagef("--%s: %w", name, err)
			}
		}
	}
	return nil
}

// output is the file that a flag names by a path. Standard output by its name among the
// devices is standard output, which then holds nothing else.
func (j *checkJob) output(path string) string {
	if path == "/dev/stdout" || path == "/dev/fd/1" || path == "/proc/self/fd/1" {
		return report.Stdout
	}
	return path
}

// dryRun says what would be run.
func (j *checkJob) dryRun() error {
	for _, word := range j.expected.Words() {
		if len(j.hosts[word]) == 0 {
			say(j.streams.Err, fmt.Sprintf("%s: %s: it should resolve, and %s", j.expected.Place(word), word, j.expected.Unresolved(word, j.unasked[word])))
		}
	}
	for _, p := range j.phases() {
		for _, line := range p.lines {
			if _, err := fmt.Fprintln(j.streams.Out, strings.Join(append(p.args(), line), " ")); err != nil {
				return err
			}
		}
	}
	return nil
}

func (j *checkJob) run(ctx context.Context) error {
	j.start = time.Now()
	d, err := newDisplay(&j.options.common, j.streams, &target.Set{})
	if err != nil {
		return err
	}
	if err := confineChecks(&j.options.common, j.streams); err != nil {
		return d.finish(err)
	}
	j.streams.work.begin()
	err = d.Record(&record.Run{Version: Version, Command: "check", Args: j.streams.Args, Start: j.start})
	var results []check.Result
	var summary probe.Summary
	if err == nil {
		results, summary, err = j.results(ctx, d)
	}
	for i := range results {
		err = cmp.Or(err, d.Record(recordOf(&results[i])))
	}
	summary.Took, summary.Probes = time.Since(j.start), uint64(len(results))
	err = cmp.Or(err, d.Record(record.NewSummary(&summary, time.Now())))
	if err = d.finish(err); err != nil {
		return err
	}
	return j.conclude(ctx, results)
}

// results probes, and compares what was found with what is expected. An interrupted run
// has no results, so that what it has not found out fails no expectation.
func (j *checkJob) results(ctx context.Context, d *display) ([]check.Result, probe.Summary, error) {
	found, summary, err := j.probe(ctx, d)
	if err != nil {
		return nil, summary, err
	}
	results := j.expected.Judge(j.hosts, found)
	summary.Complete = !slices.ContainsFunc(results, func(r check.Result) bool { return r.Unjudged != "" })
	return results, summary, nil
}

func recordOf(r *check.Result) *record.Check {
	c := &record.Check{Name: r.Name, Target: r.Target, Expected: r.Expected, Got: r.Got, Where: r.Where, Why: r.Unjudged}
	if r.Unjudged == "" {
		c.OK = record.Some(r.OK)
	}
	if r.Took > 0 {
		c.Took = record.Some(r.Took)
	}
	return c
}

// conclude writes the files for CI, explains, and gives the answer.
func (j *checkJob) conclude(ctx context.Context, results []check.Result) error {
	j.streams.work.end()
	err := errors.Join(
		j.into(j.options.JUnit, func(w io.Writer) error { return check.WriteJUnit(w, j.path, time.Since(j.start), results) }),
		j.into(j.options.TAP, func(w io.Writer) error { return check.WriteTAP(w, results) }),
	)
	if err != nil {
		return fmt.Errorf("%w: %w", sink.ErrWrite, err)
	}
	var failed []check.Result
	unjudged, why := 0, ""
	for _, r := range results {
		switch {
		case r.Unjudged != "":
			unjudged++
			why = cmp.Or(why, r.Unjudged)
		case !r.OK:
			failed = append(failed, r)
		}
	}
	switch {
	case len(failed) == 0 && unjudged > 0:
		return &exit{exitUnable, fmt.Errorf("%d of %s not judged: %s", unjudged, units.CountOf(uint64(len(results)), "expectation"), why)}
	case len(failed) == 0:
		return nil
	}
	if j.options.Explain {
		if err := j.explain(ctx, failed); err != nil {
			return err
		}
	}
	return errNo
}

// into writes to the file of a flag, if there is one.
func (j *checkJob) into(path string, write func(io.Writer) error) error {
	path = j.output(path)
	switch path {
	case "":
		return nil
	case report.Stdout:
		return write(j.instead)
	}
	return outfile.Replace(path, outfile.Public, write)
}
