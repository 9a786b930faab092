package why

import (
	"fmt"
	"net/netip"

	"synscope/internal/binomial"
)

// noCause is the verdict that nothing is wrong.
func noCause() []Cause {
	return []Cause{
		{
			Code: Healthy, Title: "nothing is wrong", Prior: 6,
			Variants: variants(rules()),
			Words:    healthyWords,
			Advice:   "Nothing, on this evidence. If it fails for others, run this where they are; if it fails now and then, run it longer (--budget 4000,10m) or at the hour at which it fails.",
			Commands: commands("ping -c 100 --flow vary %s"),
		},
	}
}

// healthyWords say what was unusual although nothing is wrong, and what share of slow
// connections is still possible after so few trials.
func healthyWords(k *Knowledge) (title, advice string) {
	if k.count(func(t *Trial) bool { return t.opens(Target) && t.Outcome != NotMade }) == 0 {
		return "nothing is wrong, but no connection was tried that would tell", ""
	}
	if n, from := k.overruled(); n > 0 {
		return fmt.Sprintf("the port is open, although %s drew an ICMP error from %s before the host answered", countOf(n, "SYN"), from),
			"Ask who runs the sender of the ICMP errors why it sends them: what it says cannot be reached can. connect(2) of Linux gives up at such an error while it waits for the SYN-ACK, so that clients may fail."
	}
	if to := k.translated(); to.IsValid() {
		return fmt.Sprintf("connections work, and this machine's own NAT sends them to %s: what is there answers in the host's name", to), translatedAdvice
	}
	if n := k.hungUp(); n > 0 {
		return "connections work, and the host ends each of them without a word",
			fmt.Sprintf("Look at the program, or at what is behind it: %s were ended by the host before either side had said anything. "+
				"A forwarder with nothing behind it does that (a container's published port, ssh -L, a balancer without backends), and so does a program that serves others and not this address.", countOf(n, "connection"))
	}
	if k.relabelled() {
		return "connections work, and this machine's own NAT changes the ports that they leave from",
			"Nothing, if that is meant (nft list ruleset, masquerade or snat; iptables -t nat -L). Whether a rule sends them to another host as well (redirect, dnat) was not seen: look there."
	}
	if few := slowWhere(k); few != "" {
		return "nothing is wrong with most connections, but " + few,
			"So few slow ones may be chance: a busy moment of the host, or of the network. If they matter, look again for longer (--budget 4000,10m): whether they keep to one backend, or to a time, shows only in many."
	}
	if k.count(func(t *Trial) bool { return t.Kind == Reuse && t.Role == Target && t.Outcome == Challenge }) > 0 {
		return "nothing is wrong; a port of a connection just closed is answered by an ACK for a while (TIME_WAIT, as RFC 9293 has it)",
			"Nothing, on this evidence. A client that fixes its source port connects a second later: it should let the host close last, or take another port."
	}
	if bound := k.slowBound(); bound != "" {
		return "nothing is wrong", "Nothing, on this evidence. " + bound + " If it fails for others, run this where they are; if it fails or is slow now and then, run it longer (--budget 4000,10m) or at the hour at which it is."
	}
	return "", ""
}

// leastHungUp is from how many connections on that the host ended each says something of the next.
const leastHungUp = 3

// hungUp counts the connections that were left alone, where the host ended each of them without a word; 0: not each.
func (k *Knowledge) hungUp() int {
	held := func(t *Trial) bool { return t.Kind == Hold && t.Role == Target && t.Outcome == Acked }
	all, ended := k.count(held), k.count(func(t *Trial) bool { return held(t) && t.Reply.HungUp })
	if ended < all || all < leastHungUp {
		return 0
	}
	return all
}

// leastBound is how many connections it takes to state a bound on the share of slow ones:
// with fewer it is above a half.
const leastBound = 5

// slowBound says what share of slow connections is possible although none was seen; "" after
// too few trials. The time of a program that sends nothing was not measured.
func (k *Knowledge) slowBound() string {
	worked := func(t *Trial) bool { return t.Kind == Connect && t.Role == Target && t.Outcome == Acked }
	opened, spoke := k.count(worked), k.count(func(t *Trial) bool { return worked(t) && t.Reply.Answer > 0 })
	switch {
	case slowWhere(k) != "":
		return ""
	case spoke >= leastBound:
		return boundOf("Of %s none was slow", spoke)
	case opened >= leastBound:
		return boundOf("Of %s no handshake was slow", opened) + " The program itself said nothing, so how long it takes was not measured."
	}
	return ""
}

// boundOf is a sentence about n connections of which none was slow, and what share of slow ones they leave possible.
func boundOf(format string, n int) string {
	return fmt.Sprintf(format+", so that at 95 %% fewer than %.0f %% are.", countOf(n, "connection"), 100*binomial.UpperBound(n, 0, 0.95))
}

// overruled counts the SYNs whose answer came after an ICMP error, and names a sender of those.
func (k *Knowledge) overruled() (n int, from netip.Addr) {
	k.each(toTarget, func(t *Trial) {
		if t.Outcome.answered() && t.Reply.Overruled.IsValid() {
			n, from = n+1, t.Reply.Overruled
		}
	})
	return n, from
}

// noneOfThese is the verdict that no cause of the others fits.
func noneOfThese() []Cause {
	return []Cause{
		{
			Code: Unknown, Title: "none of the known causes fits", Prior: 0.5,
			Variants: variants(rules(&frequencies{}), rules(&frequencies{by: byHistory}), rules(&frequencies{by: byTime})),
			Advice:   "See what repeats in the evidence. A capture at the far side (tcpdump on the host) beside this run, another vantage point, or a longer run (--budget) would tell more.",
			Commands: commands("why --budget 4000,5m %s"),
		},
	}
}
