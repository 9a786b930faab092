package why

// What trials come to where nothing is wrong that concerns them. Hosts and
// networks have habits that are no fault: each is a choice of a few ways, which
// one or two trials settle.

var (
	synacked  = of(share{SYNACK, 0}, share{SlowSYNACK, 0.002}, share{Near, 1e-4}, share{Reset, 2e-4})
	unsteady  = of(share{SYNACK, 0}, share{SlowSYNACK, 0.05}, share{Near, 1e-4}, share{Reset, 2e-4}) // a busy machine, or link
	connected = of(share{Acked, 0}, share{SlowProgram, 0.004}, share{Ignored, 2e-4}, share{ResetOnACK, 0.001})
	held      = of(share{Acked, 0}, share{Ignored, 2e-4}, share{ResetOnACK, 0.001})
	resets    = of(share{Reset, 0}, share{ResetNear, 1e-3})
	nearer    = of(share{Near, 0}, share{SYNACK, 0.02})
)

// usualRules predict what every trial comes to without a cause.
func usualRules() []rule {
	return []rule{
		&choice{of: isKind(SYN, Target), ways: []mode{{p: 0.84, d: always(synacked)}, {p: 0.15, d: always(unsteady)}, {p: 0.01, d: always(nearer)}}},
		&choice{of: isKind(SYN, Against), ways: []mode{{p: 1, d: always(synacked)}}},
		&choice{of: isKind(SYN, Served), scope: perFlow, ways: []mode{{p: 0.3, d: always(synacked)}, {p: 0.4, d: always(resets)}, {p: 0.3, d: always(only(Silence))}}},
		&choice{of: isKind(SYN, Closed), ways: []mode{{p: 0.78, d: always(resets)}, {p: 0.15, d: always(only(Silence))}, {p: 0.03, d: always(only(Prohibited))},
			{p: 0.02, d: always(only(RejectedByHost))}, {p: 0.02, d: always(synacked)}}},
		&choice{of: isKind(ACK, Target), ways: []mode{{p: 0.8, d: always(resets)}, {p: 0.2, d: always(only(Silence))}}},
		&choice{of: isKind(FIN, Target), ways: []mode{{p: 0.85, d: always(only(Silence))}, {p: 0.15, d: always(resets)}}},
		&choice{of: func(t *Trial) bool { return t.Kind == Echo }, ways: []mode{{p: 0.75, d: always(only(EchoReply))}, {p: 0.22, d: always(only(Silence))}, {p: 0.03, d: always(only(Prohibited))}}},
		&choice{of: isKind(Connect, Target), scope: perRun, ways: []mode{{p: 0.977, d: always(connected)}, {p: 0.003, d: always(only(SlowProgram))}, {p: 0.02, d: always(only(ResetOnACK))}}},
		&choice{of: isKind(Hold, Target), ways: []mode{{p: 0.98, d: always(held)}, {p: 0.02, d: always(only(ResetOnACK))}}},
		&choice{of: isKind(Large, Target), ways: []mode{{p: 0.955, d: always(only(Acked))}, {p: 0.03, d: always(only(TooBig))}, {p: 0.015, d: always(only(ResetOnACK))}}},
		&choice{of: isKind(Idle, Target), scope: perTrial, ways: []mode{{p: 0.937, d: always(only(Acked))}, {p: 0.003, d: always(only(SlowProgram))}, {p: 0.05, d: always(only(IdleClosed))}, {p: 0.005, d: always(only(IdleReset))}, {p: 0.005, d: always(only(ResetOnACK))}}},
		&choice{of: isKind(DuplicateSYN, Target), ways: []mode{{p: 0.995, d: always(only(ISNMoves))}, {p: 0.005, d: always(only(ISNStays))}}},
		reused(),
		&choice{of: isKind(Kernel, Target), ways: []mode{{p: 1, d: always(only(Acked))}}},
		&choice{of: isFact(OnLink), ways: []mode{{p: 0.35, d: always(only(Yes))}, {p: 0.65, d: always(only(No))}}},
		&choice{of: isFact(ReversePathDrops), ways: []mode{{p: 0.9, d: always(only(No))}, {p: 0.1, d: always(only(Yes))}}}, // other traffic of this machine
		&choice{of: isFact(InterfaceDrops), ways: []mode{{p: 0.97, d: always(only(No))}, {p: 0.03, d: always(only(Yes))}}},
		&choice{of: isFact(ConntrackFull), ways: []mode{{p: 0.995, d: always(only(No))}, {p: 0.005, d: always(only(Yes))}}},
		&choice{of: func(t *Trial) bool { return t.Kind == Local }, scope: perTrial, ways: []mode{{p: 1, d: always(of(share{No, 0}, share{Yes, 0.001}))}}},
		traces(usualTrace),
	}
}

// reused predicts a SYN of a connection just closed. In TIME_WAIT it may be taken or
// answered by an ACK (RFC 9293 §3.10.7.4; lwIP does so); a client resets what that ACK tells of and
// connects a second later, so neither is a fault.
func reused() rule {
	return &choice{of: isKind(Reuse, Target), ways: []mode{{p: 0.9, d: always(of(share{SYNACK, 0}, share{Silence, 0.04}))},
		{p: 0.06, d: always(of(share{Challenge, 0}, share{Silence, 0.04}))}, {p: 0.04, d: always(only(ResetOnACK))}}}
}

// Ways of traces. That no router answers is a habit of the network, whatever the cause.
var (
	usualTrace = of(share{TraceReaches, 0}, share{TraceDies, 0.03}, share{TraceLoops, 0.0005}, share{TraceNear, 0.002}, share{TraceForks, 0.002})
	diesOnPath = of(share{TraceDies, 0}, share{TraceReaches, 0.15}, share{TraceForks, 0.03})
	diesAtHost = of(share{TraceReaches, 0}, share{TraceDies, 0.06}, share{TraceRefused, 0.01}, share{TraceForks, 0.005})
	diesAside  = of(share{TraceForks, 0}, share{TraceDies, 0.35}, share{TraceReaches, 0.25})
	nearTrace  = of(share{TraceNear, 0}, share{TraceReaches, 0.3})
)
