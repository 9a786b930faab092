package cli

import (
	"runtime/debug"
	"runtime/metrics"
)

// How much garbage there may be while captures are read, in bytes: much where the
// table of connections is small, and little where it is large.
const (
	smallWaste = 96 << 20
	largeWaste = 12 << 20
	largeTable = 48 << 20
)

// heapBound keeps the heap at the largest size that the table had, and some garbage: as
// connections are handed out the table shrinks, and garbage may take its place, so that
// there are fewer collections.
type heapBound struct {
	largest int64 // that the table was, with what hangs on it, in bytes
	growth  int   // that was set, in percent
	fixed   bool  // the user has chosen it
}

// watch is to be called now and then, with the size of the table in bytes.
func (h *heapBound) watch(table int64) {
	if h.fixed {
		return
	}
	if growth := h.percent(table, liveHeap()); growth != h.growth {
		h.growth = growth
		debug.SetGCPercent(growth)
	}
}

// percent is by how much what is in use may grow before it is collected again, where
// the last collection has left live bytes. Connections hold more than the table
// knows of: what they hold counts too.
func (h *heapBound) percent(table, live int64) int {
	live = max(live, ballast)
	h.largest = max(h.largest, table, live-ballast)
	waste := int64(largeWaste)
	if h.largest < largeTable {
		waste = smallWaste
	}
	return max(1, int((h.largest+ballast+waste-live)*100/live))
}

// liveHeap is what the last collection has left, in bytes.
func liveHeap() int64 {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	return int64(live[0].Value.Uint64())
}

// watchEvery is after how many connections that are handed out the table's size is
// looked at.
const watchEvery = 1 << 12

// watchHeap is called every few thousand packets, and as often while connections are
// handed out at the end.
func (j *readJob) watchHeap() { j.heap.watch(j.table.Memory()) }
