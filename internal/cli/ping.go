package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/picture"
	"synscope/internal/plot"
	"synscope/internal/report/units"
	"synscope/internal/target"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/ping"
)

func pingCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "ping",
		Usage:     "how long does the handshake take, how steadily, how often is it lost?",
		ArgsUsage: "TARGET...",
		Flags:     probingFlags(pingFlags(), pingPortWord, pingMeanings, outputFlags()),
		Action:    probes(s, newPing),
	}
}

func pingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.Uint64Flag{Name: "c", Usage: "probe each target `COUNT` times (default: until interrupted)"},
		&cli.StringFlag{Name: "i", Value: "1s", Usage: "`INTERVAL` between two probes of one target, down to 1ms"},
		&cli.StringFlag{Name: "flow", Value: "fixed", Usage: "`HOW` source ports are chosen: fixed keeps to one path, vary sees that paths differ"},
		&cli.StringFlag{Name: "stamps", Value: stampsSoftware, Usage: "`WHOSE` stamps times are taken from: software, hardware (the interface's own clock), auto"},
		&cli.BoolFlag{Name: "D", Usage: "begin each line with the time of day at which its probe left"},
		&cli.BoolFlag{Name: "histogram", Usage: "end with a histogram"},
		&cli.StringFlag{Name: "plot", Usage: "draw times and losses, and the distribution, into `FILE`.svg or .png"},
		&cli.BoolFlag{Name: "split-jitter", Usage: "tell how much the way there and the way back vary, by the clock in the far end's ISNs"},
		&cli.BoolFlag{Name: "compare", Usage: "say whether the two targets given differ"},
		&cli.StringFlag{Name: "metrics", Usage: "serve OpenMetrics for Prometheus on `ADDR`, such as :9115, and /probe?target=...&module=..."},
		&cli.StringSliceFlag{Name: "probe-allow", Usage: "with --metrics: `PREFIXES` that /probe may probe, or any (default: the targets of the run)"},
		&cli.StringFlag{Name: "probe-modules", Usage: "with --metrics: modules of /probe, from `FILE`"},
		&cli.StringFlag{Name: "expect", Usage: "exit 1 unless every target is in `STATE`"},
		&cli.StringFlag{Name: "max-loss", Usage: "exit 1 if more than `P%` of a target's probes are lost, or cannot be sent"},
		&cli.StringSliceFlag{Name: "max-rtt", Usage: "exit 1 if a time exceeds `LIMIT`, such as p95=20ms or max=1s"},
		&cli.BoolFlag{Name: "dry-run", Usage: "print the SYNs that would leave, with the times at which they are due, and stop"},
	}
}

// pingPort is probed where no port is named, pingPortWord in help.
const (
	pingPort     = 80
	pingPortWord = "80"
)

// pingOptions are the flags of ping.
type pingOptions struct {
	common
	Count        uint64   `flag:"c"`
	Interval     string   `flag:"i"`
	Flow         string   `flag:"flow"`
	Stamps       string   `flag:"stamps"`
	Clock        bool     `flag:"D"`
	Histogram    bool     `flag:"histogram"`
	SplitJitter  bool     `flag:"split-jitter"`
	Compare      bool     `flag:"compare"`
	Metrics      string   `flag:"metrics"`
	ProbeAllow   []string `flag:"probe-allow"`
	ProbeModules string   `flag:"probe-modules"`
	MaxLoss      string   `flag:"max-loss"`
	MaxRTT       []string `flag:"max-rtt"`
}

// pingJob is one ping, its command line understood.
type pingJob struct {
	options *pingOptions
	streams Streams
	set     *target.Set
	probing probing
	cfg     ping.Config
	limits  limits
	prober  *prober // of --metrics
	stamps  string
	notes   []string // what the run has to do without
	series  []*pingSeries
	start   time.Time
	began   time.Duration // when the engine began with the targets of now, since start
}

func newPing(ctx context.Context, s Streams, o *pingOptions) (*pingJob, error) {
	j := &pingJob{options: o, streams: s}
	o.shown.Clock = o.Clock
	return j, inOrder(j.readSchedule, j.readProbing, j.readStamps, j.readLimits, j.readPlot, j.readServing, func() error { return j.readTargets(ctx) })
}

func (j *pingJob) readSchedule() (err error) {
	j.cfg.Count = j.options.Count
	if j.options.given["c"] && j.cfg.Count == 0 {
		return usagef("-c: 0: at least one probe")
	}
	if j.cfg.Interval, err = parseDuration(j.options.Interval); err != nil {
		return usagef("-i: %w", err)
	}
	if j.cfg.Interval < ping.MinInterval || j.cfg.Interval > 24*time.Hour {
		return usagef("-i: %s: want 1ms to 24h", j.options.Interval)
	}
	j.cfg.Flow, err = parseFlow(j.options.Flow)
	return err
}

func parseFlow(word string) (probe.Flow, error) {
	switch word {
	case "fixed":
		return probe.FlowFixed, nil
	case "vary":
		return probe.FlowVary, nil
	}
	return 0, usagef("--flow: %q: want fixed or vary", word)
}

func (j *pingJob) readProbing() (err error) {
	j.probing, err = j.options.probing()
	p := &j.probing
	j.cfg.Profile, j.cfg.TTL, j.cfg.TOS, j.cfg.Timeout, j.cfg.Rate = p.profile, p.ttl, p.tos, p.timeout, p.rate
	return err
}

func (j *pingJob) readLimits() (err error) {
	j.limits, err = j.options.limits()
	return err
}

func (j *pingJob) readPlot() error {
	if j.options.Histogram && !j.options.writesText() {
		return usagef("--histogram is drawn in text: leave it out, or write text too, with -oN FILE")
	}
	if j.options.Plot == "" {
		return nil
	}
	if err := picture.Check(j.options.Plot); err != nil {
		return usagef("--plot: %w", err)
	}
	return nil
}

func (j *pingJob) readTargets(ctx context.Context) error {
	set, err := j.targets(ctx)
	if err != nil {
		return err
	}
	j.set = set
	if n := len(set.Unresolved()); j.options.Compare && set.Count() != 2 {
		return usagef("--compare takes two targets, not %d", int(set.Count())+n)
	}
	j.series = j.seriesOf(set, nil)
	j.aim()
	if rate := j.slotRate(); j.probing.rate > 0 && rate > j.probing.rate {
		return usagef("--rate %s: %d targets every %v are %s", j.options.Rate, len(j.cfg.Targets), j.cfg.Interval, units.Rate(rate))
	}
	j.noteRate()
	return nil
}

// targets are those of the command line and of its lists, as they are now.
func (j *pingJob) targets(ctx context.Context) (*target.Set, error) {
	if j.servesOnly() {
		return &target.Set{}, nil
	}
	set, err := j.options.targetsWith(ctx, j.streams, func(t *target.Options) {
		if t.Ports = j.options.portsOr(t.Ports, pingPort); j.serves() && t.SkipBad {
			t.Patience = servingPatience
		}
	})
	if j.serves() && errors.Is(err, target.ErrEmpty) && len(set.Unresolved()) > 0 {
		err = nil // the names are asked for again
	}
	if err != nil {
		return nil, err
	}
	if n := set.Count(); n > maxPinged {
		return nil, usagef("%s targets: a ping takes up to %s", units.Count(n), units.Count(maxPinged))
	}
	return set, nil
}

// aim makes the series the targets of the engine.
func (j *pingJob) aim() {
	j.cfg.Targets = nil
	for _, s := range j.series {
		j.cfg.Targets = append(j.cfg.Targets, s.target)
	}
}

// slotRate is how many probes a second the schedule sends.
func (j *pingJob) slotRate() float64 { return float64(len(j.cfg.Targets)) / j.cfg.Interval.Seconds() }

// reach is how many probes of a target may end in another order than they left
// in.
func (j *pingJob) reach() int { return 2*int(j.cfg.Timeout/j.cfg.Interval) + 8 }

// noteRate says so where the rate leaves no room for the RST of each SYN.
func (j *pingJob) noteRate() {
	probes := j.slotRate()
	if rate := j.probing.rate; rate > 0 && 2*probes > rate && j.probing.engine != engineConnect {
		j.notes = append(j.notes, fmt.Sprintf("--rate %s: %s probes a second and the RST that closes each are more, so probes leave late",
			j.options.Rate, units.Count(uint64(probes))))
	}
}

// maxPinged is the most targets of one ping.
const maxPinged = 1 << 16

// dryRun prints every probe with the time at which it is due; without -c, where there
// is no end of them, the first of each target.
func (j *pingJob) dryRun(ctx context.Context) error {
	out := bufio.NewWriter(j.streams.Out)
	rounds, n := max(j.cfg.Count, 1), len(j.cfg.Targets)
	for round := range rounds {
		packets, err := j.probing.previewRound(j.cfg.Targets, 0, func(i int, packet string) shownPacket {
			due := time.Duration(round)*j.cfg.Interval + time.Duration(i)*j.cfg.Interval/time.Duration(n)
			return shownPacket{sincePacket(due), packet}
		})
		if err == nil {
			err = printAll(ctx, out, packets)
		}
		if err != nil {
			return err
		}
	}
	if j.cfg.Count == 0 && !j.options.Quiet {
		fmt.Fprintf(j.streams.Err, "synscope: and so on every %s, until interrupted; -c ends it\n", units.Duration(j.cfg.Interval))
	}
	return flushed(out)
}

// ports is how many source ports to hold: enough for all probes of a target
// that may be in the air at once.
func (j *pingJob) ports() int {
	if j.cfg.Flow == probe.FlowVary {
		return flowPorts
	}
	return min(max(int(j.cfg.Timeout/j.cfg.Interval), 8), flowPorts)
}

func (j *pingJob) run(ctx context.Context) error {
	server, err := j.serve()
	if err != nil {
		return err
	}
	defer server.close()
	e, err := j.probing.open(j.ports(), fallback(j.stamps != stampsHardware))
	if err != nil {
		return err
	}
	defer e.close()
	if err := server.open(&e); err != nil {
		return err
	}
	if err := j.checkStamps(&e); err != nil {
		return err
	}
	server.start(e.name, j)
	run := opening{
		options: &j.options.common, streams: j.streams, set: j.set, engine: &e, remarks: j.notes, notes: j.notes,
		later: opensConnections, reads: j.readAgain(), goesOn: true, probing: &j.probing, resolve: hostsOf(j.cfg.Targets),
	}
	return run.run(ctx, func(s *session) error { return j.probe(ctx, newPingWatch(j, s, server)) }, j.answer)
}

// probe runs the ping until it ends, and closes its record. Whenever the targets
// were read again, it begins anew with those.
func (j *pingJob) probe(ctx context.Context, w *pingWatch) error {
	j.start = time.Now()
	total := probe.Summary{Took: -1}
	reloads := j.watchReloads()
	var err error
	for again := true; again; {
		var summary probe.Summary
		var next *target.Set
		summary, next, err = j.once(ctx, w, reloads)
		total.Add(&summary)
		total.Complete, total.Rate = summary.Complete, summary.Rate
		again = next != nil && ctx.Err() == nil && errors.Is(err, probe.ErrInterrupted)
		if again {
			err = j.change(next, w)
			again = err == nil
		}
	}
	total.Took = time.Since(j.start)
	err = cmp.Or(err, w.end())
	err = w.conclude(&total, err)
	if j.options.Plot != "" {
		err = cmp.Or(err, j.draw())
	}
	return err
}

// once runs the ping with the targets of now, and follows their names meanwhile,
// until others have been read or its end.
func (j *pingJob) once(ctx context.Context, w *pingWatch, reloads <-chan struct{}) (summary probe.Summary, next *target.Set, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	others := make(chan *target.Set, 1)
	go func() {
		if set := j.reload(ctx, w, reloads); set != nil {
			others <- set
			stop()
		}
	}()
	j.began = time.Since(j.start)
	followed := j.follow(ctx, w)
	switch {
	case len(j.cfg.Targets) == 0:
		<-ctx.Done()
		err = probe.ErrInterrupted
	case w.e.conn != nil:
		j.cfg.Late = w.late
		summary, err = ping.Run(ctx, w.network, j.cfg, w.sample)
	default:
		dialer := netraw.Dialer{Interface: j.probing.iface, Source: j.probing.source, Port: j.probing.sourcePort}
		summary, err = ping.RunConnect(ctx, dialer, j.cfg, w.sample)
	}
	stop()
	<-followed // nothing follows the closing records
	select {
	case next = <-others:
	default:
	}
	return summary, next, err
}

// draw makes the picture. Its title is for people who have not seen the
// command line.
func (j *pingJob) draw() error {
	asked, known := fmt.Sprintf("%d ports", len(j.known())), j.known()
	if len(known) == 1 {
		asked = known[0].label()
	}
	title := fmt.Sprintf("How long %s took to answer a TCP SYN, every %v", asked, j.cfg.Interval)
	var shown []plot.Series
	for _, s := range known {
		shown = append(shown, plot.Series{Name: s.label(), Series: s.Series, Timeline: s.timeline})
	}
	return written(plot.RTT(j.options.Plot, title, j.start, shown))
}

// answer turns the end of a run into its answer.
func (j *pingJob) answer(d *display) error {
	failures := j.limits.check(j.known())
	d.remark(failures...)
	switch {
	case len(failures) > 0:
		return errNo
	case j.limits.expect == nil && !slices.ContainsFunc(j.series, (*pingSeries).everOpen):
		return errNo
	}
	return nil
}
