package cli

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/target"
	"synscope/probe"
)

// opening is what a run says of itself before anything is sent.
type opening struct {
	options *common
	streams Streams
	set     *target.Set // what is probed, by name
	engine  *opened     // what it is probed with
	remarks []string    // for standard error; those about the targets follow
	notes   []string    // for the first record; those about the targets follow
	seed    record.Maybe[uint64]
	later   later    // what is opened once the run has begun
	reads   []string // files that are read again then
	probing *probing
	resolve []netip.Addr // hosts whose neighbours are resolved first, by probing
	rights  bool         // the work needs the rights of the start, and gives them up itself
	goesOn  bool         // the run waits for a network that is not there yet
}

// session is a run that has begun: where its records go, and its network.
type session struct {
	*display
	tap     *tap         // nil where none was asked for
	network probe.Polled // what probes go through, nil where the kernel makes them
	e       *opened
}

// run opens and closes everything of a run in order: outputs and capture are opened with
// the privileges of the start; then these are given up, the first record is written, and
// the work is done, which writes the last record itself; in any case the capture and the
// outputs are completed. Of a complete run, answer makes the exit code, and says why.
func (o *opening) run(ctx context.Context, work func(s *session) error, answer func(d *display) error) error {
	file, err := openCapture(o.options.Pcap, o.engine) // before any file is emptied
	if err != nil {
		return err
	}
	d, err := newDisplay(o.options, o.streams, o.set)
	if err != nil {
		if file != nil {
			file.TakeBack()
		}
		return err
	}
	d.remark(slices.Concat(o.engineNotes(), o.remarks, d.targetRemarks(o.set))...)
	o.streams.work.begin()
	tap, err := beginTap(file, o.streams, o.engine)
	if err != nil {
		return d.finish(err)
	}
	network, forget := o.network(ctx, tap)
	defer forget()
	unreachable := o.gateways(ctx, d)
	if !o.rights {
		err = confine(o.options, o.streams, o.engine, o.later, o.reads...)
	}
	if err == nil {
		err = o.between(d, func() error {
			if unreachable != nil {
				return unreachable
			}
			return work(&session{d, tap, network, o.engine})
		})
	}
	if err = d.finish(tap.close(err)); err != nil {
		return err
	}
	return answer(d)
}

// between does the work between the first record and the last, which is written in
// any case: an output that fails takes no other with it.
func (o *opening) between(d *display, work func() error) error {
	err := d.Record(o.record())
	if err == nil {
		err = work()
	}
	if !d.concluded {
		d.Record(&record.Summary{End: time.Now()})
	}
	return err
}

// network is what probes go through, once the hosts on the link are resolved.
func (o *opening) network(ctx context.Context, tap *tap) (network probe.Polled, forget func()) {
	switch {
	case o.engine.conn == nil:
		return nil, func() {}
	case len(o.resolve) == 0:
		return tap.network(o.engine.conn), func() {}
	}
	return resolveFirst(ctx, o.streams, o.probing, tap.network(o.engine.conn), o.resolve)
}

// gateways reports next hops that do not answer; it is an error where all targets are
// behind them.
func (o *opening) gateways(ctx context.Context, d *display) error {
	if o.engine.conn == nil || o.probing == nil {
		return nil
	}
	remarks, err := checkGateways(ctx, o.probing, o.engine.conn.Route, o.set)
	if o.goesOn && err != nil {
		remarks, err = append(remarks, inWords(err)), nil
	}
	d.remark(remarks...)
	return err
}

// engineNotes are what is to be said of how packets leave.
func (o *opening) engineNotes() []string {
	if o.engine.note == "" {
		return nil
	}
	return []string{o.engine.note}
}

// record is the first of the run.
func (o *opening) record() *record.Run {
	return &record.Run{
		Version: Version, Command: o.options.command, Args: o.streams.Args, Engine: o.engine.name, Seed: o.seed,
		Start: time.Now(), Notes: slices.Concat(o.engineNotes(), o.notes, targetNotes(o.set)),
	}
}
