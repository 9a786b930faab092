package netraw

import (
	"encoding/binary"
	"net/netip"
	"sync"

	"synscope/netraw/bpf"
)

// The counters of bpf/recv.h, enum count, in its order. A name makes one a
// reason for rejection.
var xdpCounts = []string{
	countMatched: "", countAnswered: "", countLost: "",
	3: "unexpected-flags", 4: "bad-ack", 5: "bad-seq", 6: "foreign-quote", 7: "truncated",
	8: "bad-checksum", 9: "fragment", 10: "malformed",
}

const (
	countMatched = iota
	countAnswered
	countLost
)

// xdpReceiver is the user space half of bpf/recv.h.
type xdpReceiver struct {
	replyRing
	program *xdpProgram

	mu   sync.Mutex
	last []uint64 // counters; since the end, what they were
	over bool
}

func (r *xdpReceiver) open(p *xdpProgram) error {
	r.program = p
	return r.replyRing.open(p.objects.Replies, p.asleep)
}

// expect makes what is sent to addr count as meant for us. In a full table
// there is no room: then rejections at this address go uncounted.
func (r *xdpReceiver) expect(addr netip.Addr) {
	var key bpf.EngineSource
	if addr.Is4() {
		b := addr.As4()
		key.Word[0] = binary.NativeEndian.Uint32(b[:])
	} else {
		key.Word = words(addr)
	}
	r.program.objects.Sources.Put(key, uint8(1))
}

// counters reads all, summed over the processors.
func (r *xdpReceiver) counters() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || r.program == nil {
		return r.last
	}
	sums := make([]uint64, len(xdpCounts))
	for i := range sums {
		var each []uint64
		if r.program.objects.Counts.Lookup(uint32(i), &each) != nil {
			return r.last
		}
		for _, n := range each {
			sums[i] += n
		}
	}
	r.last = sums
	return sums
}

func (r *xdpReceiver) drops() uint64 {
	if c := r.counters(); c != nil {
		return c[countLost]
	}
	return 0
}

func (r *xdpReceiver) rejected() map[string]uint64 {
	counted := make(map[string]uint64)
	for i, n := range r.counters() {
		if xdpCounts[i] != "" && n > 0 {
			counted[xdpCounts[i]] = n
		}
	}
	return counted
}

// close comes before that of the program.
func (r *xdpReceiver) close() error {
	r.counters()
	r.mu.Lock()
	r.over = true
	r.mu.Unlock()
	return r.replyRing.close()
}
