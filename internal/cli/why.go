package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/report/record"
	"synscope/internal/spelling"
	"synscope/internal/target"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/why"
	"synscope/probe/why/live"
)

func whyCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "why",
		Usage:     "why does this port not answer, or only sometimes: where is the cause, how sure is that?",
		ArgsUsage: "TARGET...",
		Description: "Makes experiments, each chosen for what it tells apart, until one cause is sure\n" +
			"enough or the budget is spent. All addresses of a name are tried. Exit code 0:\n" +
			"nothing is wrong, or nothing failed as far as the budget went; 1: a cause was\n" +
			"found, or none that is sure; 3: no packet could leave this machine.",
		Flags:  probingFlags(whyFlags(), pingPortWord, whyMeanings, outputFlags()),
		Action: probes(s, newWhy),
	}
}

func whyFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "budget", Value: fmt.Sprintf("%d,%v", why.DefaultPackets, why.DefaultTime), Usage: "send at most `PACKETS,D` for each target, in that time"},
		&cli.StringSliceFlag{Name: "only", Usage: "make these `EXPERIMENTS` only: " + strings.Join(experimentNames(), ", ")},
		&cli.StringFlag{Name: "against", Usage: "`HOST:PORT` that works, to compare with"},
		&cli.BoolFlag{Name: "dry-run", Usage: "print the SYNs that the experiments are made of, and stop"},
	}
}

func experimentNames() (names []string) {
	for _, e := range why.Experiments() {
		names = append(names, e.Name)
	}
	return names
}

// whyOptions are the flags of why.
type whyOptions struct {
	common
	Budget  string   `flag:"budget"`
	Only    []string `flag:"only"`
	Against string   `flag:"against"`
}

// whyJob is some diagnoses, their command line understood.
type whyJob struct {
	options *whyOptions
	streams Streams
	set     *target.Set
	probing probing
	cfg     why.Config
	against netip.AddrPort
	targets []whyTarget
	lent    uint16 // a source port of this machine's own connections whose packets are seen; 0: none
	sick    int    // targets with which something is wrong
	total   probe.Summary
	unreached
}

// whyTarget is a port of a name, at all addresses.
type whyTarget struct {
	word, name string
	addrs      []why.Address
}

func newWhy(ctx context.Context, s Streams, o *whyOptions) (*whyJob, error) {
	j := &whyJob{options: o, streams: s}
	return j, inOrder(j.readProbing, j.readBudget, func() error { return j.readExperiments(ctx) }, func() error { return j.readTargets(ctx) })
}

func (j *whyJob) readProbing() (err error) {
	for _, name := range []string{"ttl", "tos", "profile", "timeout", "max-retries", "g"} {
		if j.options.given[name] {
			return usagef("%s: the experiments choose it", dashed(name))
		}
	}
	j.probing, err = j.options.probing()
	if err == nil && j.probing.engine != engineAuto && j.probing.engine != engineRaw {
		return usagef("--engine %s cannot make the experiments", j.probing.engine)
	}
	return err
}

// Bounds of a budget.
const (
	leastPackets = 20
	mostPackets  = 100_000
	mostTime     = 24 * time.Hour
)

func (j *whyJob) readBudget() error {
	for _, word := range strings.Split(j.options.Budget, ",") {
		if n, err := strconv.Atoi(strings.TrimSpace(word)); err == nil && j.cfg.Packets == 0 {
			if n < leastPackets || n > mostPackets {
				return usagef("--budget: %d packets: want %d to %d", n, leastPackets, mostPackets)
			}
			j.cfg.Packets = n
			continue
		}
		d, err := parseDuration(strings.TrimSpace(word))
		if err != nil || j.cfg.Time != 0 {
			return usagef("--budget: %q: want PACKETS,D, such as 400,30s", j.options.Budget)
		}
		if d < time.Second || d > mostTime {
			return usagef("--budget: %v: want 1s to 24h", d)
		}
		j.cfg.Time = d
	}
	return nil
}

func (j *whyJob) readExperiments(ctx context.Context) error {
	j.cfg.Only = listOf(j.options.Only)
	for _, name := range j.cfg.Only {
		if !slices.Contains(experimentNames(), name) {
			return usagef("--only: there is no experiment %q: %s", name, spelling.Hint(name, experimentNames()))
		}
	}
	word := j.options.Against
	if word == "" {
		return nil
	}
	opts, err := j.options.targets(j.streams)
	if err != nil {
		return err
	}
	opts.Lists = nil
	set, err := target.Parse(ctx, []string{word}, opts)
	if err != nil || set.Count() != 1 || !hasPort(word) {
		return usagef("--against: %q: want one HOST:PORT", word)
	}
	j.against, j.cfg.Against = set.At(0), true
	return nil
}

// listOf are words that may be joined by commas.
func listOf(given []string) (list []string) {
	for _, g := range given {
		for _, word := range strings.Split(g, ",") {
			if word = strings.TrimSpace(word); word != "" {
				list = append(list, word)
			}
		}
	}
	return list
}

// mostTargets is how many ports one run looks into.
const mostTargets = 64

// readTargets takes the targets, names with all their addresses.
func (j *whyJob) readTargets(ctx context.Context) (err error) {
	if j.set, err = j.options.targetsOn(ctx, j.streams, pingPort); err != nil {
		return err
	}
	if n := j.set.Count(); n > mostTargets {
		return usagef("%d ports: at most %d in one run", n, mostTargets)
	}
	for pair := range j.set.Ordered() {
		t := whyTarget{word: j.set.Word(pair), name: j.set.Name(pair.Addr()), addrs: []why.Address{{AddrPort: pair}}}
		if host, _, err := net.SplitHostPort(t.name); err == nil { // the word of host:80
			t.name = host
		}
		t.name = cmp.Or(t.name, pair.Addr().String())
		j.targets = append(j.targets, j.expanded(ctx, t, pair))
	}
	return nil
}

// mostAddresses is how many addresses of a name are tried.
const mostAddresses = 6

// expanded adds the name's other addresses.
func (j *whyJob) expanded(ctx context.Context, t whyTarget, pair netip.AddrPort) whyTarget {
	if _, err := netip.ParseAddr(t.name); err == nil {
		return t
	}
	found, err := resolverOf(j.streams).LookupNetIP(ctx, j.options.network(), t.name)
	if err != nil {
		return t
	}
	for _, a := range found {
		a = a.Unmap()
		known := slices.ContainsFunc(t.addrs, func(have why.Address) bool { return have.Addr() == a })
		if !known && len(t.addrs) < mostAddresses {
			t.addrs = append(t.addrs, why.Address{AddrPort: netip.AddrPortFrom(a, pair.Port())})
		}
	}
	return t
}

func (j *whyJob) run(ctx context.Context) error {
	e, broken, err := j.open()
	if err != nil {
		return err
	}
	defer e.close()
	if e.conn != nil {
		j.lent, _ = e.conn.Lend()
	}
	facts := j.facts(ctx, &e)
	run := opening{options: &j.options.common, streams: j.streams, set: j.set, engine: &e, later: opensConnections}
	return run.run(ctx, func(s *session) error {
		began := time.Now()
		ctx, stop := j.streams.whileRead(ctx)
		defer stop()
		var err error
		for k := range j.targets {
			if lost := j.notAHost(s, &j.targets[k]); lost != nil {
				j.unreached.take(lost)
				continue
			}
			var unsent error
			if unsent, err = j.diagnose(ctx, s, &j.targets[k], facts[k], broken); err != nil {
				break
			}
			j.unreached.take(cmp.Or(unroutable(s, &j.targets[k]), unsent))
		}
		err = cmp.Or(err, j.unreached.tell(s.display))
		j.total.Took, j.total.Complete = time.Since(began), err == nil
		return errors.Join(err, s.Record(record.NewSummary(&j.total, time.Now())))
	}, func(*display) error { return j.answer() })
}

// notAHost is why a target is not one, nil where it may be.
func (j *whyJob) notAHost(s *session, t *whyTarget) error {
	if s.network == nil {
		return nil
	}
	a := t.addrs[0].Addr()
	route, err := s.network.Route(a)
	if err != nil || !route.Broadcast {
		return nil
	}
	return fmt.Errorf("%v: %w", a, route.NotAHost(a))
}

// unroutable is why this machine has no way to any address of a target: that is diagnosed, and
// the code is that of other commands. nil where there is one.
func unroutable(s *session, t *whyTarget) (err error) {
	for _, a := range t.addrs {
		if s.network == nil {
			return nil
		}
		if _, err = s.network.Route(a.Addr()); err == nil {
			return nil
		}
	}
	return err
}

// flowPorts of a diagnosis: each flow has a source port of its own, as far as this
// machine can spare them.
const (
	mostFlowPorts  = 256
	leastFlowPorts = 4
)

// open opens the network with as many ports as can be had. What stands in the way of
// that on this machine may be the cause itself: then broken says what.
func (j *whyJob) open() (e opened, broken error, err error) {
	first, last := live.EphemeralPorts()
	for n := min(mostFlowPorts, max(leastFlowPorts, (last-first+1)/8)); n >= leastFlowPorts; n /= 4 {
		if e, err = j.probing.open(n, orFail); err == nil || !errors.Is(err, netraw.ErrPortInUse) {
			break
		}
	}
	if err != nil && isAny(err, netraw.ErrPortInUse, netraw.ErrForeignSource) {
		return opened{name: engineConnect}, err, nil
	}
	return e, nil, err
}

// facts prepares looks at this machine, and resolves next hops while the right to is there.
func (j *whyJob) facts(ctx context.Context, e *opened) (list []*live.Facts) {
	for _, t := range j.targets {
		if e.conn == nil {
			list = append(list, nil)
			continue
		}
		neighbours, _ := netraw.OpenNeighbours(&netraw.NeighbourConfig{Interface: j.probing.iface, Source: j.probing.source})
		f := live.NewFacts(live.FactsConfig{Addr: t.addrs[0].Addr(), Route: e.conn.Route, Neighbours: neighbours})
		j.resolve(ctx, f)
		list = append(list, f)
		if neighbours != nil {
			neighbours.Close()
		}
	}
	return list
}

// resolve takes no more than a third of the time that a target has.
func (j *whyJob) resolve(ctx context.Context, f *live.Facts) {
	ctx, cancel := context.WithTimeout(ctx, orDefaultTime(j.cfg.Time)/3)
	defer cancel()
	f.Resolve(ctx)
}

func orDefaultTime(d time.Duration) time.Duration {
	if d == 0 {
		return why.DefaultTime
	}
	return d
}

// diagnose finds the cause of one target. unsent is why nothing could leave for it.
func (j *whyJob) diagnose(ctx context.Context, s *session, t *whyTarget, f *live.Facts, broken error) (unsent, err error) {
	cfg := j.cfg
	cfg.Target, cfg.Name, cfg.Addrs, cfg.Seed = t.word, t.name, t.addrs, uint64(time.Now().UnixNano())
	cfg.Progress = func(experiment string, code why.Code, p float64) {
		if s.level > 0 {
			s.remark(fmt.Sprintf("%s: %s; so far %s, %.0f %%", t.word, experiment, code, 100*p))
		}
	}
	dialer := netraw.Dialer{Interface: j.probing.iface, Source: j.probing.source}
	if broken != nil {
		return j.tell(ctx, s, t, &live.Machine{Broken: broken, Target: t.addrs[0].AddrPort}, cfg)
	}
	cfg.Time = orDefaultTime(cfg.Time) - f.Took()
	cfg.Rate = min(live.DefaultRate, orDefault(j.probing.rate))
	settings := live.Config{Addrs: t.addrs, Name: cfg.Name, Against: j.against, Rate: cfg.Rate, Packets: cfg.Packets, Dialer: dialer, Facts: f}
	if j.lent != 0 {
		dialer.Port = j.lent
		settings.Seen, settings.SeenPort = dialer, j.lent
	}
	cfg.Impossible = f.Impossible()
	i := live.New(s.network, settings)
	before := s.network.Stats()
	unsent, err = j.tell(ctx, s, t, i, cfg)
	err = errors.Join(err, i.Close())
	after := s.network.Stats()
	j.total.SendErrors += after.SendErrors - before.SendErrors
	j.total.ResetsRefused += after.ResetsRefused - before.ResetsRefused
	return unsent, err
}

func orDefault(rate float64) float64 {
	if rate == 0 {
		return live.DefaultRate
	}
	return rate
}

// tell runs the experiments and writes what they say.
func (j *whyJob) tell(ctx context.Context, s *session, t *whyTarget, inst why.Instrument, cfg why.Config) (unsent, err error) {
	d, err := why.Run(ctx, inst, cfg)
	if ctx.Err() != nil {
		err = probe.ErrInterrupted
		if cause := context.Cause(ctx); closedPipe(cause) {
			err = cause
		}
	}
	if !d.Unblemished() {
		j.sick++
	}
	j.total.Probes += uint64(len(d.Trials))
	j.total.Sent += uint64(d.Packets)
	n := answersOf(d.Trials)
	j.total.Received, j.total.Matched = j.total.Received+n, j.total.Matched+n
	return nothingLeft(d.Unsent()), errors.Join(s.Record(record.NewDiagnosis(t.word, d)), err)
}

// nothingLeft is why no packet could leave this machine, as the refusals of all of them have it.
func nothingLeft(refusal error) error {
	if errors.Is(refusal, syscall.EPERM) { // of all of them: that is no limit
		refusal = netraw.ErrLocalFirewall
	}
	return (&probe.Summary{Refusal: refusal}).Unsent()
}

// answersOf is how many answers trials rest on: one each that was answered, and one
// for each hop of those that walk a path. Segments that follow within a connection are
// not among them.
func answersOf(trials []why.Trial) (n uint64) {
	for i := range trials {
		t := &trials[i]
		if t.Kind == why.Local {
			continue
		}
		for _, hop := range t.Reply.Path {
			if hop.Addr.IsValid() {
				n++
			}
		}
		if len(t.Reply.Path) == 0 && (t.Reply.From.IsValid() || t.Reply.TTL > 0) {
			n++
		}
	}
	return n
}

// answer is yes where nothing is wrong anywhere.
func (j *whyJob) answer() error {
	if j.sick > 0 {
		return errNo
	}
	return nil
}

// previewPort stands for the source ports that a run would hold.
const previewPort = 40000

// dryRun prints a SYN of each look towards the first target.
func (j *whyJob) dryRun(context.Context) error {
	for _, t := range j.targets {
		for _, a := range t.addrs {
			src := sourceFor(&j.probing, a.Addr())
			for _, line := range live.Preview(netip.AddrPortFrom(src.Addr(), previewPort), a.AddrPort) {
				if _, err := fmt.Fprintln(j.streams.Out, line); err != nil {
					return &exit{exitInterrupted, err}
				}
			}
		}
	}
	return nil
}

// resolverOf is the one that names are asked of.
func resolverOf(s Streams) target.Resolver {
	if s.Resolver != nil {
		return s.Resolver
	}
	return net.DefaultResolver
}
