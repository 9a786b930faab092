package rtt_test

import (
	"fmt"
	"time"

	"synscope/probe/rtt"
)

func ExampleSeries() {
	s := rtt.NewSeries(rtt.Precise)
	for i := range 100 {
		s.Add(20*time.Millisecond + time.Duration(i)*10*time.Microsecond)
	}
	s.Lost()
	sum := s.Summary()
	fmt.Printf("%d of %d answered, p50 %v, p99 %v\n", sum.Received, sum.Sent, sum.P50, sum.P99)
	// Output: 100 of 101 answered, p50 20.49ms, p99 20.98ms
}

func ExampleCompare() {
	var a, b rtt.Distribution
	for i := range 50 {
		a.Add(time.Duration(1000+i) * time.Microsecond)
		b.Add(time.Duration(1030+i) * time.Microsecond)
	}
	c := rtt.Compare(&a, &b)
	fmt.Printf("B is larger in %.0f %% of all pairs (%s effect), differ: %t\n", 100*c.Superiority, c.Effect(), c.Differ())
	// Output: B is larger in 92 % of all pairs (large effect), differ: true
}
