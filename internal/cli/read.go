package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/capture"
	"synscope/internal/report"
	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/internal/target"
	"synscope/netraw"
	"synscope/probe/flow"
)

func readCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "read",
		Usage:     "the same judgements, from capture files, with no privilege",
		ArgsUsage: "FILE...",
		Description: "Reads pcap and pcapng files, packed with gzip or bzip2 or not, several in the order\n" +
			"of time; \"-\" is standard input, where connections are reported as they end. Every\n" +
			"connection attempt is a line; -v adds its segments. With --segments there is a\n" +
			"record for each packet too. What a capture misses is unknown, and said to be.\n" +
			"--filter is written in the language of pcap-filter(7): host, net, port,\n" +
			"portrange, src, dst, and, or, not, parentheses. It shows whole connections, of\n" +
			"which packets match in one direction or the other.",
		Flags: joined([]cli.Flag{
			&cli.BoolFlag{Name: "segments", Usage: "a record for each packet too"},
			&cli.StringFlag{Name: "filter", Usage: "only connections of an `EXPRESSION`, as \"host 192.0.2.7 and port 443\""},
			&cli.StringFlag{Name: "summary-by", Usage: "a line for each `END` instead: client, server or port"},
			&cli.StringFlag{Name: "isn", Usage: "write initial sequence numbers into `FILE` too, for isn --from"},
		}, under("Output", outputFlags())),
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usagef("read: name a capture file, or - for standard input")
			}
			return readCaptures(c.Context, s, optionsOf[readOptions](c))
		},
	}
}

// readCaptures turns files into one run of records.
func readCaptures(ctx context.Context, s Streams, o *readOptions) error {
	j, err := newReadJob(s, o)
	if err != nil {
		return err
	}
	files, err := openAll(ctx, o.words)
	if err != nil {
		return err
	}
	if j.display, err = newDisplay(&o.common, s, &target.Set{}); err != nil {
		return err
	}
	s.work.begin()
	begin := time.Now()
	err = j.Record(&record.Run{Version: Version, Command: "read", Args: s.Args, Start: begin})
	if err == nil {
		err = j.read(ctx, files)
	}
	j.closing.Took = time.Since(begin)
	return j.finish(j.end(err))
}

// readOptions are the flags of read.
type readOptions struct {
	common
	Segments  bool   `flag:"segments"`
	Filter    string `flag:"filter"`
	SummaryBy string `flag:"summary-by"`
}

// readJob is the sink of what captures hold.
type readJob struct {
	*display
	options *readOptions
	wanted  capture.Filter
	ladders map[uint64]*record.Captured // of connections that are not over
	groups  *record.Groups              // nil where every connection is reported
	numbers *isnCollector               // nil where nobody asked
	closing record.Reading

	paths   []string
	formats []string // of the files
	table   *flow.Table
	heap    heapBound
	failed  error // of a call that could not tell
}

func newReadJob(s Streams, o *readOptions) (*readJob, error) {
	j := &readJob{
		options: o, ladders: map[uint64]*record.Captured{}, heap: heapBound{fixed: s.Env("GOGC") != ""},
		closing: record.Reading{Summary: record.Summary{Complete: true}},
	}
	var err error
	if o.given["filter"] {
		if j.wanted, err = capture.ParseFilter(o.Filter); err != nil {
			return nil, usagef("--filter: %w", err)
		}
	}
	if o.given["summary-by"] {
		if j.groups, err = record.NewGroups(o.SummaryBy); err != nil {
			return nil, usagef("--summary-by: %w", err)
		}
		for _, f := range report.Formats() {
			if f.Name != "text" && f.Name != "json" && (o.Format == f.Name || o.given[f.Flag]) {
				return nil, usagef("--summary-by: format %s tells of connections; there are text and json", f.Name)
			}
		}
	}
	if path := o.ISN; path != "" {
		if err := report.CheckFile(path); err != nil {
			return nil, usagef("--isn: %w", err)
		}
		j.numbers = &isnCollector{path: path}
	}
	return j, nil
}

// read looks at every file before it reads the first.
func (j *readJob) read(ctx context.Context, files []*os.File) error {
	j.paths = j.options.words
	j.heap.watch(0)
	live := false
	var inputs []capture.Input
	if err := confineFiles(&j.options.common, j.streams); err != nil {
		return err
	}
	for i, path := range j.paths {
		input, grows, err := j.input(ctx, files[i])
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return usagef("%s: %w", path, err)
		}
		live = live || grows
		inputs = append(inputs, input)
	}
	cfg := flow.Config{Segments: (j.options.Segments || j.level > 0) && j.groups == nil, Live: live}
	if j.wanted != nil {
		cfg.Wanted = j.wanted
	}
	j.table = flow.NewTable(j, cfg)
	tally, err := capture.FollowAll(ctx, inputs, j.table, j.watchHeap)
	j.account(&tally)
	if err == nil && ctx.Err() == nil {
		err = j.faults(&tally)
	}
	return err
}

// finished takes what a file says of itself into the totals.
func (j *readJob) finished(r *capture.Reader) {
	j.closing.KernelDrops += r.Dropped()
	if !slices.Contains(j.formats, r.Format()) {
		j.formats = append(j.formats, r.Format())
	}
}

// settle is called at equal times while a capture is being made.
func (j *readJob) settle() {
	if j.table == nil {
		return
	}
	err := j.table.Settle(announceAfter)
	if err == nil {
		err = j.Flush()
	}
	if j.failed == nil {
		j.failed = err
	}
}

// faults are what ended files early: one that is cut short is a run that was
// cut short, anything else is a file that is wrong.
func (j *readJob) faults(t *capture.Tally) error {
	if len(t.Faults) == 0 {
		if t.Foreign != nil && t.Packets == t.Skipped["unknown-link-type"] {
			return usage(t.Foreign)
		}
		return nil
	}
	var errs []error
	code := exitInterrupted
	for _, fault := range t.Faults {
		errs = append(errs, fmt.Errorf("%s: %w", j.paths[fault.File], fault.Err))
		if !errors.Is(fault.Err, capture.ErrCut) {
			code = exitUsage
		}
	}
	return &exit{code, errors.Join(errs...)}
}

// maxRungs bounds the ladder of one connection in memory.
const maxRungs = 200

// Segment takes a packet of a connection.
func (j *readJob) Segment(s *flow.Segment) error {
	record := record.NewCapturedSegment(s)
	record.File = j.file(s.File)
	if j.level > 0 {
		j.climb(s.Attempt, record)
	}
	if j.options.Segments {
		return j.Record(record)
	}
	return nil
}

// file names a file where there are several.
func (j *readJob) file(n int) string {
	if len(j.paths) < 2 {
		return ""
	}
	return j.paths[n]
}

// climb adds a rung to the ladder of a connection.
func (j *readJob) climb(attempt uint64, s *record.Segment) {
	l := j.ladders[attempt]
	if l == nil {
		l = &record.Captured{}
		j.ladders[attempt] = l
	}
	if len(l.Ladder) == maxRungs {
		l.Omitted++
		return
	}
	l.Ladder = append(l.Ladder, s)
}

// Attempt takes a connection that is over, or goes on. The stamps of a capture
// were taken by the kernel that captured.
func (j *readJob) Attempt(a *flow.Attempt) error {
	if j.closing.Connections%watchEvery == 0 {
		j.watchHeap()
	}
	a.Clock = netraw.ClockKernel
	c := record.NewCapturedConnection(a)
	c.Captured.File, c.Captured.LastFile = j.file(a.FirstFile), j.file(a.LastFile)
	if l := j.ladders[a.Number]; l != nil {
		c.Captured.Ladder, c.Captured.Omitted = l.Ladder, l.Omitted
		if a.Ending != flow.Ongoing {
			delete(j.ladders, a.Number)
		}
	}
	if a.Ending != flow.Ongoing {
		j.count(a, c)
	}
	if j.groups != nil {
		return nil
	}
	return j.Record(c)
}

// count takes a connection into what is reported at the end.
func (j *readJob) count(a *flow.Attempt, c *record.Connection) {
	j.closing.Count(c)
	if j.groups != nil {
		j.groups.Add(c)
	}
	if j.numbers != nil {
		j.numbers.add(a)
	}
}

// account puts what was read into the totals.
func (j *readJob) account(tally *capture.Tally) {
	t, counts := &j.closing, j.table.Counts()
	t.Format = strings.Join(j.formats, ", ")
	t.Packets, t.Received, t.First, t.Last = tally.Packets, tally.Packets, tally.First, tally.Last
	t.Matched, t.Duplicates, t.Underway = counts.Followed, counts.Duplicates, counts.Underway
	t.Unwanted, t.Midstream, t.Evicted, t.Incomplete = counts.Unwanted, counts.Midstream, counts.Evicted, counts.Incomplete
	t.Gaps, t.GapBytes, t.Loss = counts.Gaps, counts.GapBytes, counts.Loss()
	t.Rejected = counts.Rejected
	for reason, n := range tally.Skipped {
		t.Rejected[reason] += n
	}
	if tally.Foreign != nil {
		t.Remark = tally.Foreign.Error()
	}
	if j.level > 1 {
		j.remark(fmt.Sprintf("%s, packets from %s to %s; %s of connections in memory at the end",
			cmp.Or(t.Format, "no file"), stampOf(t.First), stampOf(t.Last), units.Count(uint64(j.table.Memory()))+" bytes"))
	}
}

// stampOf is a packet's stamp, where there is one.
func stampOf(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// end closes the record of the run, whatever has ended it, and gives the error
// that the run ends with.
func (j *readJob) end(err error) error {
	j.closing.End = time.Now()
	if err == nil {
		err = j.failed
	}
	if err != nil {
		j.closing.Complete, j.closing.Fault = false, err.Error()
	}
	if errors.Is(err, context.Canceled) {
		j.closing.Fault = record.Interrupted
	}
	err = cmp.Or(err, j.conclude())
	if errors.Is(err, context.Canceled) {
		return &exit{exitInterrupted, fmt.Errorf("interrupted after %s packets", units.Count(j.closing.Packets))}
	}
	return err
}

// conclude reports what was gathered, and ends with the summary.
func (j *readJob) conclude() error {
	var errs []error
	if j.groups != nil {
		for _, g := range j.groups.List() {
			errs = append(errs, j.Record(g))
		}
	}
	if j.numbers != nil && j.table != nil { // nothing was read of a file that is no capture
		errs = append(errs, j.numbers.write())
	}
	return errors.Join(append(errs, j.Record(&j.closing))...)
}
