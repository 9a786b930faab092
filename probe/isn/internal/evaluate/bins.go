package evaluate

import (
	"fmt"
	"io"
	"math"
)

// Bin holds the answers of one range of confidence.
type Bin struct {
	Low, High, Sum float64
	N, Right       int
}

// binEdges bound the ranges of confidence.
var binEdges = []float64{0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.001}

// newBins are the ranges, empty.
func newBins() (list []Bin) {
	for i := range binEdges[1:] {
		list = append(list, Bin{Low: binEdges[i], High: binEdges[i+1]})
	}
	return list
}

// enter counts an answer in its range.
func enter(bins []Bin, confidence float64, right bool) {
	for i := range bins {
		b := &bins[i]
		if confidence >= b.High {
			continue
		}
		b.N++
		b.Sum += confidence
		if right {
			b.Right++
		}
		return
	}
}

// calibration is the mean distance between confidence and the share that is
// right, over the ranges, weighted by their answers.
func calibration(bins []Bin) float64 {
	sum, n := 0.0, 0
	for _, b := range bins {
		sum += math.Abs(b.Sum - float64(b.Right))
		n += b.N
	}
	return sum / float64(max(n, 1))
}

// binsMarkdown writes the calibration table.
func binsMarkdown(w io.Writer, bins []Bin) {
	fmt.Fprintf(w, "| confidence | answers | claimed | right |\n| --- | ---: | ---: | ---: |\n")
	for _, b := range bins {
		if b.N > 0 {
			fmt.Fprintf(w, "| %.2f–%.2f | %d | %.2f %% | %.2f %% |\n", b.Low, min(b.High, 1), b.N,
				100*b.Sum/float64(b.N), percent(b.Right, b.N))
		}
	}
	fmt.Fprintln(w)
}
