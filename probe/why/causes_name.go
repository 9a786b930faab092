package why

import (
	"fmt"
	"net/netip"
	"strings"
)

// Address is one of the addresses that a name has.
type Address struct {
	netip.AddrPort
}

// nameCauses are names with several addresses, some of which are dead.
func nameCauses() []Cause {
	return []Cause{
		{
			Code: NameDeadAddress, Title: "one of the name's addresses does not answer, others do", Prior: 1.2,
			Variants: deadAddresses,
			Words:    halfDeadWords, Where: deadWhere, Advice: "Take the address out of the DNS, or mend the host behind it: clients that try it first wait or fail.",
			Commands: shell("synscope ping -c 5 %n"),
		},
		{
			Code: NameIPv6Broken, Title: "the name's IPv6 addresses do not answer, its IPv4 ones do", Prior: 1.2,
			Variants: brokenIPv6,
			Where:    deadWhere, Advice: "Mend IPv6 on the way to the host, or take its AAAA records out: clients that try IPv6 first wait.",
			Commands: shell("synscope ping -6 -c 5 %n", "synscope ping -4 -c 5 %n"),
		},
	}
}

// deaths are the ways in which an address can be dead.
var deaths = []*dist{silent, resets, only(HostUnreachable), only(NoWay), only(Expired), only(Prohibited), only(SendRefused), only(RejectedByHost)}

// dead makes variants in which those addresses are dead.
func dead(is func(addr int) bool) (list []Variant) {
	for _, d := range deaths {
		list = append(list, rules(when(func(t *Trial) bool { return toTarget(t) && is(t.Addr) }, d)))
	}
	for _, p := range []float64{0.3, 0.65} { // half dead
		for _, d := range []*dist{silent, resets, only(HostUnreachable)} {
			list = append(list, rules(partly(func(t *Trial) bool { return toTarget(t) && is(t.Addr) }, perTrial, p, d)))
		}
	}
	return list
}

// deadAddresses: each one of several, or all but one of them.
func deadAddresses(addrs []Address) (list []Variant) {
	if len(addrs) < 2 {
		return nil
	}
	for i := range addrs {
		for _, is := range []func(int) bool{func(a int) bool { return a == i }, func(a int) bool { return a != i }} {
			if !onlyIPv6(addrs, is) && (len(addrs) > 2 || is(i)) {
				list = append(list, dead(is)...)
			}
		}
	}
	return list
}

// onlyIPv6 reports whether all IPv6 addresses are dead and no other: that is a cause of its own.
func onlyIPv6(addrs []Address, dead func(int) bool) bool {
	for i, a := range addrs {
		if dead(i) == a.Addr().Is4() {
			return false
		}
	}
	return true
}

func brokenIPv6(addrs []Address) []Variant {
	four, six := 0, 0
	for _, a := range addrs {
		if a.Addr().Is4() {
			four++
		} else {
			six++
		}
	}
	if four == 0 || six == 0 {
		return nil
	}
	return dead(func(a int) bool { return !addrs[a].Addr().Is4() })
}

// fate counts the usual SYNs to an address, and those that failed.
func (k *Knowledge) fate(addr int) (all, fail int) {
	k.each(isKind(SYN, Target), func(t *Trial) {
		if t.Addr != addr || t.Look != Usual {
			return
		}
		if all++; t.Outcome.fails() {
			fail++
		}
	})
	return all, fail
}

// deadWhere names the addresses that fail; those that do now and then where none fails mostly.
func deadWhere(k *Knowledge) string {
	var dead, half []string
	for a := range k.Addrs {
		all, fail := k.fate(a)
		switch name := k.Addrs[a].Addr().String(); {
		case 2*fail > all:
			dead = append(dead, name)
		case 5*fail > all:
			half = append(half, fmt.Sprintf("%s, of whose %s %d failed", name, countOf(all, "SYN"), fail))
		}
	}
	if len(dead) == 0 {
		dead = half
	}
	return strings.Join(dead, ", ")
}

// halfDeadWords tell of an address that fails now and then.
func halfDeadWords(k *Knowledge) (title, advice string) {
	for a := range k.Addrs {
		if all, fail := k.fate(a); all > 0 && fail == all {
			return "", ""
		}
	}
	return "one of the name's addresses answers only sometimes, others always do",
		"Run this on the address named to learn why, or take it out of the DNS until it is mended: clients that try it first wait."
}
