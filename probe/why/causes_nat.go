package why

// natCauses come of several clients, or connections, that share one address.
func natCauses() []Cause {
	return []Cause{
		{
			Code: NATPAWS, Title: "SYNs whose timestamp is older than another client's of the same address are dropped (PAWS behind address translation)", Prior: 0.8,
			Variants: variants(
				rules(&paws{remembers: true, d: silent}), rules(&paws{d: silent}),
				rules(&paws{above: true, d: silent}), rules(&paws{above: true, remembers: true, d: silent}),
				rules(&paws{d: only(Challenge)})),
			Advice:   "Switch off net.ipv4.tcp_tw_recycle on the host (Linux before 4.12), or the like on a balancer; clients behind one NAT address must not be compared by their timestamps.",
			Commands: commands("send --flags S --opt mss=1460,sack,ts,wscale=7 %s", "send --flags S --opt mss=1460,sack,wscale=7 %s"),
		},
		{
			Code: NATOldConnection, Title: "an old connection on the same ports is in the way: the SYN draws a challenge ACK", Prior: 0.8,
			Variants: variants(oldConnections(0.1, 0.3, 0.6, 1)...),
			Where:    sticky, Advice: "Address translation hands out ports again that the host still holds. Have the NAT's timeouts made longer than the host's, or use more addresses.",
			Commands: commands("ping -c 60 --flow vary %s"),
		},
	}
}

func oldConnections(shares ...float64) (list []Variant) {
	for _, p := range shares {
		list = append(list, rules(partly(toTarget, perFlow, p, of(share{Challenge, 0}, share{SYNACK, 0.4}))), rules(partly(toTarget, perTrial, p, only(Challenge))))
	}
	return list
}
