package wire

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"synscope/craft"
	"synscope/probe"
)

// Transmission is one transmission of a ping or a trace.
type Transmission struct {
	ID       int
	Src, Dst netip.AddrPort
	Numbers  Numbers
	Tx       Stamps
	Due      time.Duration // when it was to leave
	Handed   Reading       // of the clocks, before the call
	Back     time.Time     // the wall clock after the call
	Ended    bool          // answered, or given up
	Answered bool          // by what repeats a number of ours
	Closed   bool          // an RST was sent although nothing answered
	Renewed  bool          // its probe goes on in another transmission, from another port
	opened   bool          // a SYN-ACK has come
	came     struct {      // the first that did
		took   time.Duration // 0: none did
		number craft.Seq
	}
	Outcome Outcome       // what has come of it
	Until   time.Duration // when it ends, unless something better comes
	Refused int           // how often the kernel refused the probe before
	Refusal error         // and why, the last time

	N       uint64 // place in its series, or its query of a hop
	Attempt int
	Index   int             // of the target
	Link    int             // the interface of a destination in a zone; 0: any
	TTL     uint8           // as sent
	IPID    uint16          // as sent
	Wire    []byte          // the packet, where it is compared with a quote
	Small   bool            // without options
	WarmUp  bool            // sent so that neighbours know each other, not to be reported
	Noted   []probe.Finding // of the attempts before
	First   *Transmission   // the one before with the same numbers; nil: it is none's retransmission
	Next    *Transmission   // its retransmission with the same numbers; nil: none
}

// Retransmission is another transmission of the same probe.
func (s *Transmission) Retransmission() *Transmission {
	return &Transmission{
		Index: s.Index, N: s.N, Attempt: s.Attempt + 1, Due: s.Due, TTL: s.TTL, Small: s.Small, WarmUp: s.WarmUp,
		Outcome: Outcome{strays: s.Outcome.strays},
		Noted:   s.Outcome.Annotate(probe.Verdict{Findings: s.Noted}).Findings,
	}
}

// Took is how long after the transmission an answer came, by the stamps of the
// kernel where they can be trusted, and else by the time at which it was read.
func (s *Transmission) Took(ev *Event, read Reading) time.Duration {
	if s.Handed.Stepped(read) {
		return read.Now - s.Tx.Sent
	}
	return s.Tx.Took(ev.At, s.Handed.Wall, read.Now)
}

// Left notes the kernel's stamp of the departure. What waited in the kernel
// until then is no time of the probe's.
func (s *Transmission) Left(ev *Event, read Reading) {
	s.Tx.Left = ev.At.UnixNano()
	waited := ev.At.Sub(s.Handed.Wall)
	if waited > 0 && waited <= read.Now-s.Tx.Sent && !s.Handed.Stepped(read) {
		s.Tx.Sent += waited
	}
}

// before tells whether it had left by then.
func (s *Transmission) before(at time.Time) bool {
	left := s.Handed.Wall
	if s.Tx.Left != 0 {
		left = time.Unix(0, s.Tx.Left)
	}
	return at.IsZero() || !left.After(at)
}

// flow is what the ports and addresses of a transmission make up. Zones are
// left out: packets have none.
type flow struct{ src, dst netip.AddrPort }

func flowOf(src, dst netip.AddrPort) flow { return flow{withoutZone(src), withoutZone(dst)} }

func withoutZone(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().WithZone(""), a.Port())
}

// Table is the table of transmissions that may still be answered, numbered in
// the order of sending. The receiver reads it while the engine writes.
type Table struct {
	Mu     sync.Mutex
	first  int             // id of list[0]
	List   []*Transmission // by id
	byFlow map[flow][]*Transmission
}

func NewTable() *Table { return &Table{byFlow: map[flow][]*Transmission{}} }

// Add gives s its id.
func (t *Table) Add(s *Transmission) {
	t.Mu.Lock()
	defer t.Mu.Unlock()
	s.ID = t.first + len(t.List)
	t.List = append(t.List, s)
	key := flowOf(s.Src, s.Dst)
	t.byFlow[key] = append(t.byFlow[key], s)
}

// Next is the id that the next transmission gets.
func (t *Table) Next() int { return t.first + len(t.List) }

// At returns a transmission by its id, nil once it is forgotten.
func (t *Table) At(id int) *Transmission {
	if id < t.first || id-t.first >= len(t.List) {
		return nil
	}
	return t.List[id-t.first]
}

// Forget drops the transmissions up to and including s.
func (t *Table) Forget(s *Transmission) {
	t.Mu.Lock()
	defer t.Mu.Unlock()
	for t.first <= s.ID && len(t.List) > 0 {
		oldest := t.List[0]
		t.List, t.first = t.List[1:], t.first+1
		t.drop(oldest)
	}
}

// drop removes the oldest transmission of its flow.
func (t *Table) drop(s *Transmission) {
	key := flowOf(s.Src, s.Dst)
	if rest := t.byFlow[key][1:]; len(rest) > 0 {
		t.byFlow[key] = rest
	} else {
		delete(t.byFlow, key)
	}
}

// Latest is the newest transmission of a flow that nothing has answered and that
// has not ended, nil if none.
func (t *Table) Latest(src, dst netip.AddrPort) *Transmission {
	for _, s := range slices.Backward(t.byFlow[flowOf(src, dst)]) {
		if !s.Ended && !s.Answered {
			return s
		}
	}
	return nil
}

// Newest tells whether no later transmission left on the flow of one.
func (t *Table) Newest(s *Transmission) bool {
	list := t.byFlow[flowOf(s.Src, s.Dst)]
	return len(list) > 0 && list[len(list)-1] == s
}

// Concerned is the newest transmission of a flow that an answer without a number
// of ours may be about, nil if none: it had left, it has not ended, and its
// zone is that in which the answer arrived.
func (t *Table) Concerned(ev *Event) *Transmission {
	for _, s := range slices.Backward(t.byFlow[flowOf(ev.Seg.Dst, ev.Seg.Src)]) {
		if !s.Ended && s.before(ev.At) && (s.Link == 0 || s.Link == ev.Link) {
			return s
		}
	}
	return nil
}

// Close queues the RSTs that clear a flow, for each transmission that the far
// end may be half open for, back to the last that was closed or answered: that
// answer was closed.
func (t *Table) Close(to *Responder, src, dst netip.AddrPort) {
	for _, s := range slices.Backward(t.byFlow[flowOf(src, dst)]) {
		if s.Answered || s.Closed {
			return
		}
		s.Close(to)
	}
}

// Close queues the RST that ends the half-open connection of a SYN whose SYN-ACK
// may have been lost, once. Where it is lost too, the next SYN on the flow is
// challenged, and that clears it.
func (s *Transmission) Close(to *Responder) {
	if !s.Closed {
		s.Closed = to.Insist(Response{Src: s.Src, Dst: s.Dst, Flags: craft.RST, Seq: s.Numbers.Seq.Add(1), Link: s.Link, Attempt: s.ID})
	}
}

// opens tells whether a SYN-ACK calls for an RST: not the first after the one that was
// sent because none had come.
func (s *Transmission) opens() bool {
	if s == nil {
		return true
	}
	first := !s.opened
	s.opened = true
	return !first || !s.Closed
}

// Attempt finds the id of a transmission. The newest come first: most answers
// come before the next probe of their flow is sent.
func (t *Table) Attempt(src, dst netip.AddrPort, right func(Numbers) bool) (int, bool) {
	t.Mu.Lock()
	defer t.Mu.Unlock()
	for _, s := range slices.Backward(t.byFlow[flowOf(src, dst)]) {
		if right(s.Numbers) {
			return s.ID, true
		}
	}
	return 0, false
}

// Quoted finds the transmission whose addresses, ports and sequence number an
// ICMP error quotes.
func (t *Table) Quoted(q *craft.Quote) (int, bool) {
	return t.Attempt(q.Src, q.Dst, func(n Numbers) bool { return n.Seq == q.Seq })
}

// Fifo is a queue of transmissions in the order of sending.
type Fifo struct{ List []*Transmission }

func (q *Fifo) Push(s *Transmission) { q.List = append(q.List, s) }

func (q *Fifo) Pop() {
	q.List[0] = nil
	q.List = q.List[1:]
}

// Waiting is the oldest that has not ended, nil if none; those before it are
// dropped.
func (q *Fifo) Waiting() *Transmission {
	for len(q.List) > 0 {
		if !q.List[0].Ended {
			return q.List[0]
		}
		q.Pop()
	}
	return nil
}
