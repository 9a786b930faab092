// Package rtt is the statistics of round-trip times: pure mathematics over
// durations, without clock, network or randomness.
//
// # The life of one sample
//
// A [Series] is told of each probe as it ends, [Series.Lost] or [Series.Add].
// It keeps the moments (Welford's recurrence), the jitter of RFC 3550 §6.4.1,
// and in a [Distribution] the values themselves: all of them while they are
// few, and from then on the counts of an HdrHistogram, whose size does not
// depend on how many there are. [Series.Summary] is what a ping prints last,
// [Distribution.Bars] its histogram. A [Timeline] keeps for a picture what the
// distribution forgets, the order, also in constant memory. [Compare] asks
// whether two distributions differ.
//
//	s := rtt.NewSeries(rtt.Precise)
//	s.Add(6800 * time.Nanosecond)
//	s.Lost()
//	fmt.Println(s.Summary().P50, s.Summary().Loss)
package rtt
