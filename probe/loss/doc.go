// Package loss says of the losses of a series of probes when they were, and
// whether they cluster: by source port, in bursts, in time.
//
// The life of one probe: [Tracker.Add] puts it into the order of sending; a run of
// losses longer than chance explains becomes a [Window], "down from … to …";
// what was lost otherwise is counted by source port, by its parity, by the slice
// of the run and by the second of the minute, and [Tracker.Clusters] names the
// groups that lost more than the rest.
//
// Nothing is named by looking at it. Each group is held against the rest by the
// hypergeometric distribution (Fisher's exact test, one-sided), runs of losses
// by the exact distribution of their number (Wald and Wolfowitz, Annals of
// Mathematical Statistics 11, 1940), and the levels are corrected for how many
// were tested (Holm, Scandinavian Journal of Statistics 6, 1979): a series whose
// losses are independent has a cluster named in at most one of a hundred.
//
//	t := loss.NewTracker(8)
//	for _, p := range probes {
//		for _, w := range t.Add(p) {
//			fmt.Println("was down from", w.From, "to", w.To)
//		}
//	}
//	t.End()
//	fmt.Println(t.Windows(), t.Clusters())
//
// The memory of a tracker is bounded, however long the series is.
package loss
