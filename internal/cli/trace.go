package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/internal/target"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/trace"
)

func traceCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "trace",
		Usage:     "which hops lead to this port, and who answers for it?",
		ArgsUsage: "TARGET",
		Flags:     probingFlags(traceFlags(), pingPortWord, traceMeanings, outputFlags()),
		Action:    probes(s, newTrace),
	}
}

func traceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "max-hops", Value: trace.DefaultMaxHops, Usage: "look `N` hops far"},
		&cli.IntFlag{Name: "queries", Value: trace.DefaultQueries, Usage: "`N` probes of each hop; with --paths, to the end of each path"},
		&cli.StringFlag{Name: "flow", Value: "fixed", Usage: "`HOW` source ports are chosen: fixed keeps to one path, vary sees that paths differ"},
		&cli.BoolFlag{Name: "paths", Usage: "find all paths, by source ports that vary, until it is 95 % sure that none is missing"},
		&cli.BoolFlag{Name: "watch", Usage: "probe all hops continuously and show a table; keys: p pause, r reset, q quit"},
		&cli.Uint64Flag{Name: "c", Usage: "`N` rounds of --watch (default: until interrupted)"},
		&cli.StringFlag{Name: "i", Value: "1s", Usage: "time between two rounds of --watch, `D`"},
		&cli.StringFlag{Name: "plot", Usage: "draw the paths into `FILE`.svg or .png, with --paths"},
		&cli.StringFlag{Name: "expect", Usage: "exit 1 unless the port is in `STATE`"},
		&cli.BoolFlag{Name: "dry-run", Usage: "print a SYN for each hop with its TTL, as the first round sends them, and stop"},
	}
}

// traceOptions are the flags of trace.
type traceOptions struct {
	common
	MaxHops  int    `flag:"max-hops"`
	Queries  int    `flag:"queries"`
	Flow     string `flag:"flow"`
	Paths    bool   `flag:"paths"`
	Watch    bool   `flag:"watch"`
	Rounds   uint64 `flag:"c"`
	Interval string `flag:"i"`
}

// traceJob is one trace, its command line understood.
type traceJob struct {
	options *traceOptions
	streams Streams
	set     *target.Set
	probing probing
	cfg     trace.Config
	expect  *probe.State
	word    string

	interval time.Duration // of --watch
}

func newTrace(ctx context.Context, s Streams, o *traceOptions) (*traceJob, error) {
	j := &traceJob{options: o, streams: s}
	o.shown.Paths, o.shown.Rounds = o.Paths, o.Watch
	return j, inOrder(j.readProbing, j.readExtent, j.readPaths, j.readWatch, func() error { return j.readTarget(ctx) })
}

func (j *traceJob) readProbing() (err error) {
	if j.expect, err = j.options.expectation(); err != nil {
		return err
	}
	if j.options.given["ttl"] {
		return usagef("--ttl: a trace chooses it; see --max-hops")
	}
	j.probing, err = j.options.probing()
	j.cfg.Profile, j.cfg.TOS, j.cfg.Timeout, j.cfg.Rate = j.probing.profile, j.probing.tos, j.probing.timeout, j.probing.rate
	if err == nil && j.probing.engine == engineConnect {
		return usagef("--engine connect cannot trace")
	}
	return err
}

func (j *traceJob) readExtent() (err error) {
	o := j.options
	if err = cmp.Or(o.within("max-hops", o.MaxHops, 1, trace.MaxHops), o.within("queries", o.Queries, 1, trace.MaxQueries)); err != nil {
		return err
	}
	j.cfg.MaxHops, j.cfg.Queries = o.MaxHops, o.Queries
	j.cfg.Flow, err = parseFlow(o.Flow)
	return err
}

func (j *traceJob) readTarget(ctx context.Context) (err error) {
	if j.set, err = j.options.targetsOn(ctx, j.streams, pingPort); err != nil {
		return err
	}
	if n := j.set.Count(); n != 1 {
		return usagef("a trace takes one target and one port, not %s of them", units.Count(n))
	}
	j.cfg.Target = j.set.At(0)
	j.word = j.set.Word(j.cfg.Target)
	return nil
}

// tracePorts is how many source ports a trace holds.
func (j *traceJob) ports() int {
	if j.options.Paths {
		return pathPorts
	}
	if j.cfg.Flow == probe.FlowVary {
		return flowPorts
	}
	return 2 + j.cfg.Queries
}

// dryRun prints the first probe of each hop, the nearest first. A trace that
// finds its target sends no further.
func (j *traceJob) dryRun(ctx context.Context) error {
	out := bufio.NewWriter(j.streams.Out)
	for ttl := range j.cfg.MaxHops {
		round, err := j.probing.previewRound([]netip.AddrPort{j.cfg.Target}, uint8(ttl+1), func(_ int, packet string) shownPacket {
			return shownPacket{"", packet}
		})
		if err == nil {
			err = printAll(ctx, out, round)
		}
		if err != nil {
			return err
		}
	}
	return flushed(out)
}

// open holds the source ports: where all paths are looked for, fewer if the user may
// not have so many files open, which makes the search end early at worst.
func (j *traceJob) open() (e opened, err error) {
	for ports := j.ports(); ; ports /= 2 {
		e, err = j.probing.open(ports, orFail)
		if !j.options.Paths || ports < 2*leastPathPorts || !errors.Is(err, netraw.ErrFileLimit) {
			return e, err
		}
	}
}

func (j *traceJob) run(ctx context.Context) error {
	e, err := j.open()
	if err != nil {
		return err
	}
	defer e.close()
	var route trace.Path
	find := j.probe
	switch {
	case j.options.Paths:
		find = j.explore
	case j.options.Watch:
		find = j.watch
	}
	run := opening{
		options: &j.options.common, streams: j.streams, set: j.set, engine: &e, later: opensConnections,
		probing: &j.probing, resolve: []netip.Addr{j.cfg.Target.Addr()}, goesOn: j.options.Watch,
	}
	return run.run(ctx, func(s *session) (err error) {
		route, err = find(ctx, s)
		s.tap.verdict(&route.Verdict)
		return err
	}, func(d *display) error { return j.answer(d, &route.Verdict) })
}

// answer is the verdict as an exit code.
func (j *traceJob) answer(d *display, v *probe.Verdict) error {
	switch {
	case j.expect == nil && v.State == probe.StateOpen, j.expect != nil && v.State == *j.expect:
		return nil
	case j.expect != nil:
		d.remark(unexpected(v.Target, *j.expect, v.State, v.Reason))
	}
	return errNo
}

// probe runs the trace and closes its record. Names are looked up beside it, so
// that a slow resolver delays the lines and not the probes.
func (j *traceJob) probe(ctx context.Context, s *session) (route trace.Path, err error) {
	hops := make(chan trace.Hop, j.cfg.MaxHops*j.cfg.Queries)
	written := make(chan error, 1)
	go func() { written <- j.write(ctx, hops, s.display) }()
	route, err = trace.Run(ctx, s.network, j.cfg, func(h trace.Hop) error {
		hops <- h
		return nil
	})
	close(hops)
	for _, step := range []func() error{
		func() error { return <-written },
		func() error { return s.Record(record.NewPort(j.word, &route.Verdict)) },
	} {
		err = cmp.Or(err, step())
	}
	return route, s.conclude(&route.Summary, err)
}

// write passes hops on with the names of those who answered.
func (j *traceJob) write(ctx context.Context, hops <-chan trace.Hop, d *display) error {
	names := map[netip.Addr]string{}
	var failed error
	for h := range hops {
		name, known := names[h.Addr]
		if !known && h.Addr.IsValid() && !j.options.NoNames {
			name = reverse(ctx, h.Addr)
			names[h.Addr] = name
		}
		if failed == nil {
			failed = d.Record(record.NewHop(j.word, j.cfg.Target.Port(), &h, name))
		}
	}
	return failed
}

// reversePatience is how long a responder's name may take to be found.
const reversePatience = time.Second

// reverse is the name of an address, "" where it has none.
func reverse(ctx context.Context, a netip.Addr) string {
	ctx, cancel := context.WithTimeout(ctx, reversePatience)
	defer cancel()
	names, err := net.DefaultResolver.LookupAddr(ctx, a.String())
	if err != nil || len(names) == 0 {
		return ""
	}
	return strings.TrimSuffix(names[0], ".")
}
