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

// heapBound keeps the heap at the largest size of the table and some garbage: the
// room that the table gives back as connections are handed out is garbage's, so that
// there is less to collect.
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
	live := max(liveHeap(), ballast)
	h.largest = max(h.largest, table, live-ballast)
	bound := h.largest + ballast + largeWaste
	if h.largest < largeTable {
		bound = h.largest + ballast + smallWaste
	}
	if growth := max(1, int((bound-live)*100/live)); growth != h.growth {
		h.growth = growth
		debug.SetGCPercent(growth)
	}
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
