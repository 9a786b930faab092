//go:build linux

package lab

import (
	"cmp"
	"sync"
	"sync/atomic"
	"time"
)

const defaultLogSize = 8192

// ledger is a wire's account: counts of everything, and a ring of the newest
// records.
type ledger struct {
	counts [2][SendFailed + 1]atomic.Uint64
	notify func(PacketRecord)

	mu   sync.Mutex
	ring []PacketRecord
	size int
	next int // where the next record goes, once the ring is full
}

func newLedger(link Link) *ledger {
	size := cmp.Or(max(link.LogSize, 0), defaultLogSize)
	return &ledger{notify: link.OnPacket, size: size}
}

func (g *ledger) add(r *PacketRecord) {
	g.counts[r.Direction][r.Outcome].Add(1)
	if g.notify != nil {
		g.notify(*r)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.ring) < g.size {
		g.ring = append(g.ring, *r)
		return
	}
	g.ring[g.next] = *r
	g.next = (g.next + 1) % g.size
}

// records copies the ring, oldest first.
func (g *ledger) records() []PacketRecord {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append(append([]PacketRecord(nil), g.ring[g.next:]...), g.ring[:g.next]...)
}

func newRecord(d Direction, frame []byte, stamp time.Time) PacketRecord {
	r := PacketRecord{Direction: d, In: stamp, Bytes: len(network(frame))}
	copy(r.Head[:], network(frame))
	return r
}
