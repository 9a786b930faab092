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
	Link     int // the interface of a destination in a zone; 0: any
	Attempt  int // the transmission, for runs in which two may have the same numbers
}

const (
	// repeatAfter is how soon the same response may leave again: stacks wait a
	// second and more before they repeat a SYN-ACK (RFC 6298 §2.1), so what
	// comes sooner is a copy that the network made, or a flood.
	repeatAfter = 100 * time.Millisecond
	// mostResponses bounds what waits to be sent. What finds no room is lost
	// like any packet; the peer's retransmission asks again.
	mostResponses = 4096
)

// Responder queues responses, each transmission's once, and once more for each
// repeated SYN-ACK. The zero value is ready for use.
type Responder struct {
	queue         []Response
	recent, older map[uint64]bool // hashes of those sent during this period, and the one before
	turned        time.Duration   // when the period began
	seed          maphash.Seed
	lost          lostResets
}

// LostResets is how many connections were closed by an RST that seems not to have
// arrived: the SYN-ACK was retransmitted long after.
func (r *Responder) LostResets() uint64 { return r.lost.count }

// Add queues a response, unless the same was sent a moment ago. It reports
// whether it did.
func (r *Responder) Add(x Response, now time.Duration) bool {
	r.turn(now)
	key := maphash.Comparable(r.seed, x)
	if r.recent[key] || r.older[key] {
		return false
	}
	queued := r.Insist(x)
	r.recent[key] = queued
	if queued {
		r.lost.note(key, &x, now)
	}
	return queued
}

// Insist queues a response even if the same was sent a moment ago: something
// shows that it was lost. Whoever calls bounds how often.
func (r *Responder) Insist(x Response) bool {
	if len(r.queue) >= mostResponses {
		return false
	}
	r.queue = append(r.queue, x)
	return true
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

// Waiting is how many responses wait to be sent.
func (r *Responder) Waiting() int { return len(r.queue) }

// Responded counts the responses that left.
type Responded struct {
	Resets    uint64
	Questions uint64 // the others
}

// Send sends at most budget responses, and tells how many of the queue it took
// and what of them left.
func (r *Responder) Send(p *Packets, network probe.Network, budget int) (taken int, left Responded) {
	taken = min(budget, len(r.queue))
	left = p.Respond(network, r.queue[:taken])
	r.queue = append(r.queue[:0], r.queue[taken:]...)
	return taken, left
}

// Take appends at most budget responses to a list, for a caller that sends them
// itself with [Packets.Respond].
func (r *Responder) Take(budget int, list []Response) []Response {
	taken := min(budget, len(r.queue))
	list = append(list, r.queue[:taken]...)
	r.queue = append(r.queue[:0], r.queue[taken:]...)
	return list
}

// Respond sends responses, and tells what of them left. What the kernel refuses is
// lost like any packet that the network loses.
func (p *Packets) Respond(network probe.Network, responses []Response) (left Responded) {
	for len(responses) > 0 {
		n := min(len(responses), BatchSize)
		p.respond(network, responses[:n], &left)
		responses = responses[n:]
	}
	return left
}

// respond sends a batch of responses.
func (p *Packets) respond(network probe.Network, batch []Response, left *Responded) {
	p.Clear()
	links := p.links[:len(batch)]
	for i, x := range batch {
		p.AddResponse(x)
		links[i] = x.Link
	}
	for at := 0; at < len(batch); {
		n, err := SendOn(network, p.Batch[at:], links[at:])
		for _, x := range batch[at : at+n] {
			if x.Flags.Has(craft.RST) {
				left.Resets++
			} else {
				left.Questions++
			}
		}
		if at += n; err != nil {
			at++
		}
	}
	p.Clear()
}

// AddResponse appends a response to the batch.
func (p *Packets) AddResponse(x Response) {
	t := p.responses[x.Flags][x.Dst.Addr().Is4()]
	p.Batch = append(p.Batch, t.AppendTo(p.next(), craft.Fields{
		Src: x.Src, Dst: x.Dst, Seq: x.Seq, Ack: x.Ack, ID: uint16(x.Seq),
	}))
}
