// Package paths finds all paths to a TCP port, where routers balance flows over
// several, and tells of each what it loses, how long it takes, and who answers.
//
// A router that balances flows chooses the next hop by a hash of addresses and
// ports. So probes that leave from one source port take one path ("flow"), and
// those from another port perhaps another. Each probe is a SYN whose TTL says how
// far it comes; a SYN-ACK of the target is closed by an exact RST.
//
//	m, err := paths.Run(ctx, conn, paths.Config{Target: target})
//	for _, p := range m.Paths { … }
//
// The life of a probe: the explorer, which has no clock and no network, draws a
// graph from all that is known, and says which flows to send how far next; the
// runner sends them, no faster than hops answer; what comes back changes the graph.
// With Config.Flows nothing is looked for: those source ports are followed hop by
// hop to where they end, so that flows that fail can be compared with flows that
// work.
//
// # The stopping rule
//
// It is that of the multipath detection algorithm (Augustin, Friedman and Teixeira,
// "Multipath tracing with Paris traceroute", E2EMON 2007, after Augustin et al.,
// "Avoiding traceroute anomalies with Paris traceroute", IMC 2006), with the
// stopping points that Veitch, Augustin and Friedman calculate ("Failure control in
// multipath route tracing", INFOCOM 2009). A node that has shown k next hops may
// have one more, all equally likely. It is taken to have k when n(k) flows have
// passed it. A node with N next hops is stopped at too early if after some n(k),
// k < N, only k were seen; n(k) is the smallest number with which that happens, for
// N = k+1, with a chance of at most m:
//
//	P(1 seen after 1 flow) = 1
//	P(k after f+1) = P(k after f)·k/N + P(k−1 after f)·(N−k+1)/N
//	n(N−1) = least f: P(N−1 after f) + Σ over k < N−1 of P(k at n(k)) ≤ m
//
// For N = 2 that is 2·(1/2)^f ≤ m. With m = 0.05, n = 6, 11, 16, 21, 27, 33, …
//
// That is the chance at one node. To have the 95 % overall, the nodes with several
// next hops have to share the 5 %: m = 0.05/(2(b+1)), where b is how many have been
// found. A node with one next hop cannot be stopped at too early, so it takes no
// share; the one more is for a node that was missed, and the factor of two for the
// nodes that a missed one hides behind it, which b does not count. Where b grows,
// nodes that were done are tested further. n(1) is 7 with b = 0, 8 with 1, 11 with 15.
//
// # The flows for it
//
// The flows that the rule wants of a node must be known to pass it (node control).
// Those that do are used again from hop to hop. Where all flows go one way the rest
// follow without being tried, and where all ways have come together again, all flows
// that were ever used pass; a link that only such flows show is proved by asking
// where one of them was before. If more are wanted, flows are sent straight to the
// node's hop: first those that are known to pass a node from which most come there.
//
// What the rule asks for ([Map.Asked]) is n(k) probes for each node; five more to
// each node with several next hops, which are sent twice to see whether packets of
// one flow go different ways; one behind each end, to see whether the target is
// where it answers; and for each hop the flows that have to be tried, on average,
// until each node there has its n(k), beyond those that the nodes before it ask
// for. The average is exact: if flows came at random moments, each node would fill
// by itself, so it is the integral over t of 1 − Π P(Poisson(share·t) ≥ n(k)).
// No more than 1.2 times that is sent; where it does not suffice, the confidence says
// so. Probes that are lost, or that meet silence, are repeated beside it.
//
// # What it cannot see
//
// [Map.Confidence] is the highest level at which the rule would have stopped where
// the exploration did. It speaks of what answers, and of routers that balance
// evenly: an uneven one may keep a seldom path to itself, several silent routers
// beside each other look like one, and paths that are chosen by something other than
// the source port are not looked for.
//
// Behind a router that sends each packet of a flow elsewhere, interfaces are
// known, but not which of them are joined: such links are [Edge.Uncertain]. A probe
// without an answer is repeated up to four times, and up to twenty where others on
// its way are lost as well, slower each time, since routers send few errors a second (Linux: one a
// second to each host, after six at once); only then is silence taken to be one. Two
// flows look behind it. If something answers there, the hop is silent and passes
// segments on; if nothing does while other flows reach the target, the path is dead
// between the last node that answered and the one where the living paths meet
// again ([Dead]).
//
// An answer in the target's name proves to come from somebody before it where a
// router sees the same probe expire, or a probe of the same flow with a higher TTL
// ([Node.Box], and the findings answered-before-host and answer-injected).
package paths
