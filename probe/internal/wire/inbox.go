package wire

import (
	"context"
	"fmt"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
)

// Inbox takes in what has arrived in the goroutine of its engine: no other goroutine has to be
// woken up, and whatever arrived before a given moment is known to be taken in.
type Inbox struct {
	network probe.Polled
	matcher Matcher
	handle  func(*Event)
	pkts    []netraw.Packet
	packet  craft.Packet
	event   Event
	taken   int // packets, by the latest Take
}

// NewInbox has each packet matched, and hands it to handle, which must not keep the
// event.
func NewInbox(n probe.Polled, m Matcher, handle func(*Event)) *Inbox {
	m.Machine = NewMachine(n)
	return &Inbox{network: n, matcher: m, handle: handle, pkts: make([]netraw.Packet, BatchSize)}
}

// inboxTurn is how many batches are taken in before something else is done.
const inboxTurn = 4

// Take takes in what is there, as far as one turn goes; before is called ahead of
// each batch.
func (x *Inbox) Take(before func()) error {
	x.taken = 0
	for range inboxTurn {
		n, err := x.batch(before)
		if x.taken += n; err != nil || n < len(x.pkts) {
			return err
		}
	}
	return nil
}

// Busy tells whether packets come together.
func (x *Inbox) Busy() bool { return x.taken > 1 }

// CatchUp takes in everything that had arrived when it was called, however much
// that is, so that nothing expires while its answer waits to be read.
func (x *Inbox) CatchUp(before func()) error {
	for called := time.Now(); ; {
		n, err := x.batch(before)
		if err != nil || n == 0 || x.event.At.After(called) {
			return err
		}
	}
}

func (x *Inbox) batch(before func()) (int, error) {
	n, err := x.network.Poll(x.pkts)
	if err != nil {
		return n, fmt.Errorf("%w: receiving: %w", probe.ErrNetworkDown, err)
	}
	if n > 0 {
		before()
	}
	for i := range x.pkts[:n] {
		x.event = Event{}
		x.matcher.examine(&x.pkts[i], &x.packet, &x.event)
		x.handle(&x.event)
	}
	return n, nil
}

// Wait waits until something has arrived, and then for more of it, for d at most.
func (x *Inbox) Wait(d, gather time.Duration) { x.network.Await(d, gather) }

// WakeBy ends waits when ctx is done, and each time that something is ready; ready
// may be nil. The caller ends it.
func (x *Inbox) WakeBy(ctx context.Context, ready <-chan struct{}) (end func()) {
	ended := make(chan struct{})
	go func() {
		done := ctx.Done()
		for {
			select {
			case <-done:
				done = nil
			case <-ready:
			case <-ended:
				return
			}
			x.network.Wake()
		}
	}()
	return func() { close(ended) }
}
