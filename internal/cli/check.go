package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
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
			if err := refuseIdle(c); err != nil {
				return err
			}
			switch {
			case c.Bool("init"):
				return writeExpectations(c, s)
			case c.Bool("diff"):
				return compareRuns(c, s)
			}
			return checkFile(c, s)
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

// refuseIdle refuses flags that the way in which check was asked has no use for.
func refuseIdle(c *cli.Context) error {
	idle := map[string][]string{
		"without --init": {"p"},
		"with --init":    {"junit", "tap", "explain", "dry-run", "o", "oN", "oJ", "oC", "fields"},
		"with --diff":    {"junit", "tap", "explain", "dry-run", "rate", "e"},
	}
	asked := []string{"without --init"}
	for _, way := range []string{"init", "diff"} {
		if c.Bool(way) {
			asked = append(asked, "with --"+way)
		}
	}
	if c.Bool("init") {
		asked = asked[1:]
	}
	for _, how := range asked {
		for _, name := range idle[how] {
			if c.IsSet(name) {
				return usagef("%s has no effect %s", dashed(name), how)
			}
		}
	}
	return nil
}

// checkJob is one run over a file of expectations.
type checkJob struct {
	c       *cli.Context
	streams Streams
	path    string
	plan    *check.Plan
	hosts   check.Hosts
	unasked map[string]string // names, and why no resolver told of them
	needs   *check.Needs
	rate    float64 // packets a second; 0: the commands' own
	start   time.Time
	instead io.Writer // standard output, where a file for CI goes there; else nil
}

func checkFile(c *cli.Context, s Streams) error {
	j := &checkJob{c: c, streams: s}
	if err := inOrder(j.read, j.readRate, j.readOutputs); err != nil {
		return err
	}
	if c.Bool("dry-run") {
		return j.dryRun()
	}
	return j.run(c.Context)
}

// read takes the file, and refuses targets that are none before anything is sent.
func (j *checkJob) read() (err error) {
	if j.c.NArg() != 1 {
		return usagef("check: name one file of expectations, or - for standard input; --init TARGET... writes one")
	}
	if err := refuseHosts(j.c, "expectations are no hosts"); err != nil {
		return err
	}
	j.path = j.c.Args().First()
	if j.path == report.Stdout {
		j.path = standardInput
	}
	j.plan, err = check.Load(j.path, check.Source{Read: j.file, Env: j.environment})
	if err != nil {
		return usage(err)
	}
	return j.resolve()
}

// resolve finds the addresses of all targets, and refuses words that are none.
// That a name does not resolve fails the expectation, and not the check.
func (j *checkJob) resolve() error {
	j.hosts, j.unasked = check.Hosts{}, map[string]string{}
	var mu sync.Mutex
	var faults []error
	var looking sync.WaitGroup
	places := make(chan struct{}, lookups)
	for _, word := range j.plan.Words() {
		looking.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			found, err := j.addresses(word)
			mu.Lock()
			defer mu.Unlock()
			j.hosts[word] = found
			switch {
			case errors.Is(err, target.ErrResolve):
				j.unasked[word] = unasked(err)
			case err != nil:
				faults = append(faults, fmt.Errorf("%s: %w", cmp.Or(j.plan.Place(word), j.path), err))
			}
		})
	}
	looking.Wait()
	if len(faults) > 0 {
		return usage(errors.Join(faults...))
	}
	j.needs = j.plan.Needs(j.hosts)
	return nil
}

// Bounds of looking for addresses.
const (
	lookups   = 16      // names looked up at once
	mostHosts = 1 << 18 // addresses of one target
)

// addresses are those of one word.
func (j *checkJob) addresses(word string) (all []netip.Addr, err error) {
	set, err := target.Parse(j.c.Context, []string{word}, target.Options{Ports: target.PortsOf(1), Resolver: j.streams.Resolver})
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

// unasked is why nobody told of a name; "" where it is known that there is none.
func unasked(err error) string {
	var dns *net.DNSError
	if !errors.As(err, &dns) || dns.IsNotFound {
		return ""
	}
	return dns.Error()
}

// standardInput is what messages call it.
const standardInput = "standard input"

// file reads a file, or standard input.
func (j *checkJob) file(path string) ([]byte, error) {
	if path == standardInput && j.c.Args().First() == report.Stdout {
		return io.ReadAll(j.streams.In)
	}
	return os.ReadFile(path)
}

// environment is a variable, where it is set.
func (j *checkJob) environment(name string) (string, bool) {
	value := j.streams.Env(name)
	return value, value != ""
}

func (j *checkJob) readRate() (err error) {
	rate := j.c.String("rate")
	if rate == "" {
		rate = j.plan.Probing.Rate
	}
	if rate == "" || rate == "max" {
		return nil
	}
	if j.rate, err = parseRate(rate); err != nil {
		return usagef("--rate: %w", err)
	}
	return nil
}

func (j *checkJob) readOutputs() error {
	for _, name := range []string{"junit", "tap"} {
		path := j.output(name)
		switch {
		case path == report.Stdout && (j.c.IsSet("o") || j.instead != nil):
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

// output is the file that a flag names. Standard output by its name among the
// devices is standard output, which then holds nothing else.
func (j *checkJob) output(flag string) string {
	path := j.c.String(flag)
	if path == "/dev/stdout" || path == "/dev/fd/1" || path == "/proc/self/fd/1" {
		return report.Stdout
	}
	return path
}

// dryRun says what would be run.
func (j *checkJob) dryRun() error {
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
	d, err := newDisplay(j.c, j.streams, &target.Set{})
	if err != nil {
		return err
	}
	if err := confineChecks(j.c, j.streams); err != nil {
		return d.finish(err)
	}
	err = d.Record(&record.Run{Version: Version, Command: "check", Args: j.streams.Args, Start: j.start})
	var results []check.Result
	var summary probe.Summary
	if err == nil {
		results, summary, err = j.results(ctx, d)
	}
	for i := range results {
		if recorded := d.Record(recordOf(&results[i])); err == nil {
			err = recorded
		}
	}
	summary.Took, summary.Probes = time.Since(j.start), uint64(len(results))
	if ended := d.Record(record.NewSummary(&summary, time.Now())); err == nil {
		err = ended
	}
	if err = d.finish(err); err != nil {
		return err
	}
	return j.conclude(ctx, results)
}

// results probes, and holds what was found against what is expected. What an
// interrupted run has not found out fails no expectation: there are no results.
func (j *checkJob) results(ctx context.Context, d *display) ([]check.Result, probe.Summary, error) {
	found, summary, err := j.probe(ctx, d)
	if err != nil {
		return nil, summary, err
	}
	summary.Complete = true
	return j.plan.Judge(j.hosts, found), summary, nil
}

func recordOf(r *check.Result) *record.Check {
	c := &record.Check{Name: r.Name, Target: r.Target, OK: r.OK, Expected: r.Expected, Got: r.Got, Where: r.Where}
	if r.Took > 0 {
		c.Took = record.Some(r.Took)
	}
	return c
}

// conclude writes the files for CI, explains, and gives the answer.
func (j *checkJob) conclude(ctx context.Context, results []check.Result) error {
	err := errors.Join(
		j.into("junit", func(w io.Writer) error { return check.WriteJUnit(w, j.path, time.Since(j.start), results) }),
		j.into("tap", func(w io.Writer) error { return check.WriteTAP(w, results) }),
	)
	if err != nil {
		return fmt.Errorf("%w: %w", sink.ErrWrite, err)
	}
	var failed []check.Result
	for _, r := range results {
		if !r.OK {
			failed = append(failed, r)
		}
	}
	if len(failed) == 0 {
		return nil
	}
	if j.c.Bool("explain") {
		if err := j.explain(ctx, failed); err != nil {
			return err
		}
	}
	return errNo
}

// into writes to the file that a flag names, if it does.
func (j *checkJob) into(flag string, write func(io.Writer) error) error {
	path := j.output(flag)
	switch path {
	case "":
		return nil
	case report.Stdout:
		return write(j.instead)
	}
	return outfile.Replace(path, outfile.Public, write)
}
