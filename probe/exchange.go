package probe

import (
	"context"
	"time"
)

// exchange is what a ping and a trace do alike: it knows the transmissions, takes
// in what arrives, closes what was opened, and reads the clocks. Its owner says
// what an answer means.
type exchange struct {
	network Network
	matcher matcher
	packets *packets
	table   *shots
	flying  fifo // in the order of sending, until they are answered or time out
	resets  []reset

	departed func(s *shot, ev *event)        // our own packet was seen leaving
	accept   func(ev *event) (reject string) // an answer, or what is taken for one

	clocks   clocks
	reading  // of the clocks, once a turn
	counters counters
	stopping bool
	failure  error
}

func newExchange(n Network, l look) (exchange, error) {
	packets, err := newPackets(l)
	x := exchange{
		network: n, packets: packets, table: newShots(),
		clocks: newClocks(n), counters: newCounters(n.Stats()),
	}
	x.matcher = matcher{cookie: newCookie(l.key), tech: l.technique, ports: n.Ports(), recall: x.table}
	return x, err
}

func (x *exchange) tick(ctx context.Context) {
	x.reading = x.clocks.read()
	x.stopping = x.stopping || ctx.Err() != nil
}

// take handles a batch of the receiver's; ok is false where it has ended.
func (x *exchange) take(r *receiver, batch []event, ok bool) {
	if !ok {
		x.fail(r.reason())
		return
	}
	x.reading = x.clocks.read()
	for i := range batch {
		x.handle(&batch[i])
	}
	r.empty <- batch
	x.sendResets()
}

// handle counts one packet, and lets it take effect.
func (x *exchange) handle(ev *event) {
	switch {
	case ev.kind == answerDeparture || ev.kind == answerLeft:
		if s := x.table.at(ev.attempt); s != nil {
			x.departed(s, ev)
		}
		return
	case ev.own:
		return
	}
	if ev.reject == "" && ev.kind == answerSYNACK {
		x.resets = append(x.resets, reset{src: ev.seg.Dst, dst: ev.seg.Src, seq: ev.seg.Ack})
	}
	countPacket(&x.counters.Summary, ev, x.accept)
}

func (x *exchange) fail(err error) {
	if x.failure == nil {
		x.failure = err
	}
}

// sendResets closes half-open connections.
func (x *exchange) sendResets() {
	x.counters.Resets += x.packets.sendResets(x.network, x.resets)
	x.resets = x.resets[:0]
}

// counted is the summary as far as the counters tell it.
func (x *exchange) counted() Summary {
	s, stats := x.counters.Summary, x.network.Stats()
	s.SendErrors = stats.SendErrors - x.counters.base.SendErrors
	s.KernelDrops = stats.KernelDrops - x.counters.base.KernelDrops
	s.Took = x.now
	return s
}

// poll takes in what has arrived, without waiting.
func (x *exchange) poll(r *receiver) {
	for x.failure == nil {
		select {
		case batch, ok := <-r.full:
			x.take(r, batch, ok)
		default:
			return
		}
	}
}

// idle bounds a wait for nothing in particular.
const idle = time.Minute

// heldBack is how long after Send a packet must leave to have waited for its
// neighbour's address; queueing in the interface is shorter.
const heldBack = 500 * time.Microsecond
