package why

func pathCauses() []Cause {
	return []Cause{
		{
			Code: PathOneOfSeveral, Title: "one of several paths to it is dead or loses packets", Prior: 1.2,
			Variants: variants(severalPaths()...),
			Where:    sticky, Needs: []string{"flows", "flows", "distance"}, Advice: "Ask who runs the routers named: a link of a bundle, or one next hop of an ECMP group, fails and was not taken out. Flows that hash on it fail always, others never.",
			Again: commands("ping -c 40 --flow vary %s", "trace --paths %s"),
		},
		{
			Code: PathLoss, Title: "packets are lost at random on the way", Prior: 1.2,
			Variants: variants(losses(0.045, 0.07, 0.11, 0.16, 0.23, 0.32, 0.45, 0.6)...),
			Where:    deathOf, Advice: "Ask who runs the network where the trace begins to lose: an overloaded link, a bad cable or radio, a policer.",
			Again: commands("ping -c 200 %s", "trace --queries 10 %s"),
		},
		{
			Code: PathReturnLoss, Title: "the host's answers are lost on their way back", Prior: 0.8,
			Variants: variants(returnLosses(0.07, 0.11, 0.16, 0.23, 0.32, 0.45, 0.6, 0.75, 0.9)...),
			Advice:   "SYNs arrive (the host repeats its SYN-ACK, and the second comes a second late), answers are lost. The way back may be another than the way there: ask for a trace from the host to here.",
			Again:    commands("handshake --watch 4s %s", "ping -c 100 %s"),
		},
		{
			Code: PathSYNRateLimit, Title: "SYNs beyond a rate are dropped, or rejected", Prior: 1.8,
			Variants: variants(buckets()...),
			Words:    banWords,
			Advice:   "A policer, a firewall's SYN protection or the host's own limit refuses what exceeds it. Spread connections, reuse them, or have the limit raised for this source.",
			Again:    commands("ping -c 60 -i 5ms --flow vary %s", "ping -c 20 -i 1s --flow vary %s"),
		},
		{
			Code: PathConntrackFull, Title: "a router's connection tracking table is full: new connections fail, open ones live", Prior: 1,
			Variants: variants(conntracks(portions()...)...),
			Where:    deathOf, Advice: "Ask who runs the firewall or NAT on the way to look at its connection table: its size, its timeouts, and who fills it.",
			Again: commands("ping -c 60 --flow vary %s"),
		},
		{
			Code: PathFirewallDrop, Title: "a firewall on the way drops SYNs silently", Prior: 1.6,
			Variants: variants(
				rules(router(), when(toTarget, silent), when(isKind(ACK, Target), silent), targetTracesBy(dyingOnPath), traces(usualTrace), hostAlive()),
				rules(router(), when(toTarget, silent), targetTracesBy(dyingOnPath), traces(usualTrace), hostAlive(), listens()),
				oneWay(0.97), bytesDropped(),
				rules(router(), when(toHost, silent), traces(diesOnPath)),
				rules(router(), when(toHostTCP, silent), traces(diesOnPath))),
			Words: oneWayWords, Where: deathOf, Needs: []string{"distance"}, Advice: "Ask who runs the box behind the last hop that answered to allow this port from this source, and whether that is meant.",
			Again: commands("trace %s", "scan --reason %s"),
		},
		{
			Code: PathFirewallReject, Title: "a router rejects the connection with an ICMP error", Prior: 1.2,
			Variants: variants(append(unrouted(),
				rejects(of(share{Prohibited, 0}, share{Silence, 0.005})),
				rejects(of(share{Prohibited, 0}, share{Silence, 0.4})), // ICMP errors are limited in rate
				rejects(of(share{HostUnreachable, 0}, share{Silence, 0.005}), hostAlive()),
				rejects(of(share{HostUnreachable, 0}, share{Silence, 0.4}), hostAlive()),
				rules(when(toHost, of(share{Prohibited, 0}, share{Silence, 0.005}))),
				rejects(of(share{NoWay, 0}, share{Silence, 0.005}), hostAlive()),
				rejects(of(share{NoWay, 0}, share{Silence, 0.4}), hostAlive()),
				rules(when(toHost, of(share{Prohibited, 0}, share{Silence, 0.4}))))...),
			Where: rejecter, Words: rejectWords, Needs: []string{"distance"}, Advice: "Ask who runs the router named to allow this port from this source.",
			Again: commands("scan --reason %s", "trace %s"),
		},
		{
			Code: PathFirewallReset, Title: "a firewall on the way resets connections in the host's name", Prior: 1.2,
			Variants: variants(
				rules(router(), when(toTarget, of(share{ResetNear, 0}, share{Reset, 0.05})), targetTraces(nearTrace), traces(usualTrace), hostAlive()),
				rules(router(), when(toTarget, of(share{ResetNear, 0}, share{Reset, 0.05})), targetTraces(usualTrace), traces(usualTrace), hostAlive()),
				rules(router(), when(toTarget, of(share{ResetNear, 0}, share{Reset, 0.05})), when(isKind(SYN, Closed), of(share{ResetNear, 0}, share{Reset, 0.3})), traces(nearTrace))),
			Where: answerer, Advice: "The reset does not come from the host. Ask who runs the box at that hop.",
			Again: commands("trace %s", "handshake %s"),
		},
	}
}

// oneWay is a firewall that remembers connections and sees one direction of them only:
// SYNs pass, and of what follows, closing segments included, it knows nothing. So the
// host's half of the connection stays half open, and it answers the same SYN alike.
func oneWay(p float64) Variant {
	return rules(router(),
		partly(func(t *Trial) bool {
			return t.Role == Target && (t.Kind == Connect || t.Kind == Hold || t.Kind == Large || t.Kind == Idle)
		}, perTrial, p, only(Ignored)),
		when(isKind(Again, Target), of(share{ISNStays, 0}, share{ISNMoves, 0.1})),
		when(isKind(ACK, Target), of(share{Silence, 0}, share{Reset, 0.1})),
		when(isKind(Kernel, Target), of(share{Acked, 0}, share{Silence, 0.4})),
		when(isKind(Reuse, Target), of(share{SYNACK, 0}, share{Silence, 0.3}, share{Challenge, 0.3})))
}

// bytesDropped is a firewall that lets handshakes pass, looks into what follows and drops it.
func bytesDropped() Variant {
	return rules(router(), when(func(t *Trial) bool {
		return t.Role == Target && (t.Kind == Connect || t.Kind == Large || t.Kind == Idle)
	}, only(Ignored)), when(isKind(Hold, Target), held))
}

// oneWayWords tell of connections that end after the handshake's second segment, or third.
func oneWayWords(k *Knowledge) (title, advice string) {
	if k.outcome(Ignored) == 0 || k.outcome(Ignored) < k.outcome(Silence) {
		return "", ""
	}
	if k.count(func(t *Trial) bool { return t.Kind == Hold && t.Role == Target && t.Outcome == Acked }) > 0 {
		return "a firewall on the way lets handshakes pass and drops the bytes that follow",
			"The host takes every connection, and nothing that is said in it arrives. Something looks into connections and drops those that it does not know or want: an application firewall, an intrusion prevention system, a censor. Ask who runs the network between; encrypted or tunnelled connections may pass."
	}
	return "a firewall on the way lets SYNs pass and drops what follows",
		"The host answers every SYN, and nothing behind it arrives. A firewall that remembers connections does that where it sees one direction only (asymmetric routing: SYN-ACKs come back another way), or where its table lost them. Ask who runs it for the way back, or to let both directions pass through the same box. What was opened stays half open at the host until it gives up."
}

// router predicts that the target is not on the link.
func router() rule { return when(isFact(OnLink), of(share{No, 0}, share{Yes, 0.06})) }

// hostAlive predicts that the host answers on ports that nobody serves.
func hostAlive() rule {
	return &choice{of: isKind(SYN, Closed), ways: []mode{{p: 0.9, d: always(resets)}, {p: 0.1, d: always(silent)}}}
}

// listens predicts how a port answers on which a program listens, when it is not
// asked with a SYN.
func listens() rule {
	return &choice{of: func(t *Trial) bool { return t.Role == Target && (t.Kind == ACK || t.Kind == FIN) }, scope: perTrial,
		ways: []mode{{p: 1, d: func(t *Trial) *dist {
			if t.Kind == ACK {
				return resets
			}
			return silent
		}}}}
}

// severalPaths: a share of the flows is hit, whatever port of the host they go to.
func severalPaths() (list []Variant) {
	for _, share := range []float64{0.125, 0.25, 0.4, 0.5, 0.7} {
		for _, bad := range []float64{1, 0.7, 0.4} {
			list = append(list, rules(router(), anyway(LateUnreachable), pathOf(share, bad)))
		}
	}
	return list
}

// pathOf is a rule by which flows are on a bad path, where they are lost so often,
// and die in a trace.
func pathOf(p, bad float64) rule {
	silent3 := bad * bad * bad // of two hops asked twice, about
	dies := of(share{TraceReaches, 0}, share{TraceDies, 0.45 * silent3}, share{TraceForks, 0.45 * silent3})
	if bad == 1 {
		dies = diesAside
	}
	hit := func(t *Trial) *dist {
		switch {
		case t.Kind == Trace:
			return dies
		case bad == 1:
			return silent
		}
		return nil
	}
	return &choice{
		of:    func(t *Trial) bool { return t.Kind <= FIN || t.opens(t.Role) || t.Kind == Trace },
		scope: perFlow,
		ways:  []mode{{p: p, d: hit, lost: bad}, {p: 1 - p, d: usual}},
	}
}

func losses(shares ...float64) (list []Variant) {
	for _, p := range shares {
		list = append(list, Variant{Loss: &loss{p, p}}, Variant{Loss: &loss{p, 0.005}}, Variant{Loss: &loss{p, p / 2}})
	}
	return list
}

func returnLosses(shares ...float64) (list []Variant) {
	for _, p := range shares {
		list = append(list, Variant{Loss: &loss{0.002, p}}, Variant{Loss: &loss{0.012, p}})
	}
	return list
}

// refusals are answers to what exceeds a limit.
var refusals = []*dist{resets, only(ResetNear), only(Prohibited), only(RejectedByHost)}

// buckets are rate limits of SYNs: on this port, or on all of the host.
func buckets() (list []Variant) {
	toAny := func(t *Trial) bool { return t.opens(t.Role) && t.Role != Against }
	for rate := 1.4; rate < 90; rate *= 1.2 {
		for _, of := range []func(*Trial) bool{toTarget, toAny} {
			list = append(list, rules(&bucket{of: of, rate: rate, d: silent, threshold: threshold{step: 0.08, blur: 0.25}}))
		}
	}
	for _, rate := range []float64{0, 0, 0, 0, 0.05, 0.12, 0.25, 0.45, 0.7, 1} { // of minutes; 0: who sent too many is banned
		list = append(list, rules(&bucket{of: toTarget, rate: rate, d: silent, threshold: threshold{step: 0.08, blur: 0.25}}))
	}
	for _, d := range refusals {
		list = append(list, rules(&bucket{of: toTarget, d: d, threshold: threshold{step: 0.08, blur: 0.25}}))
	}
	for rate := 1.4; rate < 90; rate *= 1.44 { // some answer what exceeds it
		for _, d := range refusals {
			list = append(list, rules(&bucket{of: toTarget, rate: rate, d: d, threshold: threshold{step: 0.08, blur: 0.25}}))
		}
	}
	return list
}

// conntracks: the first packet of a flow gets an entry, or is dropped.
func conntracks(shares ...float64) (list []Variant) {
	anySYN := func(t *Trial) bool { return t.opens(t.Role) && t.Role != Against }
	ofPort := func(t *Trial) bool { return toTarget(t) || isKind(ACK, Target)(t) || isKind(FIN, Target)(t) }
	for _, p := range shares {
		dies := tracesThrough(p, func(t *Trial) bool { return t.Kind == Trace })
		list = append(list, rules(router(), partly(newFlow, perTrial, p, silent), dies), rules(router(), partly(anySYN, perTrial, p, silent), dies),
			rules(router(), partly(ofPort, perTrial, p, silent), tracesThrough(p, isKind(Trace, Target))))
	}
	return list
}

// tracesThrough are traces by way of a box that drops a share of the SYNs. A hop is asked
// twice, and a trace dies where the last router and the host keep silent; or the host
// alone, where the box is the last router.
func tracesThrough(p float64, these func(*Trial) bool) rule {
	dies := func(p float64) func(*Trial) *dist {
		return always(of(share{TraceReaches, 0}, share{TraceDies, p}, share{TraceForks, 0.002}))
	}
	return &choice{of: these, ways: []mode{{p: 0.6, d: dies(p * p * p * p)}, {p: 0.25, d: dies(p * p)}, {p: 0.05, d: always(lastSilent)}, {p: 0.1, d: always(noneAnswers)}}}
}

// rejects is a firewall that answers SYNs to the port, and perhaps all segments, with d.
func rejects(d *dist, more ...rule) Variant {
	return rules(append(more, when(toTarget, d),
		&choice{of: func(t *Trial) bool { return t.Role == Target && (t.Kind == ACK || t.Kind == FIN) }, ways: []mode{{p: 0.6, d: always(d)}, {p: 0.4, d: usual}}},
		targetTraces(of(share{TraceDies, 0}, share{TraceReaches, 0.5})))...)
}
