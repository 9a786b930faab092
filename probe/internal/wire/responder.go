package wire

import (
	"hash/maphash"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe"
)

// Response is a segment of ours that answers one of theirs: the RST that closes
// a half-open connection, a question about what proves nothing by itself, or the SYN
// without the options that made it too large.
type Response struct {
	Src, Dst netip.AddrPort
	Flags    craft.Flags // RST, ACK, SYN, or SYN and ACK
	Seq, Ack craft.Seq
	Link     int       // the interface of a destination in a zone; 0: any
	Attempt  int       // the transmission, for runs in which two may have the same numbers
	Peer     craft.Seq // of what an RST closes: the number that came; a connection has one

	// Since is how long before the SYN left that an RST closes the connection of, the first time; 0: it is
	// not known.
	Since time.Duration

	refused int // how often this machine refused to send it
}

const (
	// repeatAfter is how soon the same response may leave again: stacks wait a second or more
	// before they retransmit a SYN-ACK (RFC 6298 §2.1), so one that comes sooner is a copy that the
	// network made, or part of a flood.
	repeatAfter = 100 * time.Millisecond
	// mostResponses bounds what waits to be sent, and mostOfOne what waits for one
	// address. What finds no room is lost like any packet; the peer's
	// retransmission asks again.
	mostResponses = 4096
	mostOfOne     = mostResponses / 2
)

// Responder queues responses, each transmission's once, and once more for each
// repeated SYN-ACK. The zero value is ready for use.
type Responder struct {
	// Storms is told of each connection whose peer sent SYN-ACKs with more numbers than
	// any host does; nil: nobody is.
	Storms func(peer netip.AddrPort, link int)

	// Again is told of each SYN-ACK that comes again after a while, and how long it took before; nil:
	// nobody is.
	Again func(peer netip.AddrPort, link int, took, after time.Duration)

	queue         turns
	held          held
	batch         []Response
	recent, older map[uint64]bool // hashes of those sent during this period, and the one before
	turned        time.Duration   // when the period began
	seed          maphash.Seed
	closings      closings
	odd           bool // of the calls of Half
	storms        uint64
}

// LostResets is how many connections were closed by an RST that seems to be lost: the SYN-ACK was
// retransmitted long after it.
func (r *Responder) LostResets() uint64 { return r.closings.lost }

// SeenStorms is how many connections there were of which Storms is told.
func (r *Responder) SeenStorms() uint64 { return r.storms }

// Add queues a response, unless the same was sent a moment ago, or the connection has got
// as many RSTs as any needs. It reports whether it did.
func (r *Responder) Add(x Response, now time.Duration) bool {
	r.turn(now)
	peer, since := x.Peer, x.Since
	x.Peer, x.Since = 0, 0
	key := maphash.Comparable(r.seed, x)
	if x.Flags == craft.RST && !r.believes(key, peer, &x, now) || r.recent[key] || r.older[key] {
		return false
	}
	queued := r.Insist(x)
	r.recent[key] = queued
	if queued && x.Flags == craft.RST {
		took, again := r.closings.left(key, peer, since, now)
		if again > 0 && took > 0 && r.Again != nil {
			r.Again(x.Dst, x.Link, took, again)
		}
	}
	return queued
}

// believes tells whether a connection may still be closed, and tells of one that changes
// its number, once.
func (r *Responder) believes(key uint64, peer craft.Seq, x *Response, now time.Duration) bool {
	open, storm := r.closings.admit(key, peer, now)
	if storm {
		r.storms++
	}
	if storm && r.Storms != nil {
		r.Storms(x.Dst, x.Link)
	}
	return open
}

// Insist queues a response even if the same was sent a moment ago: something
// shows that it was lost. Whoever calls bounds how often.
func (r *Responder) Insist(x Response) bool {
	return r.queue.add(x)
}

// turn begins a new period where one is over, and forgets what was sent before
// the last.
func (r *Responder) turn(now time.Duration) {
	past := now - r.turned
	if past < repeatAfter && r.recent != nil {
		return
	}
	if r.older = r.recent; past >= 2*repeatAfter {
		r.older = nil
	}
	if r.recent == nil {
		r.seed = maphash.MakeSeed()
	}
	r.recent, r.turned = map[uint64]bool{}, now
}

// Waiting is how many responses wait to be sent, be it for the pace or for room in this machine.
func (r *Responder) Waiting() int { return r.queue.count + len(r.held) }

// Ready tells whether one waits for the pace alone.
func (r *Responder) Ready(now time.Duration) bool {
	at, ok := r.Due()
	return ok && at <= now
}

// Due is when the first that waits may leave, as far as this machine's queues are concerned; ok is false
// where none waits.
func (r *Responder) Due() (at time.Duration, ok bool) {
	if r.queue.count > 0 {
		return 0, true
	}
	return r.held.due()
}

// Responded counts the responses that left.
type Responded struct {
	Resets    uint64
	Questions uint64 // the others
}

// Send sends at most budget responses, and tells how many of the queue it took
// and what of them left.
func (r *Responder) Send(p *Packets, network probe.Network, budget int, now time.Duration) (taken int, left Responded) {
	r.batch = r.Take(budget, now, r.batch[:0])
	return len(r.batch), r.send(p, network, now)
}

// SendFlow sends all responses from one end to another.
func (r *Responder) SendFlow(p *Packets, network probe.Network, src, dst netip.AddrPort, now time.Duration) (taken int, left Responded) {
	r.release(now)
	r.batch = r.queue.takeFlow(src, dst, r.batch[:0])
	return len(r.batch), r.send(p, network, now)
}

// send sends the batch.
func (r *Responder) send(p *Packets, network probe.Network, now time.Duration) (left Responded) {
	return p.Respond(network, r.batch, func(x Response, err error) { r.Hold(x, err, now) })
}

// Half is the part of a budget that responses may have while probes wait to be sent: half,
// and of a single packet all, every other time.
func (r *Responder) Half(budget int) int {
	if r.Waiting() == 0 {
		return 0
	}
	if r.odd = !r.odd; r.odd {
		budget++
	}
	return min(budget/2, r.Waiting())
}

// Take appends at most budget responses to a list, for a caller that sends them
// itself with [Packets.Respond], and holds what is refused.
func (r *Responder) Take(budget int, now time.Duration, list []Response) []Response {
	r.release(now)
	return r.queue.take(budget, list)
}

// Respond sends responses, tells what of them left, and tells refused of each that did not.
func (p *Packets) Respond(network probe.Network, responses []Response, refused func(Response, error)) (left Responded) {
	for len(responses) > 0 {
		n := min(len(responses), BatchSize)
		p.respond(network, responses[:n], refused, &left)
		responses = responses[n:]
	}
	return left
}

// respond sends a batch of responses.
func (p *Packets) respond(network probe.Network, batch []Response, refused func(Response, error), left *Responded) {
	p.Clear()
	links := p.links[:len(batch)]
	for i, x := range batch {
		p.AddResponse(x)
		links[i] = x.Link
	}
	for at := 0; at < len(batch); {
		n, err := SendOn(network, p.Batch[at:], links[at:])
		for _, x := range batch[at : at+n] {
			left.count(x)
		}
		if at += n; err != nil {
			refused(batch[at], err)
			at++
		}
	}
	p.Clear()
}

// count counts one that left.
func (r *Responded) count(x Response) {
	if x.Flags.Has(craft.RST) {
		r.Resets++
	} else {
		r.Questions++
	}
}

// AddResponse appends a response to the batch.
func (p *Packets) AddResponse(x Response) {
	t := p.responses[x.Flags][x.Dst.Addr().Is4()]
	p.Batch = append(p.Batch, t.AppendTo(p.next(), craft.Fields{
		Src: x.Src, Dst: x.Dst, Seq: x.Seq, Ack: x.Ack, ID: uint16(x.Seq),
	}))
}
