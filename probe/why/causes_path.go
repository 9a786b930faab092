package why

// pathCauses are networks that lose packets: at random, on some paths, beyond a rate, or for want of room.
func pathCauses() []Cause {
	return []Cause{
		{
			Code: PathOneOfSeveral, Title: "one of several paths to it is dead or loses packets", Prior: 1.2,
			Variants: variants(severalPaths()...),
			Where:    sticky, Needs: []string{"flows", "flows", "distance"}, Advice: "Ask who runs the routers named: a link of a bundle, or one next hop of an ECMP group, fails and was not taken out. Flows that hash on it fail always, others never.",
			Commands: commands("ping -c 40 --flow vary %s", "trace --paths %s"),
		},
		{
			Code: PathLoss, Title: "packets are lost at random on the way", Prior: 1.2,
			Variants: variants(losses(0.045, 0.07, 0.11, 0.16, 0.23, 0.32, 0.45, 0.6)...),
			Where:    deathOf, Advice: "Ask who runs the network where the trace begins to lose: an overloaded link, a bad cable or radio, a policer.",
			Commands: commands("ping -c 200 %s", "trace --queries 10 %s"),
		},
		{
			Code: PathReturnLoss, Title: "the host's answers are lost on their way back", Prior: 0.8,
			Variants: variants(returnLosses(0.07, 0.11, 0.16, 0.23, 0.32, 0.45, 0.6, 0.75, 0.9)...),
			Advice:   "SYNs arrive (the host retransmits its SYN-ACK, which comes a second late), answers are lost. The way back may be another than the way there: ask for a trace from the host to here.",
			Commands: commands("handshake --watch 4s %s", "ping -c 100 %s"),
		},
		{
			Code: PathSYNRateLimit, Title: "SYNs beyond a rate are dropped, or rejected", Prior: 1.8,
			Variants: variants(buckets()...),
			Words:    banWords,
			Advice:   "A policer, a firewall's SYN protection or the host's own limit refuses what exceeds it. Spread connections, reuse them, or have the limit raised for this source.",
			Commands: commands("ping -c 60 -i 5ms --flow vary %s", "ping -c 20 -i 1s --flow vary %s"),
		},
		{
			Code: PathConntrackFull, Title: "a router's connection tracking table is full: new connections fail, open ones live", Prior: 1,
			Variants: variants(conntracks(portions()...)...),
			Where:    deathOf, Advice: "Ask who runs the firewall or NAT on the way to look at its connection table: its size, its timeouts, and who fills it.",
			Commands: commands("ping -c 60 --flow vary %s"),
		},
	}
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

// leastBanned is how many SYNs in a row, the last of a run, are seen to fail before a
// limit is called a ban.
const leastBanned = 12

// banWords tell of a limit after which nothing passes any more.
func banWords(k *Knowledge) (title, advice string) {
	passed, failed := 0, 0
	k.each(toTarget, func(t *Trial) {
		if failed++; !t.Outcome.fails() {
			passed, failed = passed+1, 0
		}
	})
	if passed == 0 || failed < leastBanned {
		return "", ""
	}
	return "after so many SYNs nothing of this source passes any more: it is banned for a while",
		"Something counts connections and locks out who makes many in a short time (fail2ban, the recent match of iptables, an intrusion prevention system, a host's own limit). This run has set it off, so wait some minutes before you try again; have this source excepted, or share connections. A port that failed before this run may have been banned for the same reason."
}

// conntracks: the first packet of a flow gets an entry, or is dropped.
func conntracks(shares ...float64) (list []Variant) {
	ofPort := func(t *Trial) bool { return toTarget(t) || isKind(ACK, Target)(t) || isKind(FIN, Target)(t) }
	for _, p := range shares {
		dies := tracesThrough(p, func(t *Trial) bool { return t.Kind == Trace })
		list = append(list, rules(router(), partly(toHost, perTrial, p, silent), dies), rules(router(), partly(anySYN, perTrial, p, silent), dies),
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
