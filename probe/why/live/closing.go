package live

import (
	"context"
	"slices"
	"time"

	"synscope/craft"
	"synscope/probe/why"
)

// What was opened is closed: nothing stays half open at the far end.

// End closes what may be half open at the far end. SYN-ACKs that wait to be read are answered, too.
func (i *Instrument) End() {
	i.catchUp(context.Background())
	i.mu.Lock()
	list := i.unclosed
	i.unclosed, i.until, i.over = nil, time.Time{}, true
	clear(i.silent)
	i.mu.Unlock()
	for k := range list {
		i.send(&list[k])
	}
	i.closeAgain(list)
}

// Close closes what may be half open at the far end, and stops listening.
func (i *Instrument) Close() error {
	i.End()
	i.network.SetReadDeadline(time.Unix(1, 0))
	<-i.done
	close(i.stragglers)
	<-i.answered
	i.network.SetReadDeadline(time.Time{})
	return i.failure
}

// Closing is how long the packets take that close what is open.
func (i *Instrument) Closing() time.Duration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return closingSlack + time.Duration(float64(len(i.unclosed))/i.cfg.Rate*float64(time.Second))
}

// closingSlack is more than it takes to end a batch whose time is over.
const closingSlack = 150 * time.Millisecond

// closings is how often what was opened is closed where packets are lost.
const closings = 3

// closeAgain repeats RSTs where packets were lost, connections first: an RST is
// acknowledged by nobody, and a server keeps what it does not know to be closed. It
// uses what is left of the budget.
func (i *Instrument) closeAgain(last []craft.Segment) {
	i.mu.Lock()
	list, lossy := slices.Concat(i.closed[connection], i.closed[halfOpen], last), i.lossy
	i.closed = [2][]craft.Segment{}
	i.mu.Unlock()
	if !lossy {
		return
	}
	for range closings - 1 {
		for k := range list {
			if i.Sent() >= i.cfg.Packets || !i.end.IsZero() && time.Now().After(i.end) {
				return
			}
			i.send(&list[k])
		}
	}
}

// ended notes that an RST was sent.
func (i *Instrument) ended(s craft.Segment, what opening) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.closed[what] = append(i.closed[what], s)
}

// opening is what an RST has ended.
type opening uint8

const (
	connection opening = iota
	halfOpen
)

// lost notes that something was answered the second time only.
func (i *Instrument) lost() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.lossy = true
}

// leave notes that a SYN of a trial was not answered, and may have opened something all the same.
// The next one of the flow will be its retransmission, with the same number: another
// number would only draw a challenge ACK from what is half open.
func (i *Instrument) leave(k *exchange, t *why.Trial) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if isn, known := i.silent[k.tuple()]; !known || isn != k.isn {
		i.unclosed = append(i.unclosed, k.closing())
	}
	i.silent[k.tuple()] = k.isn
	i.givenUp[answerOf{k.src, k.dst, k.isn + 1}] = awaited{trial: *t, left: k.left}
}

// closing closes what a SYN may have opened.
func (k *exchange) closing() craft.Segment { return k.segment(craft.RST, k.isn+1, 0) }

// interrupted notes that the time was over before a SYN was answered: what answers it comes when
// nobody listens any more.
func (k *exchange) interrupted() {
	k.in.mu.Lock()
	defer k.in.mu.Unlock()
	k.in.unclosed = append(k.in.unclosed, k.closing())
}

// Bounds of what answers stragglers.
const (
	stragglersKept = 64 // that wait for their RST
	owedShare      = 5  // of so many RSTs one is kept room for, where packets are lost
	mostOwed       = 20
)

// knowing is whether something is known.
type knowing bool

const known knowing = true

// straggler notes a segment of a connection that is closed at this end: the host has it
// still, because the RST was lost. It draws another one, as it does from every TCP that knows
// nothing of a connection (RFC 9293 §3.5.2). lost: it is known that there was one. mu is held.
func (i *Instrument) straggler(s *craft.Segment, lost knowing) {
	f := flow{s.Dst, s.Src}
	another := !opens(s) && len(i.exchanges[f.src.Port()]) > 0 // which it may be about
	if another || !s.Flags.Has(craft.ACK) || s.Flags.Has(craft.RST) || !i.old[f].heldBy(s) {
		return
	}
	i.lossy = i.lossy || lost == known
	select {
	case i.stragglers <- craft.Segment{Src: s.Dst, Dst: s.Src, TTL: 64, DF: s.Dst.Addr().Is4(), Seq: s.Ack, Flags: craft.RST}:
	default: // it comes once more
	}
}

// answerStragglers sends their RSTs, as far as the budget goes.
func (i *Instrument) answerStragglers() {
	defer close(i.answered)
	for s := range i.stragglers {
		if i.hasRoom() {
			i.send(&s)
		}
	}
}

// promise keeps room in the budget for all that a batch may send.
func (i *Instrument) promise(batch []why.Trial) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.promised = i.sent
	for k := range batch {
		i.promised += batch[k].Packets(batch[k].Hops)
	}
}

// hasRoom reports whether the budget has room for an RST that nothing was kept for: beside what
// the batch may send yet, and what closes what is open. It takes that room.
func (i *Instrument) hasRoom() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if max(i.sent, i.promised)+len(i.unclosed) >= i.cfg.Packets {
		return false
	}
	i.promised++
	return true
}

// spent counts the packets that have left.
func (i *Instrument) spent() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sent
}

// owed is how many packets are kept for closing again what a lossy way has kept open; mu is held.
func (i *Instrument) owed() int {
	if !i.lossy || i.over {
		return 0
	}
	return min(mostOwed, (len(i.closed[connection])+len(i.closed[halfOpen]))/owedShare)
}
