package why

// Rules that several causes have.

var silent = only(Silence)

// fact predicts that a fact holds.
func fact(f ...Fact) rule { return when(isFact(f...), of(share{Yes, 0}, share{No, 0.03})) }

// noFact predicts that it does not.
func noFact(f ...Fact) rule { return when(isFact(f...), of(share{No, 0}, share{Yes, 0.03})) }

// sureFact predicts a fact that cannot be mistaken.
func sureFact(f ...Fact) rule { return when(isFact(f...), of(share{Yes, 0}, share{No, 0.001})) }

// router predicts that the target is not on the link.
func router() rule { return when(isFact(OnLink), of(share{No, 0}, share{Yes, 0.06})) }

// hostAlive predicts that the host answers on ports that nobody serves, as most do.
func hostAlive() rule { return hostAliveOr(0.9) }

// hostAliveOr predicts with probability p resets on ports that nobody serves, and else
// silence.
func hostAliveOr(p float64) rule {
	return &choice{of: isKind(SYN, Closed), ways: []mode{{p: p, d: always(resets)}, {p: 1 - p, d: always(silent)}}}
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

// dyingOnPath is where traces end that a router drops: by its filter, which stands
// behind its TTL, so that the last router's looks like the host's.
func dyingOnPath(t *Trial) *dist {
	if t.far == 0 {
		return diesOnPath
	}
	return diesAt[min(max(t.far-1, 1), len(diesAt)-1)]
}

// diesAt is dyingOnPath's by the number of routers.
var diesAt = func() (list [7]*dist) {
	for n, last := range []float64{0.8, 0.8, 0.3, 0.22, 0.18, 0.15, 0.12} {
		list[n] = of(share{TraceDies, 0}, share{TraceReaches, last}, share{TraceForks, 0.02})
	}
	return list
}()

// traceWays are d where routers answer; where the last ones do not, which looks the same
// each time; and where none does.
func traceWays(d func(*Trial) *dist) []mode {
	return []mode{{p: 0.85, d: d}, {p: 0.05, d: always(lastSilent)}, {p: 0.1, d: always(noneAnswers)}}
}

var (
	lastSilent  = of(share{TraceDies, 0}, share{TraceReaches, 0.3})
	noneAnswers = of(share{TraceSilent, 0}, share{TraceReaches, 0.3})
)

// targetTracesBy is targetTraces for ways that depend on the trial.
func targetTracesBy(d func(*Trial) *dist) rule {
	return &choice{of: isKind(Trace, Target), ways: traceWays(d)}
}

// traces is a rule for traces that go like d.
func traces(d *dist) rule {
	return &choice{of: func(t *Trial) bool { return t.Kind == Trace }, ways: traceWays(always(d))}
}

// targetTraces is a rule for traces to the port in question.
func targetTraces(d *dist) rule { return targetTracesBy(always(d)) }
