package why

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// firewallCauses are boxes on the way that drop, reject, reset or answer what is sent to the host, and
// routers that have no route to it.
func firewallCauses() []Cause {
	return []Cause{
		{
			Code: PathFirewallDrop, Title: "a firewall on the way drops SYNs silently", Prior: 1.6,
			Variants: variants(
				rules(router(), when(toTarget, silent), when(isKind(ACK, Target), silent), targetTracesBy(dyingOnPath), traces(usualTrace), hostAlive()),
				rules(router(), when(toTarget, silent), targetTracesBy(dyingOnPath), traces(usualTrace), hostAlive(), listens()),
				oneWay(0.97), bytesDropped(),
				rules(router(), when(toHost, silent), traces(diesOnPath)),
				rules(router(), when(toHostTCP, silent), traces(diesOnPath))),
			Words: oneWayWords, Where: deathOf, Needs: []string{"distance"}, Advice: "Ask who runs the box behind the last hop that answered to allow this port from this source, and whether that is meant.",
			Commands: commands("trace %s", "scan --reason %s"),
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
			Commands: commands("scan --reason %s", "trace %s"),
		},
		{
			Code: PathFirewallReset, Title: "a firewall on the way resets connections in the host's name", Prior: 1.2,
			Variants: variants(
				rules(router(), when(toTarget, of(share{ResetNear, 0}, share{Reset, 0.05})), targetTraces(nearTrace), traces(usualTrace), hostAlive()),
				rules(router(), when(toTarget, of(share{ResetNear, 0}, share{Reset, 0.05})), targetTraces(usualTrace), traces(usualTrace), hostAlive()),
				rules(router(), when(toTarget, of(share{ResetNear, 0}, share{Reset, 0.05})), when(isKind(SYN, Closed), of(share{ResetNear, 0}, share{Reset, 0.3})), traces(nearTrace))),
			Where: answerer, Advice: "The reset does not come from the host. Ask who runs the box at that hop.",
			Commands: commands("trace %s", "handshake %s"),
		},
		{
			Code: PathInjectedReset, Title: "somebody on the way injects resets into connections that the host accepts", Prior: 0.8,
			Variants: variants(
				rules(when(toTarget, of(share{ResetToo, 0}, share{ResetNear, 0.05}, share{SYNACK, 0.05}))),
				rules(partly(toTarget, perTrial, 0.5, of(share{ResetToo, 0}, share{ResetNear, 0.05}))),
				cutOff(1, only(ResetBy)), cutOff(0.5, only(ResetBy)), cutOff(1, of(share{ResetOnACK, 0}, share{ResetBy, 0.1}))),
			Where: answerer, Words: cutWords, Advice: "The host answers, and a reset comes with it that is not the host's. Ask who runs the network at that hop; encrypted or tunnelled connections may pass.",
			Commands: commands("handshake --repeat 5 %s"),
		},
		{
			Code: PathProxy, Title: "something on the way answers in the host's name", Prior: 0.8,
			Variants: variants(
				proxy(nearer, only(ISNStays)), proxy(nearer, only(ISNMoves)), proxy(of(share{SYNACK, 0}, share{Near, 0.02}), only(ISNMoves))),
			Words: translatedWords, Where: translator, Advice: "Handshakes end at a proxy, SYN proxy or load balancer, not at the host: that a port is open says nothing of the program behind. Look there for what fails.",
			Commands: commands("handshake %s", "trace %s"),
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
		when(isKind(DuplicateSYN, Target), of(share{ISNStays, 0}, share{ISNMoves, 0.1})),
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

// rejects is a firewall that answers SYNs to the port, and perhaps all segments, with d.
func rejects(d *dist, more ...rule) Variant {
	return rules(append(more, when(toTarget, d),
		&choice{of: func(t *Trial) bool { return t.Role == Target && (t.Kind == ACK || t.Kind == FIN) }, ways: []mode{{p: 0.6, d: always(d)}, {p: 0.4, d: usual}}},
		targetTraces(of(share{TraceDies, 0}, share{TraceReaches, 0.5})))...)
}

// unrouted are the settings of a router that has no way to the host, or one that leads
// in a circle. How often it says so is limited in rate (RFC 1812 §4.3.2.8).
func unrouted() (list []Variant) {
	for _, quiet := range []float64{0.01, 0.2, 0.5, 0.8, 0.93} {
		list = append(list,
			rules(router(), when(toHost, of(share{Expired, 0}, share{Silence, quiet})), traces(circles)),
			rules(router(), when(toHost, of(share{NoWay, 0}, share{Silence, quiet})), traces(refused)),
			rules(router(), when(toHost, of(share{HostUnreachable, 0}, share{Silence, quiet})), traces(refused)))
	}
	return list
}

var (
	circles = of(share{TraceLoops, 0}, share{TraceDies, 0.2}, share{TraceSilent, 0.1}, share{TraceReaches, 0.1})
	refused = of(share{TraceRefused, 0}, share{TraceDies, 0.2}, share{TraceSilent, 0.15}, share{TraceReaches, 0.1})
)

// rejectWords say what a router's ICMP errors mean.
func rejectWords(k *Knowledge) (title, advice string) {
	switch {
	case k.outcome(Expired) > 0:
		return "routers send the packets round in a circle until their TTL runs out (a routing loop)",
			"Ask who runs the routers named: their routes to this address lead to each other. Either the network behind them is gone and they fall back on their default routes, or a change has not settled yet."
	case k.outcome(NoWay) > 0 || k.trace(TraceRefused):
		return "a router has no route to the host, or is told to refuse it",
			"Ask who runs the router named for its route to this address: it is missing, withdrawn because the link behind it is down, or an unreachable (reject) route. No firewall is needed for that."
	}
	return "", ""
}

// rejecter says where packets are sent back, or go round.
func rejecter(k *Knowledge) string {
	if where := k.circle(); where != "" {
		return where
	}
	if where := k.refuser(); where != "" {
		return where
	}
	return answerer(k)
}

// circle names the routers between which packets go round.
func (k *Knowledge) circle() (where string) {
	k.each(func(t *Trial) bool { return t.Outcome == TraceLoops }, func(t *Trial) {
		var names []string
		list := t.loop()
		for _, h := range list {
			name := "a silent one"
			if h.Addr.IsValid() {
				name = h.Addr.String()
			}
			names = append(names, name)
		}
		where = fmt.Sprintf("from hop %d on, between %s", list[0].TTL, strings.Join(names, " and "))
	})
	return where
}

// refuser names the router that says it cannot reach the target, and its hop.
func (k *Knowledge) refuser() (where string) {
	k.each(func(t *Trial) bool { return t.Outcome == TraceRefused }, func(t *Trial) {
		n := t.refusedAt()
		i := slices.IndexFunc(t.Reply.Path, func(h Hop) bool { return h.TTL == n })
		where = fmt.Sprintf("router %s, at hop %d", t.Reply.Path[i].Addr, n)
	})
	return where
}

// cutOff is a middlebox that inspects data: it lets handshakes pass, and resets a share of
// the connections when bytes follow.
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

// translator is who answers in truth, where this machine itself sends SYNs there.
func translator(k *Knowledge) string {
	if a := k.translated(); a.IsValid() {
		return "this machine: a rule of its NAT sends connections to " + a.String()
	}
	return answerer(k)
}

// translated is where this machine's own NAT sends SYNs to the target, the zero AddrPort where
// it does not, or that was not seen.
func (k *Knowledge) translated() (to netip.AddrPort) {
	k.each(toTarget, func(t *Trial) {
		if by := t.Reply.Translator; by.IsValid() && !by.Addr().IsUnspecified() {
			to = by
		}
	})
	return to
}

// relabelled tells whether this machine's own NAT changed the ports that SYNs to the target left
// from, so that nobody saw who answered them.
func (k *Knowledge) relabelled() bool {
	return k.count(func(t *Trial) bool { return t.Role == Target && t.Reply.Translator.Addr().IsUnspecified() }) > 0
}

// translatedWords tell of a proxy to which this machine redirects.
func translatedWords(k *Knowledge) (title, advice string) {
	if !k.translated().IsValid() {
		return "", ""
	}
	return "this machine's own NAT sends these connections elsewhere, and what answers there answers in the host's name",
		translatedAdvice
}

const translatedAdvice = "A rule of this machine (nft list ruleset, redirect or dnat; iptables -t nat -L) sends them there: a transparent proxy, a service mesh, a cluster's service address. That the port is open says nothing of the host: what answers may never have asked it. If the host is meant, look at that proxy, or except this destination, user or mark from the rule."

// proxy answers SYNs with d, and duplicates as again says.
func proxy(d, again *dist) Variant {
	return rules(
		&choice{of: func(t *Trial) bool { return t.Kind == SYN && t.Role == Target }, scope: perTrial, ways: []mode{{p: 1, d: always(d)}}},
		&choice{of: isKind(SYN, Closed), ways: []mode{{p: 0.3, d: always(of(share{SYNACK, 0}, share{Near, 0.3}))}, {p: 0.55, d: always(resets)}, {p: 0.15, d: always(silent)}}},
		when(isKind(DuplicateSYN, Target), again),
		&choice{of: isKind(Connect, Target), ways: []mode{{p: 0.8, d: always(connected)}, {p: 0.2, d: always(of(share{Ignored, 0}, share{ResetOnACK, 0.4}, share{SlowProgram, 0.3}))}}},
		&choice{of: isKind(Trace, Target), ways: []mode{{p: 0.75, d: always(only(TraceNear))}, {p: 0.25, d: always(only(TraceReaches))}}},
	)
}
