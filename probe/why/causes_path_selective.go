package why

import "time"

// selectiveCauses are middleboxes that drop only some packets: those with an option, a value in a
// header field, or a size, or those after a pause of their connection.
func selectiveCauses() []Cause {
	return []Cause{
		{
			Code: PathDropsOption, Title: "SYNs with a certain TCP option are dropped or reset", Prior: 1,
			Variants: variants(optionDrops()...),
			Where:    droppedLooks, Advice: "A middlebox or an old stack does not take this option. Ask who runs it; meanwhile switch the option off here (net.ipv4.tcp_timestamps, tcp_sack, tcp_window_scaling, tcp_fastopen, mptcp.enabled).",
			Commands: lookCommands,
		},
		{
			Code: PathDropsECN, Title: "SYNs that ask for ECN are dropped or reset", Prior: 0.8,
			Variants: variants(byLook(silent, ECN, AccECN), byLook(eitherReset, ECN, AccECN), byLook(silent, AccECN), byLook(silent, ECN)),
			Where:    droppedLooks, Advice: "Clients with net.ipv4.tcp_ecn=1 fail, or need a second SYN without ECN. Ask who runs the box on the way.",
			Commands: lookCommands,
		},
		{
			Code: PathDropsTOS, Title: "packets with another type of service or TTL are dropped", Prior: 0.7,
			Variants: variants(byLook(silent, TOS), byLook(eitherReset, TOS), byLook(silent, HighTTL), byLook(eitherReset, HighTTL), byLook(only(Prohibited), TOS), byLook(silent, TOS, HighTTL)),
			Where:    droppedLooks, Advice: "A policy on the way treats DSCP or TTL values unlike others. Ask who runs it, or do not mark this traffic.",
			Commands: lookCommands,
		},
		{
			Code: PathMTUBlackHole, Title: "large packets are lost, and nobody says so (path MTU black hole)", Prior: 1,
			Variants: variants(rules(largeLost()), rules(largeLost()), rules(answersLost()...), rules(append(answersLost(), largeLost())...)),
			Words:    answersLostWords, Where: mtuWhere, Advice: "Ask who filters ICMP \"fragmentation needed\"/\"packet too big\" on the way; meanwhile lower the MTU here, clamp MSS, or set net.ipv4.tcp_mtu_probing=1.",
			Commands: commands("handshake --data @FILE_OF_3000_BYTES %s"),
		},
		{
			Code: PathIdleTimeout, Title: "connections are forgotten on the way after a pause", Prior: 1,
			Variants: variants(idleTimeouts(300*time.Millisecond, 700*time.Millisecond, 1500*time.Millisecond, 3*time.Second, 6*time.Second, 10*time.Second)...),
			Where:    idleWhere, Advice: "A NAT or firewall forgets quiet connections. Use TCP keepalive below that pause, or have its timeout raised.",
			Commands: commands("handshake --data x --watch 30s %s"),
		},
	}
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

// eitherReset is a reset by the host or by a middlebox.
var eitherReset = of(share{Reset, 0}, share{ResetNear, 0.5})

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

func largeLost() rule {
	return when(isKind(Large, Target), of(share{LargeLost, 0}, share{Silence, 0.01}, share{Acked, 0.01}))
}

// answersLost: the program sends more than a segment, mostly after a request and
// perhaps after line ends; its full-sized segments do not arrive.
func answersLost() []rule {
	asked := func(t *Trial) bool { return isKind(Connect, Target)(t) && t.Sends == Request }
	other := func(t *Trial) bool { return isKind(Connect, Target)(t) && t.Sends != Request || longIdle(t) }
	return []rule{
		&choice{of: asked, ways: []mode{{p: 0.8, d: always(of(share{LargeBack, 0}, share{Acked, 0.05}))}, {p: 0.2, d: usual}}},
		&choice{of: other, ways: []mode{{p: 0.3, d: incomplete}, {p: 0.7, d: usual}}},
	}
}

// incomplete is the outcome of a connection whose program sends more than a segment.
func incomplete(t *Trial) *dist {
	if t.Kind == Idle {
		return incompleteIdle
	}
	return incompleteConnect
}

var (
	incompleteConnect = of(share{LargeBack, 0}, share{Acked, 0.05})
	incompleteIdle    = of(share{LargeBack, 0}, share{Acked, 0.1}, share{IdleClosed, 0.1}, share{IdleReset, 0.1})
)

// answersLostWords tell of large packets that are lost on their way back.
func answersLostWords(k *Knowledge) (title, advice string) {
	if k.outcome(LargeBack) == 0 {
		return "", ""
	}
	return "large answers are lost on their way back, and the host is not told (path MTU black hole)",
		"Connections open, and hang as soon as the program says more than fits into one small packet. Ask who filters ICMP \"fragmentation needed\"/\"packet too big\" between the host and here, or at the host itself; meanwhile clamp MSS at a router (to the path's MTU), or lower the MTU, or advmss of the route, here."
}
