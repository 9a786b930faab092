package wire

import (
	"math/bits"
	"sync/atomic"
	"time"

	"synscope/probe"
)

// SendQueue lets another goroutine send whole batches, on another processor: the way of a packet
// through the kernel takes longer than everything that an engine does about it, and on veth and
// loopback it includes what the receiver does. An engine that processor time does not hold back has
// small batches, and sends them itself. The zero value takes no batches.
type SendQueue struct {
	queued, finished chan *Batch
	spare            []*Batch
	out              int // batches that are queued or being sent, or were not taken in
}

// Entry is a transmission in a batch: of which probe, as its engine calls it, and which of
// its attempts.
type Entry struct {
	ID      uint32
	Attempt int
}

// Batch is what one goroutine sends while the engine goes on.
type Batch struct {
	Entries []Entry

	calls atomic.Uint64            // a bit for each packet that a call of Send began with
	began [BatchSize]time.Duration // when these calls did, since the start of the run
	errs  [BatchSize]error         // of packets that the kernel did not take
	buf   *[BatchSize][maxPacket]byte
	pkts  [][]byte
}

var _ [0]struct{} = [64 - BatchSize]struct{}{} // Batch.calls has as many bits

// mostQueued are as many as keep the other processor busy while the engine takes in
// what was answered.
const mostQueued = 4

// OpenSendQueue begins to take batches, if the network can send beside its engine.
func OpenSendQueue(n probe.Network, start time.Time) (q SendQueue) {
	beside, ok := n.(interface {
		SendBeside() (send func(pkts [][]byte) (int, error), ok bool)
	})
	if !ok {
		return q
	}
	send, ok := beside.SendBeside()
	if !ok {
		return q
	}
	q.queued, q.finished = make(chan *Batch, mostQueued), make(chan *Batch, mostQueued)
	for range mostQueued {
		q.spare = append(q.spare, &Batch{buf: new([BatchSize][maxPacket]byte), pkts: make([][]byte, 0, BatchSize)})
	}
	go sendAll(q.queued, q.finished, send, start)
	return q
}

// sendAll sends what it gets, until there is no more.
func sendAll(queued <-chan *Batch, finished chan<- *Batch, send func([][]byte) (int, error), start time.Time) {
	for b := range queued {
		b.send(send, start)
		finished <- b
	}
	close(finished)
}

// send sends the batch. A packet that the kernel refuses costs only itself.
func (b *Batch) send(send func([][]byte) (int, error), start time.Time) {
	for at := 0; at < len(b.pkts); {
		b.began[at] = max(time.Since(start), 1) // 0: it has not begun
		b.calls.Or(1 << at)
		n, err := send(b.pkts[at:])
		if at += n; at < len(b.pkts) {
			b.errs[at] = err
			at++
		}
	}
}

// SentAt is when the call began that sends a packet of the batch, or has sent it; 0 before any call
// did. An answer to a packet shows that the call has sent it. Any goroutine may ask.
func (b *Batch) SentAt(i int) time.Duration {
	calls := b.calls.Load() << (63 - i) // those that began with this packet or one before it
	if calls == 0 {
		return 0
	}
	return b.began[i-bits.LeadingZeros64(calls)]
}

// Refused is why the kernel did not take a packet of a finished batch, nil if it did.
func (b *Batch) Refused(i int) error { return b.errs[i] }

// Queue takes the packets, which then are empty, with what they are; nil where there is no
// room.
func (q *SendQueue) Queue(p *Packets, entries []Entry) *Batch {
	if len(q.spare) == 0 {
		return nil
	}
	b := q.spare[len(q.spare)-1]
	q.spare = q.spare[:len(q.spare)-1]
	b.Entries = append(b.Entries[:0], entries...)
	b.calls.Store(0)
	clear(b.errs[:])
	b.buf, p.buf = p.buf, b.buf
	b.pkts, p.Batch = p.Batch, b.pkts[:0]
	q.out++
	q.queued <- b
	return b
}

// Finished takes in a batch that was sent, if there is one.
func (q *SendQueue) Finished(take func(*Batch)) (any bool) {
	if q.out == 0 {
		return false
	}
	select {
	case b := <-q.finished:
		q.takeIn(b, take)
		return true
	default:
		return false
	}
}

func (q *SendQueue) takeIn(b *Batch, take func(*Batch)) {
	q.out--
	take(b)
	q.spare = append(q.spare, b)
}

// Close waits for all batches, and takes them in.
func (q *SendQueue) Close(take func(*Batch)) {
	if q.queued == nil {
		return
	}
	close(q.queued)
	for b := range q.finished {
		q.takeIn(b, take)
	}
	*q = SendQueue{}
}
