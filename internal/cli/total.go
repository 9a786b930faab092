package cli

import "synscope/probe"

// addCounts adds the counts of one part of a run to its total, whose duration and
// completeness are not the parts'.
func addCounts(total, part *probe.Summary) {
	if total.Rejected == nil {
		total.Rejected, total.States = map[string]uint64{}, map[probe.State]uint64{}
	}
	total.Probes += part.Probes
	total.Sent += part.Sent
	total.Retransmitted += part.Retransmitted
	total.Resets += part.Resets
	total.SendErrors += part.SendErrors
	total.Received += part.Received
	total.Matched += part.Matched
	total.KernelDrops += part.KernelDrops
	for why, n := range part.Rejected {
		total.Rejected[why] += n
	}
	for state, n := range part.States {
		total.States[state] += n
	}
}
