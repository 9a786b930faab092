package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/report/units"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/wide"
)

// wideFlags are those of scans of more than a network or two.
func wideFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "stateless", Usage: "keep no state: any number of targets, only answers are listed " +
			"(by itself above " + units.Count(wide.Above) + " addresses)"},
		&cli.StringFlag{Name: "resume", Usage: "save in `FILE` how far the run has come, and go on from there if it exists (stateless)"},
		&cli.StringFlag{Name: "resume-every", Value: wide.DefaultCheckpointEvery.String(), Usage: "save it each `D`: a killed run repeats what it sent in that time (stateless)"},
		&cli.StringFlag{Name: "bandwidth", Usage: "bits a second `B` on the wire: 10M, 1G; with --rate, the lower of both"},
		&cli.BoolFlag{Name: "yes-wide", Usage: "probe more than " + units.Count(wideAddresses) + " public addresses without --exclude-file"},
	}
}

// keepsNoState reports whether this run is a stateless one: if it is asked for,
// or if there are more addresses than the other engine remembers hosts.
func (j *scanJob) keepsNoState() bool {
	switch {
	case j.options.given["stateless"]:
		return j.options.Stateless
	case j.options.given["resume"]:
		return true
	}
	return !j.connects() && j.set.Addresses() > wide.Above
}

// whyStateless says why a run keeps no state although --stateless was not given: such a
// run lists answers alone, and does not retransmit what is lost.
func (j *scanJob) whyStateless() []string {
	const kept = ", so no state is kept: only answers are listed"
	switch {
	case j.options.given["stateless"]:
		return nil
	case j.options.given["resume"]:
		return []string{"--resume" + kept}
	}
	return []string{units.Count(j.set.Addresses()) + " addresses" + kept}
}

// readOrder settles seed and shard. Shards need a seed that they share: the one
// on the command line, or the one that the checkpoint remembers.
func (j *scanJob) readOrder() (err error) {
	if j.shard, err = shardOf(j.options.Shard, j.streams.Env); err != nil {
		return usagef("--shard: %w", err)
	}
	if err := j.readCheckpoint(); err != nil {
		return err
	}
	switch {
	case j.options.given["seed"]:
		j.seed = j.options.Seed
	case j.resume.found:
		j.seed = j.resume.state.Seed
	case j.shard.count > 1:
		return usagef("--shard: %d/%d needs --seed N, the same for all shards: without it each would probe in an order of its own",
			j.shard.index+1, j.shard.count)
	default:
		j.seed = randomSeed()
	}
	return nil
}

// randomSeed is exact in every JSON reader.
func randomSeed() uint64 {
	var b [8]byte
	rand.Read(b[:])
	n := uint64(0)
	for _, x := range b[:] {
		n = n<<8 | uint64(x)
	}
	return n >> 11
}

// readBandwidth turns bits into packets a second.
func (j *scanJob) readBandwidth() error {
	word := j.options.Bandwidth
	if word == "" {
		return nil
	}
	perSecond, err := parseBandwidth(word)
	if err != nil {
		return usagef("--bandwidth: %w", err)
	}
	length, err := j.packetLen()
	if err != nil {
		return err
	}
	rate := perSecond / onWire(length)
	if j.probing.rate == 0 || rate < j.probing.rate {
		j.probing.rate = rate
	}
	j.probing.apply(&j.cfg)
	return nil
}

func parseBandwidth(s string) (float64, error) {
	digits, factor := s, 1.0
	for suffix, f := range map[string]float64{"k": 1e3, "M": 1e6, "G": 1e9} {
		if strings.HasSuffix(s, suffix) {
			digits, factor = strings.TrimSuffix(s, suffix), f
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n > 0) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("%q is no bandwidth: write bits a second as 500k, 10M or 1G", s)
	}
	return n * factor, nil
}

// readResumeEvery settles how often it is saved how far a run has come.
func (j *scanJob) readResumeEvery() (err error) {
	switch j.resume.every, err = parseDuration(j.options.ResumeEvery); {
	case err != nil:
		return usagef("--resume-every: %w", err)
	case j.resume.every < leastResumeEvery:
		return usagef("--resume-every: %v is too short a time: at least %v", j.resume.every, leastResumeEvery)
	case j.options.given["resume-every"] && j.resume.path == "":
		return usagef("--resume-every needs --resume FILE, which it is about")
	}
	return nil
}

// leastResumeEvery is the least time between two checkpoints, each of which waits for the disk.
const leastResumeEvery = 10 * time.Millisecond

// stateless is the configuration of a stateless run of this job. Unless it is
// said, each target gets fewer probes than with state, where only silence is
// asked again; more where loss is measured.
func (j *scanJob) stateless() wide.Config {
	cfg := wide.Config{Config: j.cfg}
	if !j.options.given["max-retries"] {
		cfg.Retries, cfg.MostRetries = wide.DefaultRetries, wide.DefaultMostRetries
	}
	if !j.options.given["timeout"] {
		cfg.LeastTimeout = wide.DefaultLeastTimeout
	}
	if j.set != nil {
		plan := newShardPlan(j.set, j.seed, j.shard)
		cfg.Plan = plan
		if j.excluded.allowed != nil {
			cfg.Plan = shrunkPlan{plan, j.excluded.allowed}
		}
	}
	return cfg
}

// perTarget is the most probes that a target gets; of a run without state, those
// that it gets where little is lost.
func (j *scanJob) perTarget() int {
	switch {
	case j.keepsNoState():
		return max(j.stateless().Retries, 0) + 1
	case j.connects() && !j.options.given["max-retries"]:
		return probe.DefaultRetries + 1
	}
	return j.probing.retries + 1
}

// mostPerTarget is how many probes a target may get in a run without state.
func mostPerTarget(cfg *wide.Config) int { return max(cfg.Retries, cfg.MostRetries, 0) + 1 }

// runStateless probes without keeping state.
func (j *scanJob) runStateless(ctx context.Context) error {
	if j.connects() {
		return usagef("--stateless: connections are the kernel's own, and it keeps state for each")
	}
	if err := j.checkStatelessDiscovery(); err != nil {
		return err
	}
	unlock, err := j.lockCheckpoint()
	if err != nil {
		return err
	}
	defer unlock()
	if done, err := j.beginCheckpoint(); done || err != nil {
		return err
	}
	cfg := j.stateless()
	rand.Read(cfg.Key[:])
	e, err := j.openBlaster(&cfg)
	if err != nil {
		return err
	}
	defer e.close()
	remarks, err := checkGateways(ctx, &j.probing, e.Route, j.set)
	if err != nil {
		return err
	}
	j.guarded = append(j.guarded, remarks...)
	conn := j.probing.network(1)
	table, end := neighbourKeeper(j.streams)
	defer end()
	neighbours, err := netraw.OpenNeighbours(&netraw.NeighbourConfig{Interface: conn.Interface, Source: conn.Source, Table: table, Wait: j.neighbourWait()})
	if err != nil {
		return &exit{exitUnable, err}
	}
	defer neighbours.Close()
	cfg.Neighbours = &wideLinkResolver{linkResolver{neighbours, &j.probing.dead}, e.Route}
	if remark := j.spareRouters(&cfg, e.Route); remark != "" {
		j.guarded = append(j.guarded, remark)
	}
	return j.runOver(ctx, e, cfg)
}

// runOver runs over an engine that has been opened.
func (j *scanJob) runOver(ctx context.Context, e *blaster, cfg wide.Config) error {
	aside, err := j.keepOutputs()
	if err != nil {
		return err
	}
	o := opened{name: e.name, note: e.remarks(), stateless: true}
	run := j.opening(&o)
	run.remarks = slices.Concat(run.remarks, aside, j.whyStateless())
	run.rights = j.looksFirstStateless()
	results := &results{set: j.set}
	var summary wide.Summary
	return run.run(ctx, func(s *session) (err error) {
		results.session = s
		summary, err = j.blastAll(ctx, e, cfg, results)
		return err
	}, func(d *display) error {
		return cmp.Or(j.endCheckpoint(&summary), j.judged(d, results, &summary.Summary))
	})
}

// blastAll probes what is to be probed, after a look for the hosts where that is
// to be done.
func (j *scanJob) blastAll(ctx context.Context, e *blaster, cfg wide.Config, r *results) (wide.Summary, error) {
	if err := j.writeShard(r); err != nil {
		return wide.Summary{}, err
	}
	if j.looksFirstStateless() {
		return j.blastFound(ctx, e, cfg, r)
	}
	return j.blast(ctx, e, cfg, r)
}

// blastFound looks for the hosts, over a connection of its own, gives up the rights
// that this took, and probes those that are there.
func (j *scanJob) blastFound(ctx context.Context, e *blaster, cfg wide.Config, r *results) (summary wide.Summary, err error) {
	done, err := j.lookStateless(ctx, r)
	if done || err != nil {
		return summary, r.end(&probe.Summary{}, err)
	}
	if err := confine(&j.options.common, j.streams, r.e, opensNothing); err != nil {
		return summary, err
	}
	cfg.Plan = newShardPlan(j.set.Narrow(r.search.probed), j.seed, j.shard)
	cfg.Total = cfg.Plan.Count()
	return j.blast(ctx, e, cfg, r)
}

// blast probes, and closes the record of the run.
func (j *scanJob) blast(ctx context.Context, e *blaster, cfg wide.Config, results *results) (wide.Summary, error) {
	cfg.From = j.resume.state.Position
	if j.resume.path != "" {
		cfg.Checkpoint = func(position uint64) error { return j.saveCheckpoint(results.display, position) }
		cfg.CheckpointEvery = j.resume.every
	}
	if p := results.progress; p != nil {
		cfg.OnProgress = p.Update
	}
	held := false
	cfg.OnHeld = func(time.Duration) {
		if !held {
			held = true
			results.remark("results come faster than they are written: sending waits for them")
		}
	}
	summary, err := wide.Run(ctx, e.Blaster, cfg, results)
	if results.broken != nil {
		err = results.broken // the other outputs are finished
	}
	err = results.end(&summary.Summary, err)
	results.remark(afterwards(&summary, err)...)
	return summary, err
}

// sureEnough is how sure silence is where nothing need be said of it: two probes at
// 1.5 % of loss each way.
const sureEnough = 0.999

// afterwards are the sentences about what went otherwise than it should have.
func afterwards(s *wide.Summary, err error) (remarks []string) {
	if s.Refusal != nil && err == nil && s.SendErrors > 0 {
		remarks = append(remarks, units.Count(s.SendErrors)+" times the kernel refused a packet, the last time: "+s.Refusal.Error())
	}
	if s.NoNeighbour > 0 {
		remarks = append(remarks, units.Count(s.NoNeighbour)+" targets are filtered (no-neighbour): their link address, or that of their next hop, does not resolve")
	}
	if s.KernelDrops > 0 {
		remarks = append(remarks, units.Count(s.KernelDrops)+" packets were dropped here before they were read; "+
			"as many targets that seem silent are unknown: scan them again more slowly")
	}
	if s.Outages > 0 {
		remarks = append(remarks, fmt.Sprintf("for %s nothing answered, not even what had before: %s targets were probed again",
			units.Duration(s.OutageTime), units.Count(s.Again)))
	}
	if share, ok := s.Loss.Share(); ok && share > 0 && s.Confidence < 1 && (s.Retransmitted > s.Probes || s.Confidence < sureEnough) {
		remarks = append(remarks, fmt.Sprintf("%s of the probes of ports that answer came to nothing: after %d probes each %s of these ports may be missing",
			units.Percent(share), s.Attempts, units.Percent(1-s.Confidence)))
	}
	if s.Pace > 0 {
		remarks = append(remarks, "slowed down to "+units.Rate(s.Pace)+", since less was lost then: --rate R sets a pace")
	}
	if s.Held > 0 {
		remarks = append(remarks, "sending waited "+units.Duration(s.Held)+" for results to be written")
	}
	return remarks
}

// judged compares what was found with --expect: silence has a state too, and so have addresses that are not there.
func (j *scanJob) judged(d *display, r *results, s *probe.Summary) error {
	if j.expect == nil {
		return nil
	}
	found := unlike(s.States, *j.expect)
	if r.leftOut > 0 {
		found = append(found, units.Count(uint64(r.leftOut))+" addresses that are not there")
	}
	if len(found) > 0 {
		d.remark(fmt.Sprintf("expected %s, found %s", *j.expect, strings.Join(found, ", ")))
		return errNo
	}
	return nil
}

// unlike lists how many ports are in other states than one that is expected: 3 filtered, 1 open.
func unlike(states map[probe.State]uint64, expect probe.State) (found []string) {
	for _, state := range slices.SortedFunc(maps.Keys(states), func(a, b probe.State) int {
		return cmp.Or(cmp.Compare(states[b], states[a]), cmp.Compare(a, b))
	}) {
		if state != expect && states[state] > 0 {
			found = append(found, units.Count(states[state])+" "+state.String())
		}
	}
	return found
}
