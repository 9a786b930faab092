package wire

import (
	"context"
	"time"

	"synscope/probe"
)

// Loop is what a ping and a trace do alike: it knows the transmissions, takes
// in what arrives, closes what was opened, and reads the clocks. Its owner says
// what an answer means.
type Loop struct {
	Network probe.Network
	Matcher Matcher
	Packets *Packets
	Table   *Table
	Flying  Fifo // in the order of sending, until they are answered or time out
	Resets  []Reset

	Departed func(s *Transmission, ev *Event) // our own packet was seen leaving
	Accept   func(ev *Event) (reject string)  // an answer, or what is taken for one

	Clocks   clocks
	Reading  // of the clocks, once a turn
	Counters Counters
	Stopping bool
	Failure  error
}

func NewLoop(n probe.Network, l Look) (Loop, error) {
	packets, err := NewPackets(l)
	x := Loop{
		Network: n, Packets: packets, Table: NewTable(),
		Clocks: newClocks(n), Counters: NewCounters(n.Stats()),
	}
	x.Matcher = Matcher{Cookie: NewCookie(l.Key), Tech: l.Technique, Ports: n.Ports(), Recall: x.Table}
	return x, err
}

func (x *Loop) Tick(ctx context.Context) {
	x.Reading = x.Clocks.Read()
	x.Stopping = x.Stopping || ctx.Err() != nil
}

// Take handles a batch of the receiver's; ok is false where it has ended.
func (x *Loop) Take(r *Receiver, batch []Event, ok bool) {
	if !ok {
		x.Fail(r.Reason())
		return
	}
	x.Reading = x.Clocks.Read()
	for i := range batch {
		x.handle(&batch[i])
	}
	r.Empty <- batch
	x.SendResets()
}

// handle counts one packet, and lets it take effect.
func (x *Loop) handle(ev *Event) {
	switch {
	case ev.Kind == KindDeparture || ev.Kind == KindDeviceDeparture:
		if s := x.Table.At(ev.Attempt); s != nil {
			x.Departed(s, ev)
		}
		return
	case ev.Own:
		return
	}
	if ev.reject == "" && ev.Kind == KindSYNACK {
		x.Resets = append(x.Resets, Reset{Src: ev.Seg.Dst, Dst: ev.Seg.Src, Seq: ev.Seg.Ack})
	}
	Count(&x.Counters.Summary, ev, x.Accept)
}

func (x *Loop) Fail(err error) {
	if x.Failure == nil {
		x.Failure = err
	}
}

// SendResets closes half-open connections.
func (x *Loop) SendResets() {
	x.Counters.Resets += x.Packets.SendResets(x.Network, x.Resets)
	x.Resets = x.Resets[:0]
}

// Counted is the summary as far as the counters tell it.
func (x *Loop) Counted() probe.Summary {
	s, stats := x.Counters.Summary, x.Network.Stats()
	s.SendErrors = stats.SendErrors - x.Counters.Base.SendErrors
	s.KernelDrops = stats.KernelDrops - x.Counters.Base.KernelDrops
	s.Took = x.Now
	return s
}

// Poll takes in what has arrived, without waiting.
func (x *Loop) Poll(r *Receiver) {
	for x.Failure == nil {
		select {
		case batch, ok := <-r.Full:
			x.Take(r, batch, ok)
		default:
			return
		}
	}
}

// Idle bounds a wait for nothing in particular.
const Idle = time.Minute

// HeldBack is how long after Send a packet must leave to have waited for its
// neighbour's address; queueing in the interface is shorter.
const HeldBack = 500 * time.Microsecond
