package probe

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"synscope/craft"
)

// shot is one transmission of a ping or a trace.
type shot struct {
	id       int
	src, dst netip.AddrPort
	numbers  numbers
	tx       transmission
	due      time.Duration // when it was to leave
	handed   reading       // of the clocks, before the call
	back     time.Time     // the wall clock after the call
	ended    bool          // answered, or given up
	answered bool

	n       uint64 // place in its series, or its query of a hop
	attempt int
	index   int    // of the target
	ttl     uint8  // as sent
	ipid    uint16 // as sent
	wire    []byte // the packet, where it is compared with a quote
	errand  bool   // sent to warm up a neighbour, not to be reported
}

// flow is what the ports and addresses of a transmission make up.
type flow struct{ src, dst netip.AddrPort }

// shots is the table of transmissions that may still be answered, numbered in
// the order of sending. The receiver reads it while the engine writes.
type shots struct {
	mu     sync.Mutex
	first  int     // id of list[0]
	list   []*shot // by id
	byFlow map[flow][]*shot
}

func newShots() *shots { return &shots{byFlow: map[flow][]*shot{}} }

// add gives s its id.
func (t *shots) add(s *shot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s.id = t.first + len(t.list)
	t.list = append(t.list, s)
	key := flow{s.src, s.dst}
	t.byFlow[key] = append(t.byFlow[key], s)
}

// at returns a transmission by its id, nil once it is forgotten.
func (t *shots) at(id int) *shot {
	if id < t.first || id-t.first >= len(t.list) {
		return nil
	}
	return t.list[id-t.first]
}

// forget drops the transmissions up to and including s.
func (t *shots) forget(s *shot) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.first <= s.id && len(t.list) > 0 {
		oldest := t.list[0]
		t.list, t.first = t.list[1:], t.first+1
		t.drop(oldest)
	}
}

// drop removes the oldest transmission of its flow.
func (t *shots) drop(s *shot) {
	key := flow{s.src, s.dst}
	if rest := t.byFlow[key][1:]; len(rest) > 0 {
		t.byFlow[key] = rest
	} else {
		delete(t.byFlow, key)
	}
}

// latest is the newest transmission of a flow that has not ended, nil if none.
func (t *shots) latest(src, dst netip.AddrPort) *shot {
	for _, s := range slices.Backward(t.byFlow[flow{src, dst}]) {
		if !s.ended {
			return s
		}
	}
	return nil
}

// closings appends the RSTs that clear a flow: none where its newest
// transmission was answered, for that answer was closed. Else the far end may
// be half open for any since the last that was answered, or for that one, if
// the RST was lost.
func (t *shots) closings(list []reset, src, dst netip.AddrPort) []reset {
	old := t.byFlow[flow{src, dst}]
	if len(old) == 0 || old[len(old)-1].answered {
		return list
	}
	for _, s := range slices.Backward(old) {
		list = append(list, s.closing())
		if s.answered {
			break
		}
	}
	return list
}

// closing is the RST that ends the half-open connection of a SYN.
func (s *shot) closing() reset { return reset{src: s.src, dst: s.dst, seq: s.numbers.seq.Add(1)} }

// attempt finds the id of a transmission. The newest come first: most answers
// come before the next probe of their flow is sent.
func (t *shots) attempt(src, dst netip.AddrPort, right func(numbers) bool) (int, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range slices.Backward(t.byFlow[flow{src, dst}]) {
		if right(s.numbers) {
			return s.id, true
		}
	}
	return 0, false
}

// quoted finds the transmission whose addresses, ports and sequence number an
// ICMP error quotes.
func (t *shots) quoted(q *craft.Quote) (int, bool) {
	return t.attempt(q.Src, q.Dst, func(n numbers) bool { return n.seq == q.Seq })
}

// fifo is a queue of transmissions in the order of sending.
type fifo struct{ list []*shot }

func (q *fifo) push(s *shot) { q.list = append(q.list, s) }

func (q *fifo) pop() {
	q.list[0] = nil
	q.list = q.list[1:]
}

// waiting is the oldest that has not ended, nil if none; those before it are
// dropped.
func (q *fifo) waiting() *shot {
	for len(q.list) > 0 {
		if !q.list[0].ended {
			return q.list[0]
		}
		q.pop()
	}
	return nil
}
