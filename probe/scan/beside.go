package scan

import (
	"time"

	"synscope/probe/internal/wire"
)

// A full batch may be sent by another goroutine while the engine goes on. Its probes are in flight
// from then on, but count as sent only once the batch is finished: until then it is not known which
// of them the kernel has taken. flight.batch says that a probe waits for that; no probe is
// transmitted again meanwhile. An answer to a transmission shows that it has left.

// besideLook is how soon a probe is looked at again whose packet waits to be sent beside the
// engine.
const besideLook = time.Millisecond

// queueBatch has a batch sent beside the engine, if there is room for it.
func (e *engine) queueBatch() bool {
	e.takeFinished()
	e.Now = time.Since(e.Start) // none of it leaves before
	b := e.sends.Queue(e.Packets, e.batch)
	if b == nil {
		return false
	}
	for place, x := range e.batch {
		f := e.flights.at(x.ID)
		f.latest().Sent = e.Now
		f.batch, f.place = b, uint8(place)
		e.fly(x.ID, f)
	}
	e.clearBatch()
	return true
}

// takeFinished takes in the batches that were sent beside the engine.
func (e *engine) takeFinished() {
	for e.sends.Finished(e.takeIn) {
	}
}

// takeIn takes in such a batch: when its packets really left, and which did not.
func (e *engine) takeIn(b *wire.Batch) {
	e.Pace.Departed(len(b.Entries), b.SentAt(len(b.Entries)-1))
	for i, x := range b.Entries {
		f, at, err := e.flights.at(x.ID), b.SentAt(i), b.Refused(i)
		waits := f.batch == b // or the probe has ended, or this transmission was answered
		if waits {
			f.batch = nil
		}
		switch {
		case err == nil:
			e.Counters.Departed(x.Attempt, at)
			if waits {
				e.left(f, at)
				e.resume(x.ID, f)
			}
		case waits:
			f.host.left--
			e.withdraw(x.ID, f, err, at)
		default:
			e.noteRefusal(nil, err, at)
		}
	}
}

// withdraw takes back the transmission of a probe that the kernel refused. An earlier one may
// have been answered meanwhile: then the answer stands.
func (e *engine) withdraw(id uint32, f *flight, err error, at time.Duration) {
	f.renew = false
	if f.phase == phaseFlying {
		e.refused(id, err, at)
		return
	}
	f.takeBack()
	e.noteRefusal(f.host, err, at)
}

// resume does what had to wait until the transmission of a probe was over.
func (e *engine) resume(id uint32, f *flight) {
	if f.renew {
		f.renew = false
		e.again(id, f)
	}
}

// noteSending takes from an answer what it tells of a transmission whose batch is not finished:
// that it left, if it repeats a number of that, and else no more than that it did not leave
// before the call that sends it.
func (e *engine) noteSending(f *flight, ev *wire.Event) {
	if f.batch == nil || ev.Attempt != len(f.tx)-1 {
		return
	}
	at := f.batch.SentAt(int(f.place))
	switch {
	case at == 0:
		f.latest().Sent = e.Now
	case ev.Kind.Verified():
		f.batch = nil
		e.left(f, at)
	default:
		f.latest().Sent = at
	}
}

// attempts is how many transmissions of a probe are known to have left.
func (f *flight) attempts() int {
	if f.batch != nil {
		return len(f.tx) - 1
	}
	return len(f.tx)
}
