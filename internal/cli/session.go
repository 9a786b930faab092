package cli

import (
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/report/record"
	"synscope/internal/target"
	"synscope/probe"
)

// opening is what a run says of itself before anything is sent.
type opening struct {
	c       *cli.Context
	streams Streams
	command string
	set     *target.Set // what is probed, by name
	engine  *opened     // what it is probed with
	remarks []string    // for standard error; those about the targets follow
	notes   []string    // for the first record; those about the targets follow
	seed    record.Maybe[uint64]
	later   later // what is opened once the run has begun
	rights  bool  // the work needs the rights of the start, and gives them up itself
}

// session is a run that has begun: where its records go, and its network.
type session struct {
	*display
	tap *tap // nil where none was asked for
	e   *opened
}

// network is what probes go through, nil where the kernel makes them.
func (s *session) network() probe.Network { return s.tap.network(s.e.conn) }

// run is the one order in which everything of a run is opened and closed: the
// outputs and the capture while the rights are there; then the rights are given
// up, the first record is written, and the work is done, which writes the last
// record itself; whatever came of it, the capture and the outputs are completed.
// Of a run that came to its end, answer makes the exit code, and says why.
func (o *opening) run(work func(s *session) error, answer func(d *display) error) error {
	d, err := newDisplay(o.c, o.streams, o.set)
	if err != nil {
		return err
	}
	d.remark(slices.Concat(o.remarks, d.targetRemarks(o.set))...)
	tap, err := openTap(o.c, o.streams, o.engine)
	if err != nil {
		return d.finish(err)
	}
	if !o.rights {
		err = confine(o.c, o.streams, o.engine, o.later)
	}
	if err == nil {
		err = d.Record(o.record())
	}
	if err == nil {
		err = work(&session{d, tap, o.engine})
	}
	if err = d.finish(tap.close(err)); err != nil {
		return err
	}
	return answer(d)
}

// record is the first of the run.
func (o *opening) record() *record.Run {
	return &record.Run{
		Version: Version, Command: o.command, Args: o.streams.Args, Engine: o.engine.name, Seed: o.seed,
		Start: time.Now(), Notes: slices.Concat(o.notes, targetNotes(o.set)),
	}
}
