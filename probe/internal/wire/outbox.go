package wire

import (
	"sync/atomic"
	"time"

	"synscope/probe"
)

// Outbox has whole batches sent by a goroutine of its own, on another processor: the way
// of a packet through the kernel takes longer than all that an engine does about it, and
// on veth and loopback what the receiver does is part of it. Where an engine is not held
// back by processor time it has no use for that: then batches are small. The zero value
// takes none.
type Outbox struct {
	todo, done chan *Parcel
	spare      []*Parcel
	out        int // parcels that are not back
}

// Parcel is a batch on its way.
type Parcel struct {
	IDs     []uint32  // of its probes, as their engine calls them
	Refused []Refused // once it is back

	began atomic.Int64 // when its sending began, in nanoseconds since the start
	buf   *[BatchSize][maxPacket]byte
	batch [][]byte
}

// Refused is a packet that the kernel did not take: its place in the batch.
type Refused struct {
	At  int
	Err error
}

// maxParcels are as many as keep the other processor busy while the engine takes in
// what was answered.
const maxParcels = 4

// OpenOutbox begins to take batches, if the network can send beside its engine.
func OpenOutbox(n probe.Network, start time.Time) (x Outbox) {
	beside, ok := n.(interface {
		SendBeside() (send func(pkts [][]byte) (int, error), ok bool)
	})
	if !ok {
		return x
	}
	send, ok := beside.SendBeside()
	if !ok {
		return x
	}
	x.todo, x.done = make(chan *Parcel, maxParcels), make(chan *Parcel, maxParcels)
	for range maxParcels {
		x.spare = append(x.spare, &Parcel{buf: new([BatchSize][maxPacket]byte), batch: make([][]byte, 0, BatchSize)})
	}
	go deliver(x.todo, x.done, send, start)
	return x
}

// deliver sends what it gets, until there is no more.
func deliver(todo <-chan *Parcel, done chan<- *Parcel, send func([][]byte) (int, error), start time.Time) {
	for p := range todo {
		p.began.Store(max(int64(time.Since(start)), 1)) // 0: not begun
		p.Refused = p.Refused[:0]
		for at := 0; at < len(p.batch); {
			n, err := send(p.batch[at:])
			if at += n; at < len(p.batch) {
				p.Refused = append(p.Refused, Refused{at, err})
				at++
			}
		}
		done <- p
	}
	close(done)
}

// Take takes the packets, which then are empty, with the names of their probes; nil where
// there is no room.
func (x *Outbox) Take(p *Packets, ids []uint32) *Parcel {
	if len(x.spare) == 0 {
		return nil
	}
	one := x.spare[len(x.spare)-1]
	x.spare = x.spare[:len(x.spare)-1]
	one.IDs = append(one.IDs[:0], ids...)
	one.began.Store(0)
	one.buf, p.buf = p.buf, one.buf
	one.batch, p.Batch = p.Batch, one.batch[:0]
	return one
}

// Send lets a parcel go.
func (x *Outbox) Send(p *Parcel) {
	x.out++
	x.todo <- p
}

// Began is when the sending of a parcel began, 0 if it has not.
func (p *Parcel) Began() time.Duration { return time.Duration(p.began.Load()) }

// Back hands over a parcel that is back, if there is one.
func (x *Outbox) Back(take func(*Parcel)) (any bool) {
	if x.out == 0 {
		return false
	}
	select {
	case p := <-x.done:
		x.back(p, take)
		return true
	default:
		return false
	}
}

func (x *Outbox) back(p *Parcel, take func(*Parcel)) {
	x.out--
	take(p)
	x.spare = append(x.spare, p)
}

// Close waits for all parcels.
func (x *Outbox) Close(take func(*Parcel)) {
	if x.todo == nil {
		return
	}
	close(x.todo)
	for p := range x.done {
		x.back(p, take)
	}
	*x = Outbox{}
}
