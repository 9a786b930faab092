package why

import "time"

// backendCauses sit at one of several hosts behind a balancer.
func backendCauses() []Cause {
	return []Cause{
		{
			Code: BackendDead, Title: "one of several hosts behind this address is dead", Prior: 1.2,
			Variants: variants(append(deadBackends(0.125, 0.17, 0.25, 0.33, 0.5, 0.7), drawnAnew(0.2, 0.25, 0.33, 0.5)...)...),
			Where:    sticky, Needs: []string{"flows", "flows", "distance"}, Advice: "Ask who runs the load balancer to take the dead backend out, and why its health check does not. Where one host serves alone, a worker with a queue of its own (SO_REUSEPORT) accepts no more: ss -ltn shows which.",
			Commands: commands("ping -c 60 --flow vary %s"),
		},
		{
			Code: BackendRefusing, Title: "one of several hosts behind this address refuses connections", Prior: 1.2,
			Variants: variants(refusingBackends(0.125, 0.25, 0.33, 0.5, 0.7)...),
			Where:    sticky, Advice: "On one backend the program does not run. Ask who runs the load balancer; its health check does not see it.",
			Commands: commands("ping -c 60 --flow vary %s"),
		},
		{
			Code: BackendSlow, Title: "one of several hosts behind this address is slow", Prior: 1,
			Variants: variants(slowBackends(0.1, 0.17, 0.25, 0.33, 0.5, 0.7)...),
			Where:    slowWhere, Advice: "One backend is overloaded or far away. Ask who runs the load balancer.",
			Commands: commands("ping -c 60 --flow vary --histogram %s"),
		},
		{
			Code: BackendFlapping, Title: "what is behind this address comes and goes", Prior: 0.3,
			Variants: variants(flappings()...),
			Words:    outageWords, Where: flapWhere, Needs: []string{"time"}, Advice: "A backend or its health check flaps. Ask who runs the load balancer for its log of the minutes named.",
			Commands: commands("ping -c 300 -i 100ms --flow vary %s"),
		},
	}
}

// deadBackends: a flow always goes to the same backend, or does once it has failed; other
// ports are not affected. ACKs without a connection are balanced like SYNs, or by a table
// of connections that does not know them.
func deadBackends(shares ...float64) (list []Variant) {
	for _, p := range shares {
		dead := []mode{{p: p, d: deadBackend}, {p: 1 - p, d: usual}}
		for _, c := range []*choice{
			{of: throughHash, scope: perFlow, ways: dead},
			{of: throughTable, scope: perFlow, ways: dead},
			{of: throughTable, scope: perFlow, ways: dead, redrawn: true},
		} {
			list = append(list, rules(anyway(LateUnreachable), hostAliveOr(0.85), c))
		}
	}
	return list
}

// drawnAnew are balancers that send each SYN to a random backend, retransmitted ones too, so
// that flows do not differ. No packet distinguishes them from a middlebox or a host that drops
// a share of the SYNs to this port: they keep the verdict on those from being sure.
func drawnAnew(shares ...float64) (list []Variant) {
	for _, p := range shares {
		for _, drawn := range []func(*Trial) bool{throughTable, throughHash} {
			list = append(list, rules(anyway(LateUnreachable), hostAliveOr(0.85), &choice{of: drawn, scope: perTrial, ways: []mode{{p: p, d: deadBackend}, {p: 1 - p, d: usual}}}))
		}
	}
	return list
}

// throughTable reports whether a trial meets a balancer of the target that balances
// connections by their SYNs.
func throughTable(t *Trial) bool { return toTarget(t) || t.Role == Target && t.Kind == Trace }

// throughHash is throughTable for a balancer that knows of no connections.
func throughHash(t *Trial) bool { return throughTable(t) || isKind(ACK, Target)(t) }

func deadBackend(t *Trial) *dist {
	if t.Kind == Trace {
		return diesAtHost
	}
	return silent
}

func refusingBackends(shares ...float64) (list []Variant) {
	refusal := of(share{Reset, 0}, share{ResetNear, 0.15}, share{HostUnreachable, 0.02})
	for _, p := range shares {
		list = append(list, rules(partly(toTarget, perFlow, p, refusal)), rules(partly(toTarget, perTrial, p, refusal)))
	}
	return list
}

func slowBackends(shares ...float64) (list []Variant) {
	slow := func(t *Trial) *dist {
		switch t.Kind {
		case SYN:
			return only(SlowSYNACK)
		case Connect:
			return of(share{Acked, 0}, share{SlowProgram, 0.3})
		}
		return nil
	}
	program := func(t *Trial) *dist {
		switch {
		case t.Kind == Connect:
			return of(share{SlowProgram, 0}, share{Ignored, 0.05})
		case longIdle(t):
			return slowIdle
		}
		return nil
	}
	for _, p := range shares {
		for _, s := range []scope{perFlow, perTrial} {
			list = append(list,
				rules(&choice{of: toTarget, scope: s, ways: []mode{{p: p, d: slow}, {p: 1 - p, d: usual}}}))
		}
		list = append(list, rules(&choice{of: toTarget, scope: perTrial, ways: []mode{{p: p, d: program}, {p: 1 - p, d: usual}}}))
	}
	return list
}

// longIdle reports whether a pause is long enough to see a slow program speak.
func longIdle(t *Trial) bool { return t.Kind == Idle && t.Role == Target && t.Pause >= 2*time.Second }

// slowIdle is what such a pause shows: the program speaks late, or not by itself.
var slowIdle = of(share{SlowProgram, 0}, share{Acked, 0.3}, share{IdleClosed, 0.15})

// unreachables are what routers answer while what is behind them is unreachable: always, or
// as often as their rate limit allows.
var unreachables = func() (list []*dist) {
	for _, quiet := range []float64{0.005, 0.3} {
		for _, o := range []Outcome{HostUnreachable, Expired, NoWay} {
			list = append(list, of(share{o, 0}, share{Silence, quiet}))
		}
	}
	return list
}()

// tracesAway are the outcomes of traces where a network is unreachable at times.
var tracesAway = of(share{TraceReaches, 0}, share{TraceRefused, 0.35}, share{TraceDies, 0.1}, share{TraceLoops, 0.05})

func flappings() (list []Variant) {
	for _, t := range []time.Duration{800 * time.Millisecond, 2 * time.Second, 5 * time.Second, 15 * time.Second} {
		for _, ratio := range []float64{0.4, 1} {
			for _, d := range []*dist{silent, resets} {
				list = append(list, rules(&flapping{of: toTarget, bad: d, up: t, down: time.Duration(float64(t) * ratio), share: 0.98}))
			}
		}
		for _, d := range unreachables {
			list = append(list, rules(&flapping{of: toTarget, bad: d, up: t, down: t, share: 0.995}, targetTraces(tracesAway)))
		}
	}
	return list
}

// outageWords tell of something that went away, or came, once.
func outageWords(k *Knowledge) (title, advice string) {
	spans, since, down := k.outages()
	switch {
	case down && len(spans) == 0 && since > 0:
		return "it answered at first, and stopped in the middle of the run",
			"Run this again now: what is wrong since then is seen better by a run that begins with it. Something went down at the time named, or was changed."
	case !down && len(spans) == 1 && k.failsAtFirst():
		return "it did not answer at first, and began to in the middle of the run",
			"Something came up at the time named: a host or program that was started, a link, or a route that settled; or, within the first second, a box that drops the first SYNs of a source that it does not know. Run this again, and once more some minutes later, to see whether it lasts."
	}
	return "", ""
}

// failsAtFirst reports whether the first SYN to the target failed.
func (k *Knowledge) failsAtFirst() (fails bool) {
	known := false
	k.each(toTarget, func(t *Trial) {
		if !known {
			known, fails = true, t.Outcome.fails()
		}
	})
	return fails
}
