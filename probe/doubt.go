package probe

// Flow says whether the probes of a series share their source port, and so
// their path where routers choose among several by a hash of the ports.
type Flow uint8

const (
	FlowFixed Flow = iota // one source port, as long as it is free
	FlowVary              // each probe another of the held ports
)

// Doubt says why the time of a sample must not enter a statistic.
type Doubt string

// The doubts. Without one, a sample's RTT can be trusted as far as its clock.
const (
	DoubtNone Doubt = ""
	// DoubtCold: the packet waited in the kernel for the neighbour's address.
	DoubtCold Doubt = "cold"
	// DoubtClockStep: somebody set the wall clock between the two stamps, or
	// it was slewed by more than NTP does.
	DoubtClockStep Doubt = "clock-step"
	// DoubtRetransmitted: the same SYN was sent twice, by the kernel or by a raw engine, so
	// the time does not say which one was answered.
	DoubtRetransmitted Doubt = "syn-retransmitted"
	// DoubtRepeated: the far end may have repeated its SYN-ACK, so that the time would hold the wait
	// for an answer to the first one, which was lost; or the way takes as long.
	DoubtRepeated Doubt = "synack-maybe-retransmitted"
	// DoubtLate: the answer came after the timeout. It proves what the port is, and
	// the probe counts as lost all the same.
	DoubtLate Doubt = "late"
	// DoubtSkipped: the probe was not sent; this machine slept or was too slow.
	DoubtSkipped Doubt = "skipped"
)
