package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/capture"
	"synscope/internal/report"
	"synscope/internal/target"
	"synscope/netraw"
	"synscope/probe/flow"
)

func readCommand(s Streams) *cli.Command {
	return &cli.Command{
		Name:      "read",
		Usage:     "the same judgements, from a capture file, with no privilege",
		ArgsUsage: "FILE",
		Description: "Reads pcap and pcapng files, packed with gzip or not; \"-\" is standard input.\n" +
			"Every connection attempt is a line; -v adds its segments. With --segments\n" +
			"there is a record for each packet too.",
		Flags: joined([]cli.Flag{
			&cli.BoolFlag{Name: "segments", Usage: "a record for each packet too"},
		}, under("Output", outputFlags())),
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usagef("read: name one capture file, or - for standard input")
			}
			return readCapture(c, s, c.Args().First())
		},
	}
}

// readGrowth is by how many percent garbage may grow what is in use while
// reading: much, since a table of connections is small and bounded, and each
// that is over is garbage.
const readGrowth = 200

// readCapture turns a file into one run of records.
func readCapture(c *cli.Context, s Streams, path string) error {
	if s.Env("GOGC") == "" {
		debug.SetGCPercent(readGrowth)
	}
	d, err := newDisplay(c, s, &target.Set{})
	if err != nil {
		return err
	}
	j := &readJob{
		display: d, segments: c.Bool("segments"), ladders: map[uint64]*report.Captured{},
		closing: report.Reading{Summary: report.Summary{Complete: true}},
	}
	begin := time.Now()
	err = d.Record(&report.Run{Version: Version, Command: "read", Args: s.Args, Start: begin})
	if err == nil {
		err = j.read(c.Context, path)
	}
	j.closing.Took = time.Since(begin)
	return d.finish(j.end(err))
}

// readJob is the sink of what a capture holds.
type readJob struct {
	*display
	segments bool
	ladders  map[uint64]*report.Captured // of connections that are not over
	closing  report.Reading
}

func (j *readJob) read(ctx context.Context, path string) error {
	file, err := j.open(path)
	if err != nil {
		return usage(err)
	}
	defer file.Close()
	r, err := capture.NewReader(file)
	if err != nil {
		return usagef("%s: %w", path, err)
	}
	table := flow.NewTable(j, flow.Config{Segments: j.segments || j.level > 0})
	tally, err := capture.Follow(ctx, r, table)
	j.account(r, &tally, table.Counts())
	var fault *capture.Error
	if errors.As(err, &fault) {
		return usagef("%s: %w", path, err)
	}
	return err
}

func (j *readJob) open(path string) (io.ReadCloser, error) {
	if path == report.Stdout {
		return io.NopCloser(j.streams.In), nil
	}
	return os.Open(path)
}

// maxRungs bounds the ladder of one connection in memory.
const maxRungs = 200

// Segment takes a packet of a connection.
func (j *readJob) Segment(s *flow.Segment) error {
	record := report.NewCapturedSegment(s)
	if j.level > 0 {
		j.climb(s.Attempt, record)
	}
	if j.segments {
		return j.Record(record)
	}
	return nil
}

// climb adds a rung to the ladder of a connection.
func (j *readJob) climb(attempt uint64, s *report.Segment) {
	l := j.ladders[attempt]
	if l == nil {
		l = &report.Captured{}
		j.ladders[attempt] = l
	}
	if len(l.Ladder) == maxRungs {
		l.Omitted++
		return
	}
	l.Ladder = append(l.Ladder, s)
}

// Attempt takes a connection that is over. The stamps of a capture were taken
// by the kernel that captured.
func (j *readJob) Attempt(a *flow.Attempt) error {
	a.Clock = netraw.ClockKernel
	c := report.NewCapturedConnection(a)
	if l := j.ladders[a.Number]; l != nil {
		c.Captured.Ladder, c.Captured.Omitted = l.Ladder, l.Omitted
		delete(j.ladders, a.Number)
	}
	j.closing.Count(c)
	return j.Record(c)
}

// account puts what was read into the totals.
func (j *readJob) account(r *capture.Reader, tally *capture.Tally, counts flow.Counts) {
	t := &j.closing
	t.Format, t.KernelDrops = r.Format(), r.Dropped()
	t.Packets, t.Received, t.First, t.Last = tally.Packets, tally.Packets, tally.First, tally.Last
	t.Matched, t.Duplicates, t.Underway = counts.Followed, counts.Duplicates, counts.Underway
	t.Rejected = counts.Rejected
	for reason, n := range tally.Skipped {
		t.Rejected[reason] += n
	}
}

// end closes the record of the run, whatever has ended it, and gives the error
// that the run ends with.
func (j *readJob) end(err error) error {
	j.closing.End = time.Now()
	if err != nil {
		j.closing.Complete, j.closing.Fault = false, err.Error()
	}
	if recorded := j.Record(&j.closing); err == nil {
		err = recorded
	}
	if errors.Is(err, context.Canceled) {
		return &exit{exitInterrupted, fmt.Errorf("interrupted after %s packets", report.Count(j.closing.Packets))}
	}
	return err
}
