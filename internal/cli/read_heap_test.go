package cli

import "testing"

// TestHeapBound: the heap stays at the largest size of the table and some garbage,
// whatever the table gives back.
func TestHeapBound(t *testing.T) {
	var h heapBound
	for _, c := range []struct {
		name        string
		table, live int64 // in MiB, live without ballast
		bound       int64 // of the heap, without ballast
	}{
		{"empty", 0, 0, 96},
		{"small", 40, 40, 136},
		{"large", 200, 150, 212},
		{"large, and collected", 200, 200, 212},
		{"with more than the table knows of", 200, 260, 272},
		{"half is handed out", 100, 100, 272},
		{"all is handed out", 0, 1, 272},
	} {
		live := c.live<<20 + ballast
		percent := h.percent(c.table<<20, live)
		heap := live + live*int64(percent)/100 - ballast
		if off := heap>>20 - c.bound; off < -3 || off > 0 {
			t.Errorf("%s: %d %% on %d MiB, so %d MiB, want %d", c.name, percent, c.live, heap>>20, c.bound)
		}
	}
}
