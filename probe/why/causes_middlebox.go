package why

import "time"

func middleboxCauses() []Cause {
	return []Cause{
		{
			Code: PathInjectedReset, Title: "somebody on the way injects resets into connections that the host accepts", Prior: 0.8,
			Variants: variants(
				rules(when(toTarget, of(share{ResetToo, 0}, share{ResetNear, 0.05}, share{SYNACK, 0.05}))),
				rules(partly(toTarget, perTrial, 0.5, of(share{ResetToo, 0}, share{ResetNear, 0.05}))),
				cutOff(1, only(ResetBy)), cutOff(0.5, only(ResetBy)), cutOff(1, of(share{ResetOnACK, 0}, share{ResetBy, 0.1}))),
			Where: answerer, Words: cutWords, Advice: "The host answers, and a reset comes with it that is not the host's. Ask who runs the network at that hop; encrypted or tunnelled connections may pass.",
			Again: commands("handshake --repeat 5 %s"),
		},
		{
			Code: PathProxy, Title: "something on the way answers in the host's name", Prior: 0.8,
			Variants: variants(
				proxy(nearer, only(ISNStays)), proxy(nearer, only(ISNMoves)), proxy(of(share{SYNACK, 0}, share{Near, 0.02}), only(ISNMoves))),
			Where: answerer, Advice: "Handshakes end at a proxy, SYN proxy or load balancer, not at the host: that a port is open says nothing of the program behind. Look there for what fails.",
			Again: commands("handshake %s", "trace %s"),
		},
		{
			Code: PathDropsOption, Title: "SYNs with a certain TCP option are dropped or reset", Prior: 1,
			Variants: variants(optionDrops()...),
			Where:    droppedLooks, Advice: "A middlebox or an old stack does not take this option. Ask who runs it; meanwhile switch the option off here (net.ipv4.tcp_timestamps, tcp_sack, tcp_window_scaling, tcp_fastopen, mptcp.enabled).",
			Again: lookCommands,
		},
		{
			Code: PathDropsECN, Title: "SYNs that ask for ECN are dropped or reset", Prior: 0.8,
			Variants: variants(byLook(silent, ECN, AccECN), byLook(eitherReset, ECN, AccECN), byLook(silent, AccECN), byLook(silent, ECN)),
			Where:    droppedLooks, Advice: "Clients with net.ipv4.tcp_ecn=1 fail, or need a second SYN without ECN. Ask who runs the box on the way.",
			Again: lookCommands,
		},
		{
			Code: PathDropsTOS, Title: "packets with another type of service or TTL are dropped", Prior: 0.7,
			Variants: variants(byLook(silent, TOS), byLook(eitherReset, TOS), byLook(silent, HighTTL), byLook(eitherReset, HighTTL), byLook(only(Prohibited), TOS), byLook(silent, TOS, HighTTL)),
			Where:    droppedLooks, Advice: "A policy on the way treats DSCP or TTL values unlike others. Ask who runs it, or do not mark this traffic.",
			Again: lookCommands,
		},
		{
			Code: PathMTUBlackHole, Title: "large packets are lost, and nobody says so (path MTU black hole)", Prior: 1,
			Variants: variants(rules(largeLost()), rules(largeLost()), rules(answersLost()...), rules(append(answersLost(), largeLost())...)),
			Words:    answersLostWords, Where: mtuWhere, Advice: "Ask who filters ICMP \"fragmentation needed\"/\"packet too big\" on the way; meanwhile lower the MTU here, clamp MSS, or set net.ipv4.tcp_mtu_probing=1.",
			Again: commands("handshake --data @FILE_OF_3000_BYTES %s"),
		},
		{
			Code: PathIdleTimeout, Title: "connections are forgotten on the way after a pause", Prior: 1,
			Variants: variants(idleTimeouts(300*time.Millisecond, 700*time.Millisecond, 1500*time.Millisecond, 3*time.Second, 6*time.Second, 10*time.Second)...),
			Where:    idleWhere, Advice: "A NAT or firewall forgets quiet connections. Use TCP keepalive below that pause, or have its timeout raised.",
			Again: commands("handshake --data x --watch 30s %s"),
		},
		{
			Code: NATPAWS, Title: "SYNs whose timestamp is older than another client's of the same address are dropped (PAWS behind address translation)", Prior: 0.8,
			Variants: variants(
				rules(&paws{remembers: true, d: silent}), rules(&paws{d: silent}),
				rules(&paws{above: true, d: silent}), rules(&paws{above: true, remembers: true, d: silent}),
				rules(&paws{d: only(Challenge)})),
			Advice: "Switch off net.ipv4.tcp_tw_recycle on the host (Linux before 4.12), or the like on a balancer; clients behind one NAT address must not be compared by their timestamps.",
			Again:  commands("send --flags S --opt mss=1460,sack,ts,wscale=7 %s", "send --flags S --opt mss=1460,sack,wscale=7 %s"),
		},
		{
			Code: NATOldConnection, Title: "an old connection on the same ports is in the way: the SYN draws a challenge ACK", Prior: 0.8,
			Variants: variants(oldConnections(0.1, 0.3, 0.6, 1)...),
			Where:    sticky, Advice: "Address translation hands out ports again that the host still holds. Have the NAT's timeouts made longer than the host's, or use more addresses.",
			Again: commands("ping -c 60 --flow vary %s"),
		},
	}
}

// cutOff is a box that lets handshakes pass and resets a share of the connections when
// bytes follow, as those do that look into them.
func cutOff(p float64, d *dist) Variant {
	speaks := func(t *Trial) bool {
		return t.Role == Target && (t.Kind == Connect || t.Kind == Large || t.Kind == Idle)
	}
	return rules(partly(speaks, perTrial, p, d), when(isKind(Hold, Target), held))
}

// cutWords tell of resets that come when bytes follow the handshake.
func cutWords(k *Knowledge) (title, advice string) {
	if k.outcome(ResetBy)+k.outcome(ResetOnACK) == 0 || k.outcome(ResetToo) > 0 {
		return "", ""
	}
	return "handshakes pass, and connections are reset as soon as bytes follow, not by the host",
		"Something on the way looks into connections and resets those that it does not want: a firewall, an intrusion prevention system, a censor. Ask who runs the network at the distance named; encrypted or tunnelled connections may pass."
}

// proxy answers SYNs with d, and duplicates as again says.
func proxy(d, again *dist) Variant {
	return rules(
		&choice{of: func(t *Trial) bool { return t.Kind == SYN && t.Role == Target }, scope: perTrial, ways: []mode{{p: 1, d: always(d)}}},
		&choice{of: isKind(SYN, Closed), ways: []mode{{p: 0.3, d: always(of(share{SYNACK, 0}, share{Near, 0.3}))}, {p: 0.55, d: always(resets)}, {p: 0.15, d: always(silent)}}},
		when(isKind(Again, Target), again),
		&choice{of: isKind(Connect, Target), ways: []mode{{p: 0.8, d: always(connected)}, {p: 0.2, d: always(of(share{Ignored, 0}, share{ResetOnACK, 0.4}, share{SlowProgram, 0.3}))}}},
		&choice{of: isKind(Trace, Target), ways: []mode{{p: 0.75, d: always(only(TraceNear))}, {p: 0.25, d: always(only(TraceReaches))}}},
	)
}

// byLook is what happens to SYNs of certain looks.
func byLook(d *dist, hit ...Look) Variant { return rules(lookRule(d, hit...)) }

func lookRule(d *dist, hit ...Look) rule {
	var set [looks]bool
	for _, l := range hit {
		set[l] = true
	}
	hits := func(t *Trial) bool { return toTarget(t) && set[t.Look] && (t.Kind != Kernel || t.Look == Usual) }
	if d == eitherReset { // always the one, or always the other
		return &choice{of: hits, ways: []mode{{p: 0.5, d: always(resets)}, {p: 0.5, d: always(only(ResetNear))}}}
	}
	return when(hits, d)
}

// optionLooks are the looks that carry each option.
var optionLooks = [][]Look{
	{Usual, NoSACK, NoScale, OldTimestamp, NewTimestamp, ECN, AccECN, FastOpen, MPTCP, Unassigned, TOS, HighTTL},       // timestamps
	{Usual, NoTimestamps, NoScale, OldTimestamp, NewTimestamp, ECN, AccECN, FastOpen, MPTCP, Unassigned, TOS, HighTTL}, // SACK
	{Usual, NoTimestamps, NoSACK, OldTimestamp, NewTimestamp, ECN, AccECN, FastOpen, MPTCP, Unassigned, TOS, HighTTL},  // window scale
	{FastOpen}, {MPTCP}, {Unassigned}, {FastOpen, MPTCP, Unassigned}, {MPTCP, Unassigned}, {FastOpen, Unassigned}, {FastOpen, MPTCP},
	{Usual, NoTimestamps, NoSACK, NoScale, OldTimestamp, NewTimestamp, ECN, AccECN, FastOpen, MPTCP, Unassigned, TOS, HighTTL}, // whatever has more than MSS
}

func optionDrops() (list []Variant) {
	for _, hit := range optionLooks {
		for _, d := range []*dist{silent, eitherReset} {
			v := byLook(d, hit...)
			if hit[0] == Usual { // then traces are of such SYNs
				v.Rules = append(v.Rules, tracesOfUsual(d))
			}
			list = append(list, v)
		}
	}
	return list
}

// tracesOfUsual: traces to the target end where its SYNs do.
func tracesOfUsual(d *dist) rule {
	if d == silent {
		return targetTraces(of(share{TraceDies, 0}, share{TraceReaches, 0.3}))
	}
	return targetTraces(of(share{TraceNear, 0}, share{TraceReaches, 0.5}))
}

// idleTimeouts: what was quiet for so long is dropped, or reset.
func idleTimeouts(after ...time.Duration) (list []Variant) {
	for _, d := range after {
		dead := func(t *Trial) bool { return t.Kind == Idle && t.Pause > d }
		list = append(list, rules(when(dead, of(share{IdleDead, 0}, share{IdleReset, 0.01}))), rules(when(dead, of(share{IdleReset, 0}, share{IdleDead, 0.05}))))
	}
	return list
}

func oldConnections(shares ...float64) (list []Variant) {
	for _, p := range shares {
		list = append(list, rules(partly(toTarget, perFlow, p, of(share{Challenge, 0}, share{SYNACK, 0.4}))), rules(partly(toTarget, perTrial, p, only(Challenge))))
	}
	return list
}

// eitherReset is a reset of the host's or of somebody's on the way.
var eitherReset = of(share{Reset, 0}, share{ResetNear, 0.5})
