package cli

import (
	"runtime"
	"runtime/debug"
)

// heapGrowth is by how many percent garbage may grow what is in use: little,
// since a wide scan holds much for short, and collecting is cheap beside sending.
const heapGrowth = 30

// ballast is allocated and never touched, so that it takes no physical memory. The garbage
// collector counts it as heap, and so even a run that holds little makes 10 MiB of garbage
// before a collection. A collection costs milliseconds; without ballast a scan of 65,535
// ports has fifty.
const ballast = 32 << 20

// firstGrowth is what heapGrowth is until something was collected. The collector begins at 4 MiB
// for each 100 of them, as if that were in use: at less than 32 MiB the ballast would be collected for
// as soon as it is there, and this begins 8 MiB later.
const firstGrowth = (ballast + 8<<20) / (4 << 20) * 100

// boundHeap sets how much garbage there may be; what it returns is to be kept while that holds.
// Short of addresses there is no ballast.
func boundHeap(ample bool) (kept []byte) {
	switch {
	case !ample:
		debug.SetGCPercent(heapGrowth)
		return nil
	case liveHeap() > 0: // a program that has run for some time, as tests do
		debug.SetGCPercent(heapGrowth)
	default:
		debug.SetGCPercent(firstGrowth)
		runtime.AddCleanup(new([64]byte), settleHeap, struct{}{})
	}
	return make([]byte, ballast)
}

// settleHeap is called once something was collected, and leaves alone what was set meanwhile.
func settleHeap(struct{}) {
	if was := debug.SetGCPercent(heapGrowth); was != firstGrowth {
		debug.SetGCPercent(was)
	}
}
