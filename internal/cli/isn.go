package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/picture"
	"synscope/internal/plot"
	"synscope/internal/report"
	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/internal/target"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/isn"
	"synscope/probe/sample"
)

func isnCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "isn",
		Usage:     "how does this host choose its initial sequence numbers, and could they be guessed?",
		ArgsUsage: "TARGET...",
		Flags: probingFlags(isnFlags(), pingPortWord, isnMeanings, append(outputFlags(),
			&cli.BoolFlag{Name: "reason", Usage: "show each SYN and the number that answered it"})),
		Action: func(c *cli.Context) error {
			if c.IsSet("from") {
				return analyseFiles(c.Context, s, optionsOf[isnOptions](c))
			}
			return probes(s, newISN)(c)
		},
	}
}

func isnFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "samples", Usage: "send `N` SYNs in the main series, or where the series many is asked for, in that, from up to 1,023 ports (default: 22, and 256)"},
		&cli.StringFlag{Name: "budget", Usage: "shrink the pauses between SYNs to `D` in sum (default: about 7s)"},
		&cli.BoolFlag{Name: "quick", Usage: "4 + 4 SYNs in about a second; it says what it cannot tell"},
		&cli.StringSliceFlag{Name: "series", Usage: "only the series of `LIST`: " + strings.Join(seriesNames(), ", ")},
		&cli.StringFlag{Name: "plot", Usage: "draw phase space, numbers over time, residuals and bits into `FILE`.svg or .png"},
		&cli.StringFlag{Name: "raw", Usage: "write every sample to `FILE`.csv"},
		&cli.StringSliceFlag{Name: "from", Usage: "analyse the samples of `FILE`.csv, or each server in a capture or in a file of read --isn, or the one named, and send nothing; may be repeated; - is standard input"},
		&cli.BoolFlag{Name: "dry-run", Usage: "print the SYNs that would leave, with the earliest times, and stop"},
	}
}

// isnOptions are the flags of isn.
type isnOptions struct {
	common
	Samples int      `flag:"samples"`
	Budget  string   `flag:"budget"`
	Quick   bool     `flag:"quick"`
	Series  []string `flag:"series"`
}

// isnJob is one run of isn, its command line understood.
type isnJob struct {
	options *isnOptions
	streams Streams
	set     *target.Set
	probing probing
	cfg     sample.Config
	files   isnFiles
}

func newISN(ctx context.Context, s Streams, o *isnOptions) (*isnJob, error) {
	j := &isnJob{options: o, streams: s}
	rand.Read(j.cfg.Seed[:])
	return j, inOrder(j.readProbing, func() error { return j.readTargets(ctx) }, j.readPlan, j.readFiles)
}

func (j *isnJob) readProbing() (err error) {
	j.probing, err = j.options.probing()
	p := &j.probing
	j.cfg.Profile, j.cfg.TTL, j.cfg.TOS, j.cfg.Timeout, j.cfg.Rate = p.profile, p.ttl, p.tos, p.timeout, p.rate
	if err == nil && p.engine == engineConnect {
		return usagef("--engine connect cannot see sequence numbers")
	}
	return err
}

// maxSampled is the most targets of one run.
const maxSampled = 1 << 12

func (j *isnJob) readTargets(ctx context.Context) (err error) {
	if j.set, err = j.options.targetsOn(ctx, j.streams, pingPort); err != nil {
		return err
	}
	if n := j.set.Count(); n > maxSampled {
		return usagef("%s targets: isn takes up to %s", units.Count(n), units.Count(maxSampled))
	}
	j.cfg.Targets = slices.Collect(j.set.Ordered())
	return nil
}

func (j *isnJob) readFiles() (err error) {
	j.files, err = isnFilesOf(&j.options.fileOptions, len(j.cfg.Targets))
	return err
}

// dryRun prints the SYNs of the plan, each with the time at which it leaves at the
// earliest: a pause begins when the answer to the SYN before has come.
func (j *isnJob) dryRun(ctx context.Context) error {
	from4, from6 := j.probing.previewSources()
	out := bufio.NewWriter(j.streams.Out)
	times := j.earliest()
	packets := func(yield func(shownPacket) bool) {
		i := 0
		for s := range sample.Preview(j.cfg, from4, from6, j.probing.sourcePort) {
			if !yield(shownPacket{sincePacket(times[i%len(times)]), j.probing.withHeader(s.String(), j.probing.ttl)}) {
				return
			}
			i++
		}
	}
	if err := printAll(ctx, out, packets); err != nil {
		return err
	}
	return flushed(out)
}

// earliest are the times of the SYNs of one target that a dry run shows: those from
// our first address.
func (j *isnJob) earliest() (times []time.Duration) {
	at := time.Duration(0)
	for _, step := range j.cfg.Plan.Steps {
		if step.Addr > 0 {
			continue
		}
		if len(times) > 0 {
			at += step.Pause
		}
		times = append(times, at)
	}
	return times
}

func (j *isnJob) run(ctx context.Context) error {
	e, err := j.probing.open(min(j.cfg.Plan.Ports(), netraw.MaxPorts), orFail)
	if err != nil {
		return err
	}
	defer e.close()
	j.findSources(&e)
	r := &isnResults{job: j}
	run := opening{
		options: &j.options.common, streams: j.streams, set: j.set, engine: &e, probing: &j.probing, resolve: hostsOf(j.cfg.Targets),
	}
	return run.run(ctx, func(s *session) error {
		r.session = s
		return j.probe(ctx, r)
	}, r.answer)
}

// probe samples all targets and closes the run's record.
func (j *isnJob) probe(ctx context.Context, r *isnResults) error {
	if r.progress != nil {
		j.cfg.OnProgress = r.progress.UpdateSYNs
	}
	summary, err := sample.Run(ctx, r.network, j.cfg, r)
	if errors.Is(err, sample.ErrNoSteps) {
		return usagef("--series: %w", err)
	}
	return r.conclude(&summary, err)
}

// isnResults passes what is found to the outputs and the files.
type isnResults struct {
	*session
	job     *isnJob
	classed int // targets whose class is known
}

// answer is the exit code of a run that came to its end: no, where not one class could be found, be it that
// no port is open or that too little was seen, as with samples from a file.
func (r *isnResults) answer(*display) error {
	if r.classed == 0 {
		return errNo
	}
	return nil
}

// Sample takes one sample of a target.
func (r *isnResults) Sample(t netip.AddrPort, s isn.Sample) error {
	return r.Record(record.NewISNSample(r.job.set.Word(t), t, s))
}

// Result takes what all samples of a target show.
func (r *isnResults) Result(res sample.Result) error {
	if res.State == probe.StateOpen && res.Report.Class != isn.ClassUnknown {
		r.classed++
	}
	r.tap.verdict(&probe.Verdict{Target: res.Target, State: res.State, Reason: res.Reason})
	numbers := record.NewISN(r.job.set.Word(res.Target), &res)
	if err := r.Record(numbers); err != nil {
		return err
	}
	return r.job.files.write(numbers, res.Samples)
}

// isnFiles are the files of a run beside its records.
type isnFiles struct {
	plot, raw string
	targets   int
}

func isnFilesOf(o *fileOptions, targets int) (isnFiles, error) {
	f := isnFiles{plot: o.Plot, raw: o.Raw, targets: targets}
	if f.plot != "" {
		if err := picture.Check(f.plot); err != nil {
			return f, usagef("--plot: %w", err)
		}
	}
	if f.raw != "" {
		if err := report.CheckFile(f.raw); err != nil {
			return f, usagef("--raw: %w", err)
		}
	}
	return f, nil
}

// write writes the files of one target.
func (f *isnFiles) write(r *record.ISN, samples []isn.Sample) error {
	if f.raw != "" {
		if err := report.WriteISNSamples(f.path(f.raw, r), samples); err != nil {
			return err
		}
	}
	if f.plot != "" {
		return written(plot.ISN(f.path(f.plot, r), isnPlace(r), &r.Report, samples))
	}
	return nil
}

// path is the file of a target: where there are several, the address and the
// port go before the ending, or the name of the file that the samples are from.
func (f *isnFiles) path(path string, r *record.ISN) string {
	if f.targets < 2 {
		return path
	}
	ending := filepath.Ext(path)
	if !r.Addr.IsValid() {
		from := strings.ReplaceAll(strings.TrimSuffix(r.Target, filepath.Ext(r.Target)), "/", ".")
		return fmt.Sprintf("%s-%s%s", strings.TrimSuffix(path, ending), from, ending)
	}
	return fmt.Sprintf("%s-%s-%d%s", strings.TrimSuffix(path, ending), strings.ReplaceAll(r.Addr.String(), ":", "."), r.Port, ending)
}
