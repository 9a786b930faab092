package why

// hostCauses sit at the host itself.
func hostCauses() []Cause {
	return []Cause{
		{
			Code: HostDown, Title: "the host is down, or not at this address", Prior: 1.4,
			Variants: variants(
				rules(resolvesLate(), when(toHost, of(share{HostUnreachable, 0}, share{Silence, 0.005})), traces(diesAtHost)),
				rules(resolvesLate(), when(toHost, of(share{HostUnreachable, 0}, share{Silence, 0.2})), traces(diesAtHost)),
				rules(resolvesLate(), when(toHost, of(share{HostUnreachable, 0}, share{Silence, 0.5})), traces(diesAtHost)),
				rules(resolvesLate(), when(toHost, of(share{Silence, 0}, share{HostUnreachable, 0.08})), traces(diesAtHost)), // those that waited for address resolution
				rules(resolvesLate(), router(), when(toHost, silent), traces(diesAtHost)),
				rules(unresolved(TargetUnresolved), fact(OnLink), nothingLeaves(), traces(only(TraceSilent)))),
			Where: deathOf, Needs: []string{"distance"}, Advice: "Look at the host itself: power, link, address. Its last router does not reach it.",
			Commands: commands("scan -sn %a", "trace %s"),
		},
		{
			Code: HostNotListening, Title: "the host is up and nothing listens on this port", Prior: 1.6,
			Variants: variants(rules(when(toTarget, resets), hostAliveOr(0.95), mostly(FIN), mostly(ACK)),
				rules(when(toTarget, resets), mostly(FIN), mostly(ACK))),
			Where: atHost, Advice: "Start the program, or look on which address and port it listens (ss -ltn on the host): 127.0.0.1 only is a common mistake.",
			Commands: commands("scan --reason %s"),
		},
		{
			Code: HostAcceptQueue, Title: "the program does not accept connections fast enough: its accept queue is full", Prior: 1.2,
			Variants: variants(acceptQueues(of(share{Ignored, 0}, share{Silence, 0.3}))...),
			Where:    atHost, Advice: "The program is stuck or too slow, or its backlog is too small. On the host: ss -ltn (Recv-Q against Send-Q), nstat -az TcpExtListenOverflows.",
			Commands: commands("handshake --repeat 5 %s"),
		},
		{
			Code: HostAcceptQueueReset, Title: "the accept queue is full, and the host resets what does not fit", Prior: 0.7,
			Variants: variants(acceptResets()...),
			Where:    atHost, Advice: "As with a full accept queue; the host resets (Linux: net.ipv4.tcp_abort_on_overflow=1).",
			Commands: commands("handshake --repeat 5 %s"),
		},
		{
			Code: HostSYNQueue, Title: "the host's queue of half-open connections is full, and it does not use cookies", Prior: 0.9,
			Variants: variants(synQueues(append(portions(), 1)...)...),
			Where:    atHost, Advice: "A SYN flood, or too small a queue. On the host: net.ipv4.tcp_syncookies=1, tcp_max_syn_backlog, ss -n state syn-recv.",
			Commands: commands("ping -c 60 --flow vary %s"),
		},
		{
			Code: HostSYNCookies, Title: "the host answers with SYN cookies: it is under a flood, or set to", Prior: 0.8,
			Variants: variants(rules(when(isKind(DuplicateSYN, Target), only(ISNStays)))),
			Where:    atHost, Advice: "Look at the host for a SYN flood (nstat -az TcpExtSyncookiesSent; ss -n state syn-recv). Cookies cost options such as window scaling when timestamps are missing.",
			Commands: commands("isn %s"),
		},
		{
			Code: HostFirewall, Title: "the host's own firewall does not let it in", Prior: 1.4,
			Variants: variants(
				rules(when(toTarget, silent), when(isKind(ACK, Target), silent), targetTraces(diesAtHost), hostAlive()),
				rejects(of(share{RejectedByHost, 0}, share{Silence, 0.005})),
				rejects(of(share{RejectedByHost, 0}, share{Silence, 0.5})),
				rejects(of(share{RejectedByHost, 0}, share{Silence, 0.005}), when(isSYNTo(Closed, Served), of(share{RejectedByHost, 0}, share{Silence, 0.005}))),
				rejects(of(share{RejectedByHost, 0}, share{Silence, 0.4}), when(isSYNTo(Closed, Served), of(share{RejectedByHost, 0}, share{Silence, 0.4}))),
				rules(when(toHostTCP, silent), traces(diesAtHost), echoes())),
			Where: atHost, Advice: "Look at the host's rules (nft list ruleset; iptables-save; a cloud's security group) for this port and this source. Where it is silent, a program that takes signed segments only (TCP MD5, as for BGP) is another reason: nstat -az TcpExtTCPMD5NotFound.",
			Commands: commands("scan --reason %s", "scan --reason -sA %s"),
		},
		{
			Code: HostConnectionLimit, Title: "the host, or a box before it, allows only so many connections of one source at a time", Prior: 1,
			Variants: variants(limits()...),
			Where:    limitWhere, Needs: []string{"hold", "hold"}, Advice: "Close or share connections, or have the limit (nft ct count, connlimit, the program's own) raised for this source.",
			Commands: commands("ping -c 30 --flow vary %s"),
		},
		{
			Code: HostTimeWait, Title: "ports of connections just closed cannot be used again (TIME_WAIT)", Prior: 0.8,
			Variants: variants(
				rules(when(isKind(Reuse, Target), silent)), rules(when(isKind(Reuse, Target), only(Reset)))),
			Where: atHost, Advice: "Do not fix the source port; let the host close last, or reuse connections. A NAT that hands the same port out too soon does this to its clients.",
			Commands: commands("ping -c 20 -g 40000 %s"),
		},
		{
			Code: HostSlow, Title: "the host accepts, and its program answers slowly", Prior: 1,
			Variants: variants(rules(when(isKind(Connect, Target), of(share{SlowProgram, 0}, share{Acked, 0.05})), when(longIdle, slowIdle)),
				rules(when(isKind(Connect, Target), of(share{SlowProgram, 0}, share{Acked, 0.05})), when(longIdle, slowIdle)),
				rules(partly(isKind(Connect, Target), perTrial, 0.82, only(SlowProgram)), partly(longIdle, perTrial, 0.82, slowIdle))),
			Where: atHost, Advice: "The network is not to blame: the handshake is fast and the program is not. Look at the host's load and at the program.",
			Commands: commands("handshake --data '\\r\\n\\r\\n' %s"),
		},
	}
}

// resolvesLate predicts that the last router asks for the host's link address in vain,
// and says so some seconds later.
func resolvesLate() rule {
	return &choice{of: isFact(LateUnreachable), ways: []mode{{p: 0.55, d: always(only(Yes))}, {p: 0.25, d: always(only(No))}, {p: 0.2, d: always(of(share{Yes, 0}, share{No, 0.5}))}}}
}

// mostly predicts that a closed port resets such segments, unless a firewall
// that knows of no connection drops them.
func mostly(k Kind) rule {
	return &choice{of: isKind(k, Target), ways: []mode{{p: 0.8, d: always(resets)}, {p: 0.2, d: always(silent)}}}
}

// echoes predicts that the host answers an echo request.
func echoes() rule {
	return &choice{of: func(t *Trial) bool { return t.Kind == Echo }, ways: []mode{{p: 0.9, d: always(only(EchoReply))}, {p: 0.1, d: always(silent)}}}
}

// acceptQueues: the queue is full all the time, most of it, or as soon as we add
// to it. What gets in then is SYN-ACKed and not taken, or dropped.
func acceptQueues(full *dist) (list []Variant) {
	completing := func(t *Trial) bool {
		return toTarget(t) && t.Kind.completes() && t.Kind != Kernel && t.Kind != Reuse
	}
	for _, p := range []float64{1, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3} { // a program that is stuck takes nothing at all
		for _, ignored := range []float64{p, 0.9} {
			list = append(list, rules(listens(), hostAlive(), targetTraces(diesAtHost),
				&choice{of: completing, scope: perTrial, ways: []mode{{p: p, d: always(silent)}, {p: (1 - p) * ignored, d: untaken}, {p: (1 - p) * (1 - ignored), d: usual}}},
				partly(toTarget, perTrial, p, silent)))
		}
	}
	list = append(list, rules(listens(), hostAlive(), partly(completing, perTrial, 0.9, full)))
	for _, step := range []float64{0.03, 0.04, 0.06, 0.12, 0.2, 0.25} {
		list = append(list, rules(listens(), hostAlive(), targetTraces(diesAtHost), &filling{threshold: threshold{step: step}, full: always(mostlyIgnored)}))
	}
	return append(list, draining(ignoredAWhile)...)
}

// untaken is what becomes of a third ACK that finds the queue full. A held connection
// is tried once more after a second.
func untaken(t *Trial) *dist {
	if t.Kind == Hold {
		return heldOrIgnored
	}
	return ignored
}

var (
	ignored       = only(Ignored)
	heldOrIgnored = of(share{Ignored, 0}, share{Acked, 0.35})
)

var mostlyIgnored = of(share{Ignored, 0}, share{Silence, 0.1})

func acceptResets() (list []Variant) {
	completing := func(t *Trial) bool {
		return toTarget(t) && t.Kind.completes() && t.Kind != Kernel && t.Kind != Reuse
	}
	for _, p := range []float64{1, 0.7, 0.4} {
		list = append(list, rules(partly(completing, perTrial, p, only(ResetOnACK)), when(isKind(Kernel, Target), connectedFirst)))
	}
	for _, step := range []float64{0.04, 0.2} {
		list = append(list, rules(listens(), hostAlive(), targetTraces(diesAtHost), &filling{threshold: threshold{step: step}, full: always(mostlyReset)}))
	}
	return append(list, draining(always(mostlyReset))...)
}

// connectedFirst: connect(2) works as soon as the SYN-ACK came, before the reset does.
var connectedFirst = of(share{Acked, 0}, share{ResetOnACK, 0.15}, share{Silence, 0.02})

var mostlyReset = of(share{ResetOnACK, 0}, share{Silence, 0.1})

// portions are shares of trials that fail by chance, close enough to each other that a
// hundred trials do not tell which is nearest.
func portions() []float64 {
	return []float64{0.15, 0.22, 0.3, 0.39, 0.48, 0.57, 0.66, 0.75, 0.84, 0.91, 0.96}
}

func synQueues(shares ...float64) (list []Variant) {
	for _, p := range shares {
		list = append(list, rules(listens(), hostAlive(), targetTraces(diesAtHost), partly(toTarget, perTrial, p, silent)))
	}
	return list
}

func limits() (list []Variant) {
	for _, step := range []float64{0.04, 0.15} {
		for _, d := range []*dist{silent, resets, only(ResetNear), only(Prohibited), only(RejectedByHost), only(ResetOnACK)} {
			list = append(list, rules(&limit{d: d, threshold: threshold{step: step, blur: 1.2}}))
		}
	}
	return list
}
