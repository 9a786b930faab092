package capture

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"synscope/probe/flow"
)

// Tally is what was read of some files.
type Tally struct {
	Packets     uint64
	First, Last time.Time         // the earliest and the latest stamp
	Skipped     map[string]uint64 // frames that no packet was found in, by reason
	Foreign     error             // the first packet of an unknown link type; the others were read
	Faults      []Fault           // what ended files early
}

// Fault is what ended a file early.
type Fault struct {
	File int // its number among those read, from 0
	Err  error
}

// Input is a capture that is opened when its first packet is due, so that any
// number of rotated files can be read as one.
type Input struct {
	Start time.Time // of its first packet; the zero Time opens it at once
	Open  func() (*Reader, error)
	Close func() // may be nil
}

// FollowAll reads several files as one, in the order of time: rotated captures,
// or captures of several machines. Of each file the order is left as it is. It
// gives the packets to a table, which it closes. A fault of a file ends that
// file alone, and packets of an unknown link type are left out; both are told
// in the tally. The error is the table's or the context's. watch, if any, is
// called every few thousand packets.
func FollowAll(ctx context.Context, inputs []Input, t *flow.Table, watch func()) (Tally, error) {
	f := following{table: t, tally: Tally{Skipped: map[string]uint64{}}, watch: watch, inputs: inputs}
	for i := range inputs {
		f.waiting = append(f.waiting, i)
	}
	slices.SortStableFunc(f.waiting, func(a, b int) int { return inputs[a].Start.Compare(inputs[b].Start) })
	err := f.run(ctx)
	for _, h := range f.heads {
		f.close(h)
	}
	err = cmp.Or(err, t.Close())
	return f.tally, err
}

type following struct {
	table   *flow.Table
	tally   Tally
	watch   func()
	inputs  []Input
	waiting []int   // those that have not been opened, the earliest first
	heads   []*head // of the files that have not ended
}

// head is the next packet of a file.
type head struct {
	reader *Reader
	file   int
	packet Packet
}

// checkEvery is how many packets pass between looks at the context.
const checkEvery = 1 << 12

func (f *following) run(ctx context.Context) error {
	for f.open(); len(f.heads) > 0; f.open() {
		i := f.earliest()
		h := f.heads[i]
		if err := f.add(h); err != nil {
			return err
		}
		if f.tally.Packets%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if f.watch != nil {
				f.watch()
			}
		}
		if !f.advance(h) {
			f.close(h)
			f.heads = append(f.heads[:i], f.heads[i+1:]...)
		}
	}
	return ctx.Err()
}

// open opens the files whose first packet is due, or the next one where no
// other is open.
func (f *following) open() {
	for len(f.waiting) > 0 {
		i := f.waiting[0]
		if len(f.heads) > 0 && f.inputs[i].Start.After(f.heads[f.earliest()].packet.Time) {
			return
		}
		f.waiting = f.waiting[1:]
		r, err := f.inputs[i].Open()
		if err != nil {
			f.fault(i, err)
			continue
		}
		h := &head{reader: r, file: i}
		if !f.advance(h) {
			f.close(h)
			continue
		}
		f.heads = append(f.heads, h)
	}
}

func (f *following) close(h *head) {
	if c := f.inputs[h.file].Close; c != nil {
		c()
	}
}

// fault notes what ended a file, unless it was the user.
func (f *following) fault(file int, err error) {
	if !errors.Is(err, context.Canceled) {
		f.tally.Faults = append(f.tally.Faults, Fault{file, err})
	}
}

// advance reads the next packet of a file, and tells whether there is one.
func (f *following) advance(h *head) bool {
	err := h.reader.Next(&h.packet)
	if err != nil && err != io.EOF {
		f.fault(h.file, err)
	}
	return err == nil
}

// earliest is the file whose next packet comes first.
func (f *following) earliest() (first int) {
	for i, h := range f.heads[1:] {
		if h.packet.Time.Before(f.heads[first].packet.Time) {
			first = i + 1
		}
	}
	return first
}

// interfaces is how many bits of an interface's number tell it apart from the
// others of its file.
const interfaces = 24

func (f *following) add(h *head) error {
	p := &h.packet
	f.tally.see(p)
	ip, err := p.Strip()
	if err != nil {
		f.skip(err)
		return nil
	}
	return f.table.Add(&flow.Packet{
		Number: p.Number, File: h.file, Time: p.Time, Data: ip, Length: p.Length - (len(p.Data) - len(ip)),
		Interface: p.Interface ^ uint32(h.file)<<interfaces, Network: p.Network.ID, NetworkName: &p.Network, Direction: flow.Direction(p.Direction), Recorded: p.Own,
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
	var what unread
	switch {
	case errors.As(err, &what):
		f.tally.Skipped[string(what)]++
	case errors.Is(err, ErrLinkType):
		f.tally.Skipped["unknown-link-type"]++
		if f.tally.Foreign == nil {
			f.tally.Foreign = err
		}
	case errors.Is(err, ErrNotIP):
		f.tally.Skipped["not-ip"]++
	default:
		f.tally.Skipped["truncated"]++
	}
}
