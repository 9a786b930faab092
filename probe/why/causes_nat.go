package why

import (
	"fmt"
	"net/netip"
)

// natCauses come of several clients, or connections, that share one address.
func natCauses() []Cause {
	return []Cause{
		{
			Code: NATPAWS, Title: "SYNs whose timestamp is older than another client's of the same address are dropped (PAWS behind address translation)", Prior: 0.8,
			Variants: variants(
				rules(&paws{remembers: true, d: silent}), rules(&paws{d: silent}),
				rules(&paws{above: true, d: silent}), rules(&paws{above: true, remembers: true, d: silent}),
				rules(&paws{d: only(Challenge)})),
			Advice:   "Switch off net.ipv4.tcp_tw_recycle on the host (Linux before 4.12), or the like on a balancer; clients behind one NAT address must not be compared by their timestamps.",
			Commands: commands("send --flags S --opt mss=1460,sack,ts,wscale=7 %s", "send --flags S --opt mss=1460,sack,wscale=7 %s"),
		},
		{
			Code: NATOldConnection, Title: "an old connection on the same ports is in the way: the SYN draws a challenge ACK", Prior: 0.8,
			Variants: variants(oldConnections(0.1, 0.3, 0.6, 1)...),
			Where:    sticky, Advice: "Address translation hands out ports again that the host still holds. Have the NAT's timeouts made longer than the host's, or use more addresses.",
			Commands: commands("ping -c 60 --flow vary %s"),
		},
		{
			Code: NATOtherAddress, Title: "SYN-ACKs come back from another address than was asked: a translation on the way there is not undone on the way back", Prior: 0.8,
			Variants: variants(
				rules(bareFromElsewhere(), when(toTarget, fromElsewhere)),
				rules(bareFromElsewhere(), when(anySYN, fromElsewhere)),
				rules(kernelElsewhere(), partly(toTarget, perFlow, 0.5, fromElsewhere)),
				rules(kernelElsewhere(), partly(toTarget, perTrial, 0.5, fromElsewhere))),
			Where: otherAddress, Advice: "No client takes such an answer: it knows nothing of that address. Something forwards the SYN to another host, whose answer does not come back through it: a port forward used from inside its own network (hairpin; it needs source NAT as well), a balancer with direct return whose host lacks the shared address, or a second way out. Ask who runs the translation.",
			Commands: commands("handshake %s", "scan -v --reason %s"),
		},
	}
}

// fromElsewhere is an answer of another address; the kernel's own TCP does not see it.
var fromElsewhere = of(share{Elsewhere, 0}, share{Silence, 0.02})

// kernelElsewhere: what comes from another address is silence to connect(2), which tries twice.
func kernelElsewhere() rule { return partly(isKind(Kernel, Target), perTrial, 0.4, silent) }

// bareFromElsewhere are segments without a connection: an answer from another address carries no number of ours by which it could be recognised.
func bareFromElsewhere() rule {
	return &choice{of: func(t *Trial) bool { return t.Role == Target && (t.Kind == ACK || t.Kind == FIN || t.Kind == Kernel) },
		ways: []mode{{p: 0.85, d: always(silent)}, {p: 0.15, d: always(resets)}}}
}

// anySYN reports whether a trial begins with a SYN to the host.
func anySYN(t *Trial) bool { return t.opens(t.Role) && t.Role != Against }

// otherAddress names who answered.
func otherAddress(k *Knowledge) string {
	n, from := 0, netip.Addr{}
	k.each(func(t *Trial) bool { return t.Outcome == Elsewhere }, func(t *Trial) { n, from = n+1, t.Reply.From })
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s to %s: answered by %s", countOf(n, "SYN"), k.Addrs[k.focus()].Addr(), from)
}

func oldConnections(shares ...float64) (list []Variant) {
	for _, p := range shares {
		list = append(list, rules(partly(toTarget, perFlow, p, of(share{Challenge, 0}, share{SYNACK, 0.4}))), rules(partly(toTarget, perTrial, p, only(Challenge))),
			rules(partly(toTarget, perFlow, p, of(share{WrongACK, 0}, share{SYNACK, 0.4}))))
	}
	return list
}
