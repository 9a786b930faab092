package why

// Here it is told what path MTU black holes do: to what we send, and to what comes back.

func largeLost() rule {
	return when(isKind(Large, Target), of(share{LargeLost, 0}, share{Silence, 0.01}, share{Acked, 0.01}))
}

// answersLost: what the program says is longer than a segment, mostly to a request and
// perhaps to line ends; what is large of it does not come.
func answersLost() []rule {
	asked := func(t *Trial) bool { return isKind(Connect, Target)(t) && t.Says == Request }
	other := func(t *Trial) bool { return isKind(Connect, Target)(t) && t.Says != Request || longIdle(t) }
	return []rule{
		&choice{of: asked, ways: []mode{{p: 0.8, d: always(of(share{LargeBack, 0}, share{Acked, 0.05}))}, {p: 0.2, d: usual}}},
		&choice{of: other, ways: []mode{{p: 0.3, d: incomplete}, {p: 0.7, d: usual}}},
	}
}

// incomplete is what becomes of a connection whose program says something long.
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
