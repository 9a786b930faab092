package wire

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"synscope/craft"
)

// Transmission is one transmission of a ping or a trace.
type Transmission struct {
	Id       int
	Src, Dst netip.AddrPort
	Numbers  Numbers
	Tx       Stamps
	Due      time.Duration // when it was to leave
	Handed   Reading       // of the clocks, before the call
	Back     time.Time     // the wall clock after the call
	Ended    bool          // answered, or given up
	Answered bool

	N       uint64 // place in its series, or its query of a hop
	Attempt int
	Index   int    // of the target
	Ttl     uint8  // as sent
	Ipid    uint16 // as sent
	Wire    []byte // the packet, where it is compared with a quote
	Errand  bool   // sent to warm up a neighbour, not to be reported
}

// flow is what the ports and addresses of a transmission make up.
type flow struct{ src, dst netip.AddrPort }

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
	s.Id = t.first + len(t.List)
	t.List = append(t.List, s)
	key := flow{s.Src, s.Dst}
	t.byFlow[key] = append(t.byFlow[key], s)
}

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
	for t.first <= s.Id && len(t.List) > 0 {
		oldest := t.List[0]
		t.List, t.first = t.List[1:], t.first+1
		t.drop(oldest)
	}
}

// drop removes the oldest transmission of its flow.
func (t *Table) drop(s *Transmission) {
	key := flow{s.Src, s.Dst}
	if rest := t.byFlow[key][1:]; len(rest) > 0 {
		t.byFlow[key] = rest
	} else {
		delete(t.byFlow, key)
	}
}

// Latest is the newest transmission of a flow that has not ended, nil if none.
func (t *Table) Latest(src, dst netip.AddrPort) *Transmission {
	for _, s := range slices.Backward(t.byFlow[flow{src, dst}]) {
		if !s.Ended {
			return s
		}
	}
	return nil
}

// Closings appends the RSTs that clear a flow: none where its newest
// transmission was answered, for that answer was closed. Else the far end may
// be half open for any since the last that was answered, or for that one, if
// the RST was lost.
func (t *Table) Closings(list []Reset, src, dst netip.AddrPort) []Reset {
	old := t.byFlow[flow{src, dst}]
	if len(old) == 0 || old[len(old)-1].Answered {
		return list
	}
	for _, s := range slices.Backward(old) {
		list = append(list, s.Closing())
		if s.Answered {
			break
		}
	}
	return list
}

// Closing is the RST that ends the half-open connection of a SYN.
func (s *Transmission) Closing() Reset {
	return Reset{Src: s.Src, Dst: s.Dst, Seq: s.Numbers.Seq.Add(1)}
}

// Attempt finds the id of a transmission. The newest come first: most answers
// come before the next probe of their flow is sent.
func (t *Table) Attempt(src, dst netip.AddrPort, right func(Numbers) bool) (int, bool) {
	t.Mu.Lock()
	defer t.Mu.Unlock()
	for _, s := range slices.Backward(t.byFlow[flow{src, dst}]) {
		if right(s.Numbers) {
			return s.Id, true
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
