package why

import (
	"fmt"
	"slices"
	"strings"
)

// Here it is told what the routers' words say of their routes: packets that go round
// until their TTL runs out, and networks that a router does not know.

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

// resolvesLate predicts that the last router asks for the host's link address in vain,
// and says so some seconds later.
func resolvesLate() rule {
	return &choice{of: isFact(LateUnreachable), ways: []mode{{p: 0.55, d: always(only(Yes))}, {p: 0.25, d: always(only(No))}, {p: 0.2, d: always(of(share{Yes, 0}, share{No, 0.5}))}}}
}

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

func (k *Knowledge) outcome(o Outcome) int {
	return k.count(func(t *Trial) bool { return t.Outcome == o && t.Role != Against })
}

func (k *Knowledge) trace(o Outcome) bool { return k.outcome(o) > 0 }

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
