package cli

import (
	"context"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"synscope/craft"
	"synscope/internal/report/record"
	"synscope/internal/report/sink"
	"synscope/internal/target"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/connect"
	"synscope/probe/scan"
)

func scanCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "scan",
		Usage:     "which ports are open, refused, filtered?",
		ArgsUsage: "TARGET...",
		Flags:     probingFlags(joined(scanFlags(), discoverFlags(), under("Wide scans", wideFlags())), servedPorts, scanMeanings, joined(outputFlags(), portFlags())),
		Action: func(c *cli.Context) error {
			return runScan(c.Context, s, scanOptionsOf(c))
		},
	}
}

// probingFlags are those of a command that sends packets: its own, and those
// that it shares with the others; ports is what is probed where none is named.
func probingFlags(own []cli.Flag, ports string, m meanings, output []cli.Flag) []cli.Flag {
	return joined(own, under("Targets", m.of(targetFlags(ports))), under("Packets", m.of(probeFlags())), under("Output", joined(pcapFlags(), output)))
}

func joined(groups ...[]cli.Flag) (all []cli.Flag) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

func scanFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "technique", Value: "syn", Usage: "technique `NAME`: syn, connect, ack, window, fin, null, xmas, maimon"},
		&cli.StringFlag{Name: "flags", Usage: "probe with any other `FLAGS`, such as SF or syn,urg"},
		&cli.BoolFlag{Name: "dry-run", Usage: "print the packets that would leave, and stop"},
		&cli.BoolFlag{Name: "plan", Usage: "print what would be probed and how long it takes, and stop"},
		&cli.Uint64Flag{Name: "seed", Usage: "number `N` that the order of probing comes from (default: a random one)"},
		&cli.StringFlag{Name: "shard", Usage: "probe only part `I/N` of the targets; auto asks Kubernetes or Slurm"},
		&cli.StringFlag{Name: "expect", Usage: "exit 1 unless every port is in `STATE`"},
	}
	for _, t := range techniqueAliases() {
		flags = append(flags, &cli.BoolFlag{Name: t, Hidden: true})
	}
	return flags
}

// techniqueAliases are nmap's switches: sS, sT, sA and so on.
func techniqueAliases() []string {
	aliases := []string{"sT"}
	for _, t := range probe.Techniques() {
		aliases = append(aliases, t.Aliases[0])
	}
	return aliases
}

// scanOptions are the flags of scan.
type scanOptions struct {
	common
	Technique string `flag:"technique"`
	Flags     string `flag:"flags"`
	Plan      bool   `flag:"plan"`
	Seed      uint64 `flag:"seed"`
	Shard     string `flag:"shard"`
	Discover  string `flag:"discover"`
	Pn        bool   `flag:"Pn"`
	SN        bool   `flag:"sn"`
	Stateless bool   `flag:"stateless"`
	Bandwidth string `flag:"bandwidth"`
	YesWide   bool   `flag:"yes-wide"`

	ResumeEvery string `flag:"resume-every"`

	aliases []string // of techniques, as nmap calls them
}

func scanOptionsOf(c *cli.Context) *scanOptions {
	o := optionsOf[scanOptions](c)
	for _, alias := range techniqueAliases() {
		if c.Bool(alias) {
			o.aliases = append(o.aliases, alias)
		}
	}
	return o
}

// plans is common's, with --plan.
func (o *scanOptions) plans() string {
	if o.Plan {
		return "--plan"
	}
	return o.common.plans()
}

func runScan(ctx context.Context, s Streams, o *scanOptions) error {
	s, err := o.planning(s, o.plans())
	if err != nil {
		return err
	}
	j, err := newScan(ctx, s, o)
	switch {
	case err != nil:
		return err
	case o.Plan:
		return j.plan()
	case o.DryRun:
		return j.dryRun(ctx)
	case !j.hostsOnly() && j.keepsNoState():
		return j.runStateless(ctx)
	}
	return j.run(ctx)
}

// scanJob is one scan, its command line understood.
type scanJob struct {
	options  *scanOptions
	streams  Streams
	set      *target.Set
	probing  probing
	cfg      scan.Config
	connect  bool
	seed     uint64
	shard    shard
	resume   resume
	excluded exclusions
	guarded  []string // remarks on what was left out
	expect   *probe.State

	discovery     string // auto, none or only
	discoverAsked bool   // on the command line
}

func newScan(ctx context.Context, s Streams, o *scanOptions) (*scanJob, error) {
	j := &scanJob{options: o, streams: s}
	return j, inOrder(j.readTechnique, j.readExpectation, j.readProbing, j.readDiscovery, func() error { return j.readTargets(ctx) })
}

func (j *scanJob) readProbing() (err error) {
	j.probing, err = j.options.probing()
	asNeeded := !j.options.given["max-retries"] && !j.connects()
	if asNeeded {
		j.probing.retries = scan.DefaultRetries // as many of them as the loss asks for
	}
	if j.probing.apply(&j.cfg); asNeeded {
		j.cfg.Retries = 0 // that many, and some more of the last few ports
	}
	if !j.options.given["timeout"] {
		j.cfg.MostTimeout = scan.DefaultMostTimeout
	}
	if err == nil && j.connect {
		return j.probing.plain("technique connect")
	}
	return err
}

func (j *scanJob) readTargets(ctx context.Context) (err error) {
	j.options.shown.HostList = j.hostsOnly()
	if j.set, j.guarded, err = j.options.guardedTargets(ctx, j.streams); err != nil {
		return err
	}
	if err = inOrder(j.readOrder, j.readResumeEvery, func() error { return j.readExclusions(ctx) }); err != nil {
		return err
	}
	j.options.shown.Scan = j.info()
	j.cfg.Targets = j.order()
	j.cfg.Total = j.set.ShardCount(j.shard.index, j.shard.count)
	j.cfg.Canaries = true
	return j.readBandwidth()
}

// order is that of probing. The parts of a split plan, and runs that keep no state, have
// to know where each target comes in it.
func (j *scanJob) order() iter.Seq[netip.AddrPort] {
	if j.shard.count <= 1 && !j.keepsNoState() {
		return j.set.Foremost(j.seed)
	}
	return j.set.Shard(j.seed, j.shard.index, j.shard.count)
}

// readTechnique takes the technique from whichever way it was named.
func (j *scanJob) readTechnique() error {
	names := slices.Clone(j.options.aliases)
	if j.options.given["technique"] {
		names = append([]string{j.options.Technique}, names...)
	}
	if j.options.given["flags"] {
		names = append(names, "flags")
	}
	switch {
	case len(names) > 1:
		return usagef("one technique at a time, not %s", strings.Join(names, " and "))
	case len(names) == 0:
		names = []string{j.options.Technique}
	}
	return j.setTechnique(names[0])
}

func (j *scanJob) setTechnique(name string) (err error) {
	switch name {
	case "flags":
		flags, err := craft.ParseFlags(j.options.Flags)
		if err != nil {
			return usagef("--flags: %w", err)
		}
		j.cfg.Technique = probe.FreeFlags(flags)
	case probe.ConnectTechnique, "sT":
		j.connect = true
	default:
		if j.cfg.Technique, err = probe.TechniqueByName(name); err != nil {
			return usagef("--technique: %w", err)
		}
	}
	return nil
}

func (j *scanJob) readExpectation() (err error) {
	j.expect, err = j.options.expectation()
	return err
}

// info is what nmap's XML says of a scan, nil where no port is probed; of free flags
// it says "syn", as nmap does of --scanflags.
func (j *scanJob) info() *sink.ScanInfo {
	all, err := j.options.ports()
	if err != nil || j.hostsOnly() {
		return nil
	}
	if less, err := j.options.excludedPorts(); err == nil {
		all = all.Minus(less)
	}
	technique := j.techniqueName()
	if j.options.given["flags"] {
		technique = "syn"
	}
	return &sink.ScanInfo{Technique: technique, Ports: all.String(), Count: all.Len()}
}

// thousands of probes are worth the preparations for sending them as frames.
const thousands = 2000

func (j *scanJob) load() load {
	switch {
	case j.hostsOnly():
		return searchPackets
	case j.cfg.Total >= thousands:
		return manyPackets
	}
	return somePackets
}

// connects reports whether the kernel makes the connections because that was asked for.
func (j *scanJob) connects() bool { return j.connect || j.probing.engine == engineConnect }

// engine opens what the technique needs.
func (j *scanJob) engine() (opened, error) {
	if j.connect {
		if e := j.probing.engine; e != engineAuto && e != engineConnect {
			return opened{}, usagef("--engine %s cannot do technique connect", e)
		}
		return opened{name: engineConnect}, nil
	}
	syn := j.cfg.Technique.Name == "syn" && !j.hostsOnly()
	j.probing.load = j.load()
	if j.probing.engine == engineConnect && !syn {
		return opened{}, usagef("--engine connect cannot do technique %s", j.cfg.Technique.Name)
	}
	return j.probing.open(j.probing.retries+2, fallback(syn))
}

func (j *scanJob) run(ctx context.Context) error {
	e, err := j.engine()
	if err != nil {
		return err
	}
	defer e.close()
	neighbours, note := j.openNeighbours(&e)
	defer neighbours.close()
	run := j.opening(&e)
	if note != "" && j.options.level() > 0 {
		run.remarks = append(run.remarks, note)
	}
	results := &results{set: j.set, expect: j.expect, hostsOnly: j.hostsOnly()}
	return run.run(ctx, func(s *session) error {
		results.session = s
		return j.probe(ctx, results)
	}, results.answer)
}

// probe runs the scan and closes its record.
func (j *scanJob) probe(ctx context.Context, results *results) error {
	if j.shard.count > 1 {
		if err := j.writeShard(results); err != nil {
			return err
		}
	}
	if p := results.progress; p != nil {
		j.cfg.OnProgress = p.Update
	}
	var summary probe.Summary
	var err error
	if results.e.conn != nil {
		summary, err = j.probeRaw(ctx, results)
	} else {
		if !j.options.given["max-retries"] {
			j.cfg.Retries = probe.DefaultRetries // the kernel retransmits, and each is a wait
		}
		dialer := netraw.Dialer{Interface: j.probing.iface, Source: j.probing.source, Port: j.probing.sourcePort}
		summary, err = connect.Run(ctx, dialer, j.cfg, results)
	}
	if results.broken != nil {
		err = results.broken // the other outputs are finished
	}
	return results.end(&summary, err)
}

// probeRaw looks for the hosts, where that is to be done, and probes those that
// are there.
func (j *scanJob) probeRaw(ctx context.Context, results *results) (probe.Summary, error) {
	switch {
	case j.looksFirst(results.e) && j.searchesByPort():
		return j.probeByPort(ctx, results)
	case j.looksFirst(results.e):
		return j.probeFound(ctx, results)
	}
	return scanUnlooked(ctx, results, j.cfg, results)
}

// opening is what a scan says of itself.
func (j *scanJob) opening(e *opened) *opening {
	o := &opening{options: &j.options.common, streams: j.streams, set: j.set, engine: e, seed: record.Some(j.seed), probing: &j.probing}
	if note := j.discoverNote(e.name, e.stateless); note != "" {
		o.remarks = append(o.remarks, note)
	}
	o.remarks, o.notes = append(o.remarks, j.guarded...), append(o.notes, j.guarded...)
	return o
}

// remark says something on standard error, unless asked to be quiet.
func (d *display) remark(lines ...string) {
	if d.quiet {
		return
	}
	for _, line := range lines {
		say(d.streams.Err, line)
	}
}
