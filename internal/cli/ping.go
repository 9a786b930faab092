package cli

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/picture"
	"synscope/internal/plot"
	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/internal/target"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/ping"
	"synscope/probe/rtt"
)

func pingCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "ping",
		Usage:     "how long does the handshake take, how steadily, how often is it lost?",
		ArgsUsage: "TARGET...",
		Flags:     probingFlags(pingFlags(), pingPort, pingMeanings, outputFlags()),
		Action:    probes(s, newPing),
	}
}

func pingFlags() []cli.Flag {
	return []cli.Flag{
		&cli.Uint64Flag{Name: "c", Usage: "probe each target `COUNT` times (default: until interrupted)"},
		&cli.StringFlag{Name: "i", Value: "1s", Usage: "`INTERVAL` between two probes of one target, down to 1ms"},
		&cli.StringFlag{Name: "flow", Value: "fixed", Usage: "`HOW` source ports are chosen: fixed keeps to one path, vary sees that paths differ"},
		&cli.StringFlag{Name: "stamps", Value: stampsSoftware, Usage: "`WHOSE` stamps times are taken from: software, hardware (the interface's own clock), auto"},
		&cli.BoolFlag{Name: "histogram", Usage: "end with a histogram"},
		&cli.StringFlag{Name: "plot", Usage: "draw times and losses, and the distribution, into `FILE`.svg or .png"},
		&cli.BoolFlag{Name: "split-jitter", Usage: "tell how much the way there and the way back vary, by the clock in the far end's ISNs"},
		&cli.BoolFlag{Name: "compare", Usage: "say whether the two targets given differ"},
		&cli.StringFlag{Name: "metrics", Usage: "serve OpenMetrics for Prometheus on `ADDR`, such as :9115"},
		&cli.StringFlag{Name: "expect", Usage: "exit 1 unless every target is in `STATE`"},
		&cli.StringFlag{Name: "max-loss", Usage: "exit 1 if more than `P%` of a target's probes are lost, or cannot be sent"},
		&cli.StringSliceFlag{Name: "max-rtt", Usage: "exit 1 if a time exceeds `LIMIT`, such as p95=20ms or max=1s"},
		&cli.BoolFlag{Name: "dry-run", Usage: "print the packets that would leave, and stop"},
	}
}

// pingPort is probed where no port is named.
const pingPort = "80"

// pingJob is one ping, its command line understood.
type pingJob struct {
	c       *cli.Context
	streams Streams
	set     *target.Set
	probing probing
	cfg     ping.Config
	limits  limits
	plot    string
	stamps  string
	notes   []string // what the run has to do without
	series  []*pingSeries
	start   time.Time
}

func newPing(c *cli.Context, s Streams) (*pingJob, error) {
	j := &pingJob{c: c, streams: s, plot: c.String("plot")}
	return j, inOrder(j.readSchedule, j.readProbing, j.readStamps, j.readLimits, j.readPlot, j.readTargets)
}

func (j *pingJob) readSchedule() (err error) {
	j.cfg.Count = j.c.Uint64("c")
	if j.c.IsSet("c") && j.cfg.Count == 0 {
		return usagef("-c: 0: at least one probe")
	}
	if j.cfg.Interval, err = parseDuration(j.c.String("i")); err != nil {
		return usagef("-i: %w", err)
	}
	if j.cfg.Interval < ping.MinInterval || j.cfg.Interval > 24*time.Hour {
		return usagef("-i: %s: want 1ms to 24h", j.c.String("i"))
	}
	j.cfg.Flow, err = parseFlow(j.c.String("flow"))
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
	j.probing, err = probingOf(j.c)
	p := &j.probing
	j.cfg.Profile, j.cfg.TTL, j.cfg.TOS, j.cfg.Timeout, j.cfg.Rate = p.profile, p.ttl, p.tos, p.timeout, p.rate
	return err
}

func (j *pingJob) readLimits() (err error) {
	j.limits, err = limitsOf(j.c)
	return err
}

func (j *pingJob) readPlot() error {
	if j.plot == "" {
		return nil
	}
	if err := picture.Check(j.plot); err != nil {
		return usagef("--plot: %w", err)
	}
	return nil
}

func (j *pingJob) readTargets() (err error) {
	if j.set, err = targetsOn(j.c, j.streams, pingPort); err != nil {
		return err
	}
	if n := j.set.Count(); n > maxPinged {
		return usagef("%s targets: a ping takes up to %s", units.Count(n), units.Count(maxPinged))
	}
	j.cfg.Targets = slices.Collect(j.set.Ordered())
	if n := len(j.cfg.Targets); j.c.Bool("compare") && n != 2 {
		return usagef("--compare takes two targets, not %d", n)
	}
	if rate := float64(len(j.cfg.Targets)) / j.cfg.Interval.Seconds(); j.probing.rate > 0 && rate > j.probing.rate {
		return usagef("--rate %s: %d targets every %v are %s", j.c.String("rate"), len(j.cfg.Targets), j.cfg.Interval, units.Rate(rate))
	}
	j.noteRate()
	for _, pair := range j.cfg.Targets {
		j.series = append(j.series, newPingSeries(j.set.Word(pair), pair, len(j.cfg.Targets)))
	}
	return nil
}

// noteRate says so where the rate leaves no room for the RST of each SYN.
func (j *pingJob) noteRate() {
	probes := float64(len(j.cfg.Targets)) / j.cfg.Interval.Seconds()
	if rate := j.probing.rate; rate > 0 && 2*probes > rate && j.probing.engine != engineConnect {
		j.notes = append(j.notes, fmt.Sprintf("--rate %s: %s probes a second and the RST that closes each are more, so probes leave late",
			j.c.String("rate"), units.Count(uint64(probes))))
	}
}

// maxPinged is the most targets of one ping.
const maxPinged = 1 << 16

// dryRun prints the first probe of each target.
func (j *pingJob) dryRun() error {
	preview := scanJob{c: j.c, streams: j.streams, probing: j.probing}
	j.probing.apply(&preview.cfg)
	preview.cfg.Targets = slices.Values(j.cfg.Targets)
	return preview.dryRun()
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
	e, err := j.probing.open(j.ports(), j.stamps != stampsHardware)
	if err != nil {
		return err
	}
	defer e.close()
	if e.note != "" {
		j.notes = append(j.notes, e.note)
	}
	if err := j.checkStamps(&e); err != nil {
		return err
	}
	server.start(e.name, j)
	run := opening{
		c: j.c, streams: j.streams, command: "ping", set: j.set, engine: &e, remarks: j.notes, notes: j.notes, later: opensConnections,
	}
	return run.run(func(s *session) error { return j.probe(ctx, newPingWatch(j, s, server)) }, j.answer)
}

// probe runs the ping, follows the names of its targets meanwhile, and closes
// its record.
func (j *pingJob) probe(ctx context.Context, w *pingWatch) error {
	j.start = time.Now()
	names, stop := context.WithCancel(ctx)
	followed := j.follow(names, w)
	var summary probe.Summary
	var err error
	if w.e.conn != nil {
		summary, err = ping.Run(ctx, w.network(), j.cfg, w.sample)
	} else {
		dialer := netraw.Dialer{Interface: j.probing.iface, Source: j.probing.source, Port: j.probing.sourcePort}
		summary, err = ping.RunConnect(ctx, dialer, j.cfg, w.sample)
	}
	stop()
	<-followed // nothing follows the closing records
	if ended := w.end(&summary); err == nil {
		err = ended
	}
	if j.plot != "" {
		if drawn := j.draw(); err == nil {
			err = drawn
		}
	}
	return err
}

// draw makes the picture. Its title is for people who have not seen the
// command line.
func (j *pingJob) draw() error {
	asked := fmt.Sprintf("%d ports", len(j.series))
	if len(j.series) == 1 {
		asked = j.series[0].label()
	}
	title := fmt.Sprintf("How long %s took to answer a TCP SYN, every %v", asked, j.cfg.Interval)
	var shown []plot.Series
	for _, s := range j.series {
		shown = append(shown, plot.Series{Name: s.label(), Series: s.Series, Timeline: s.timeline})
	}
	return drawn(plot.RTT(j.plot, title, j.start, shown))
}

// answer turns the end of a run into its answer.
func (j *pingJob) answer(d *display) error {
	failures := j.limits.check(j.series)
	d.remark(failures...)
	switch {
	case len(failures) > 0:
		return errNo
	case j.limits.expect == nil && !slices.ContainsFunc(j.series, (*pingSeries).everOpen):
		return errNo
	}
	return nil
}

// pingSeries is one target of a ping and what its probes gave.
type pingSeries struct {
	*rtt.Series
	word     string // as the user typed it
	target   netip.AddrPort
	timeline *rtt.Timeline
	hardware uint64 // times between two stamps of hardware
	unsent   uint64 // probes that this machine could not send
	states   map[probe.State]uint64
	clocks   []string // of the times in the series, each once
	state    probe.State
	last     time.Duration
	splitter splitter
}

// manyTargets is from how many targets on their statistics are kept coarsely.
const manyTargets = 50

func newPingSeries(word string, pair netip.AddrPort, targets int) *pingSeries {
	precision := rtt.Precise
	if targets >= manyTargets {
		precision = rtt.Coarse
	}
	return &pingSeries{
		Series: rtt.NewSeries(precision), word: word, target: pair,
		timeline: &rtt.Timeline{}, states: map[probe.State]uint64{},
	}
}

func (s *pingSeries) everOpen() bool { return s.states[probe.StateOpen] > 0 }

// label names the target in a picture or a message.
func (s *pingSeries) label() string {
	if name := record.NameOf(s.word, s.target.Addr()); name != s.target.Addr().String() {
		return fmt.Sprintf("%s port %d", name, s.target.Port())
	}
	return s.target.String()
}

// add takes one sample in.
func (s *pingSeries) add(p *ping.Sample, timeline bool) {
	if p.Doubt == probe.DoubtSkipped {
		return
	}
	s.target, s.state = p.Target, p.State
	s.states[p.State]++
	if p.Err != nil {
		s.unsent++
		if timeline {
			s.timeline.Lost(p.Due)
		}
		return
	}
	for range p.Repeats {
		s.Lost()
	}
	switch {
	case p.Timed():
		s.Series.Add(p.RTT)
		s.last = p.RTT
		if p.Device {
			s.hardware++
		}
		if clock := p.Clock.String(); !slices.Contains(s.clocks, clock) {
			s.clocks = append(s.clocks, clock)
		}
	case p.Answered():
		s.Unmeasured()
	default:
		s.Lost()
	}
	if timeline && p.Timed() {
		s.timeline.Add(p.Due, p.RTT)
	} else if timeline && !p.Answered() {
		s.timeline.Lost(p.Due)
	}
}
