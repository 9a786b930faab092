package why

import "fmt"

// localCauses sit on this machine.
func localCauses() []Cause {
	return []Cause{
		{
			Code: LocalNoRoute, Title: "this machine has no route to it", Prior: 1,
			Variants: variants(rules(sureFact(NoRoute), when(toHost, only(SendRefused)))),
			Where:    here, Advice: "Look at the routes of this machine (ip route get ADDRESS; ip rule): one for this destination is missing, or it is a blackhole, unreachable or prohibit route.",
			Commands: shell("ip route get %a"),
		},
		{
			Code: LocalSourceAddress, Title: "the source address cannot be used", Prior: 0.7,
			Variants: variants(rules(sureFact(BadSource), nothingLeaves())),
			Where:    here, Advice: "Look at the source address that the route prescribes (src in ip route) or that was given with -S: it must be one of this machine's, and one to which the other side has a way back.",
			Commands: shell("ip route get %a", "ip address"),
		},
		{
			Code: LocalFirewall, Title: "a firewall on this machine is in the way", Prior: 1,
			Variants: variants(
				rules(noFact(ConntrackFull), when(anything, only(SendRefused))),
				rules(noFact(ConntrackFull), when(toHost, only(SendRefused))),
				rules(noFact(ConntrackFull), when(func(t *Trial) bool { return t.Role == Target && toHost(t) && t.Kind != Echo }, only(SendRefused))),
				rules(noFact(ConntrackFull), partly(toTarget, perTrial, 0.5, only(SendRefused))),
				rules(noFact(ReversePathDrops, ConntrackFull), when(isKind(Kernel, Target), of(share{Silence, 0}, share{Reset, 0.1}, share{HostUnreachable, 0.1}, share{SendRefused, 0.2})))),
			Where: here, Words: limitWords, Advice: "Look at this machine's own rules (nft list ruleset; iptables-save): for what leaves in OUTPUT, for answers in INPUT.",
			Commands: shell("nft list ruleset"),
		},
		{
			Code: LocalRPFilter, Title: "this machine discards the answers as coming in by the wrong interface (rp_filter)", Prior: 0.7,
			Variants: variants(
				rules(sureFact(ReversePathDrops), when(isKind(Kernel, Target), silent))),
			Where: here, Advice: "Answers arrive on another interface than the route to their sender names. Mend the routes, or set net.ipv4.conf.INTERFACE.rp_filter to 2 (loose).",
			Commands: shell("nstat -az TcpExtIPReversePathFilter", "ip route get %a"),
		},
		{
			Code: LocalPortsExhausted, Title: "this machine has no free source port", Prior: 0.7,
			Variants: variants(rules(fact(PortsExhausted), when(isKind(Kernel, Target), of(share{NoPorts, 0}, share{Acked, 0.2}))),
				rules(when(isKind(Kernel, Target), only(NoPorts)))),
			Where: here, Advice: "Too many connections to one destination are open or in TIME_WAIT. Reuse connections, widen net.ipv4.ip_local_port_range, or use more source addresses.",
			Commands: shell("ss -s", "sysctl net.ipv4.ip_local_port_range"),
		},
		{
			Code: LocalConntrackFull, Title: "this machine's connection tracking table is full", Prior: 0.7,
			Variants: variants(
				rules(sureFact(ConntrackFull), when(anything, only(SendRefused))),
				rules(sureFact(ConntrackFull), partly(anything, perTrial, 0.6, only(SendRefused))),
				rules(sureFact(ConntrackFull), partly(anything, perTrial, 0.2, only(SendRefused)))),
			Where: here, Advice: "Raise net.netfilter.nf_conntrack_max, shorten its timeouts, or do not track this traffic (notrack).",
			Commands: shell("sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max"),
		},
		{
			Code: LocalNoNeighbour, Title: "the next hop does not answer address resolution", Prior: 1,
			Variants: variants(
				rules(unresolved(GatewayUnresolved), noFact(OnLink), nothingLeaves(), traces(only(TraceSilent))),
				rules(unresolved(TargetUnresolved), fact(OnLink), nothingLeaves(), traces(only(TraceSilent)))),
			Where: nextHop, Advice: "The gateway, or the target if it is on this link, is off, has another address, or is in another VLAN. Look at the link, the address and the netmask.",
			Commands: shell("ip neighbour show %a", "ip route get %a"),
		},
		{
			Code: LocalInterface, Title: "this machine's interface is down or drops packets", Prior: 0.7,
			Variants: variants(
				rules(sureFact(InterfaceDown), anyway(GatewayUnresolved, TargetUnresolved), nothingLeaves(), traces(only(TraceSilent))),
				lossyInterface(0.08), lossyInterface(0.13), lossyInterface(0.2), lossyInterface(0.32), lossyInterface(0.5), lossyInterface(0.7), lossyInterface(0.85),
				fullQueue(0.2), fullQueue(0.6), fullQueue(1)),
			Where: here, Words: fullWords, Advice: "Look at the link and its counters (ip -s link; ethtool -S): cable, driver, ring sizes, queue length.",
			Commands: shell("ip -s link"),
		},
	}
}

// lossyInterface drops a share of the packets each way, and counts them.
func lossyInterface(p float64) Variant {
	return Variant{Rules: []rule{fact(InterfaceDrops)}, Loss: &loss{p / 2, p / 2}}
}

// fullQueue has no room for a share of the packets; of a SYN of its own the kernel says nothing.
func fullQueue(p float64) Variant {
	return rules(partly(isKind(Kernel, Target), perTrial, p, silent), partly(toHost, perTrial, p, only(NoRoom)))
}

// fullWords say that it is a lack of room that kept packets from leaving.
func fullWords(k *Knowledge) (title, advice string) {
	if k.count(func(t *Trial) bool { return t.Outcome == NoRoom }) == 0 {
		return "", ""
	}
	return "this machine has no room for what it is to send: a queue of its interface, a buffer or its table of neighbours is full",
		"Look at what the queue of the interface drops (tc -s qdisc show) and at who fills it, at a shaper on it, and at the table of neighbours (ip -s neighbour; net.ipv4.neigh.default.gc_thresh3)."
}

// limitWords say that a firewall that refuses some SYNs of a kind and lets others leave may be a limit.
func limitWords(k *Knowledge) (title, advice string) {
	usual := func(t *Trial) bool { return t.Kind == SYN && t.Role == Target && t.Look == Usual }
	all := k.count(usual)
	refused := k.count(func(t *Trial) bool { return usual(t) && t.Outcome == SendRefused })
	if refused == 0 || refused == all {
		return "", ""
	}
	return fmt.Sprintf("a firewall on this machine, or a limit in it, refuses some of what leaves (%d of %s)", refused, countOf(all, "usual SYN")),
		"Look at this machine's own rules for what leaves (nft list ruleset; iptables-save, OUTPUT): one with a limit (limit, meter, quota, connlimit, hashlimit), or one that holds for some source ports only."
}

// nothingLeaves: every trial fails, silently or because the kernel refuses to send.
func nothingLeaves() rule {
	return &choice{of: toHost, ways: []mode{{p: 0.45, d: always(only(SendRefused))}, {p: 0.45, d: always(silent)}, {p: 0.1, d: always(of(share{Silence, 0}, share{SendRefused, 0.5}))}}}
}

// unresolved predicts that a neighbour does not answer; once in a while it did, a moment ago.
func unresolved(f Fact) rule { return when(isFact(f), of(share{Yes, 0}, share{No, 0.01})) }

// anyway predicts nothing of facts: either is as probable.
func anyway(f ...Fact) rule {
	return &choice{of: isFact(f...), scope: perTrial, ways: []mode{{p: 1, d: always(of(share{Yes, 0}, share{No, 0.5}))}}}
}
