package capture

import (
	"context"
	"errors"
	"io"
	"time"

	"synscope/probe/flow"
)

// Tally is what was read of a file.
type Tally struct {
	Packets     uint64
	First, Last time.Time         // the earliest and the latest stamp
	Skipped     map[string]uint64 // frames that no packet was found in, by reason
}

// Follow reads a file to its end, or to what is wrong with it, and gives its
// packets to a table, which it closes. Packets of an unknown link type are left
// out, and the first of them is the error where nothing worse comes. Otherwise
// an [*Error] is the file's fault, and any other the table's or the context's.
func Follow(ctx context.Context, r *Reader, t *flow.Table) (Tally, error) {
	f := following{table: t, tally: Tally{Skipped: map[string]uint64{}}}
	err := f.run(ctx, r)
	if err == nil {
		err = f.foreign
	}
	if closing := t.Close(); err == nil {
		err = closing
	}
	return f.tally, err
}

type following struct {
	table   *flow.Table
	tally   Tally
	foreign error // the first packet of an unknown link type
}

// checkEvery is how many packets pass between looks at the context.
const checkEvery = 1 << 12

func (f *following) run(ctx context.Context, r *Reader) error {
	var p Packet
	for {
		err := r.Next(&p)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = f.add(&p)
		}
		if err == nil && f.tally.Packets%checkEvery == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

func (f *following) add(p *Packet) error {
	f.tally.see(p)
	ip, err := p.Strip()
	if err != nil {
		f.skip(err)
		return nil
	}
	return f.table.Add(&flow.Packet{
		Number: p.Number, Time: p.Time, Data: ip,
		Interface: p.Interface, Direction: flow.Direction(p.Direction),
	})
}

func (t *Tally) see(p *Packet) {
	t.Packets++
	if p.Time.IsZero() {
		return
	}
	if t.First.IsZero() || p.Time.Before(t.First) {
		t.First = p.Time
	}
	if p.Time.After(t.Last) {
		t.Last = p.Time
	}
}

func (f *following) skip(err error) {
	switch {
	case errors.Is(err, ErrLinkType):
		f.tally.Skipped["unknown-link-type"]++
		if f.foreign == nil {
			f.foreign = err
		}
	case errors.Is(err, ErrNotIP):
		f.tally.Skipped["not-ip"]++
	default:
		f.tally.Skipped["truncated"]++
	}
}
