package scan

import (
	"time"

	"synscope/probe/internal/wire"
)

// besideLook is how soon a probe is looked at again whose packet waits to be sent beside the
// engine.
const besideLook = time.Millisecond

// handOver has a batch sent beside the engine, if there is room for it. Its probes count as
// sent from now on, and are looked at again when it is back.
func (e *engine) handOver() bool {
	e.takeBack()
	p := e.outbox.Take(e.Packets, e.batch)
	if p == nil {
		return false
	}
	e.Now = time.Since(e.Start)
	for _, id := range e.batch {
		e.departed(id)
		e.flights.at(id).parcel = p
	}
	e.clearBatch()
	e.outbox.Send(p)
	return true
}

// takeBack takes in the batches that were sent beside the engine.
func (e *engine) takeBack() {
	for e.outbox.Back(e.unpack) {
	}
}

// unpack takes in such a batch: when its packets really left, and which did not.
func (e *engine) unpack(p *wire.Parcel) {
	refused := p.Refused
	for i, id := range p.IDs {
		var err error
		if len(refused) > 0 && refused[0].At == i {
			err, refused = refused[0].Err, refused[1:]
		}
		f := e.flights.at(id)
		switch {
		case f.parcel != p: // the packet left, since it was answered
		case err != nil:
			f.parcel = nil
			e.recall(id, f, err)
		default:
			f.stamp()
			e.accepted(f)
		}
	}
}

// recall takes it back that a probe was sent.
func (e *engine) recall(id uint32, f *flight, err error) {
	e.Counters.Recalled(len(f.tx) - 1)
	f.host.left--
	e.refused(id, err)
}

// stamp notes when the latest transmission really left, once that is known.
func (f *flight) stamp() {
	if f.parcel == nil {
		return
	}
	if at := f.parcel.Began(); at > 0 {
		f.tx[len(f.tx)-1].Sent, f.parcel = at, nil
	}
}
