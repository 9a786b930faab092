package paths

import (
	"fmt"
	"net/netip"

	"synscope/probe"
)

// mostWide is how many interfaces may answer at one hop before an exploration ends: an
// attacker who answers each probe from another address would prolong it until no ports are
// left. The widest hops of the Internet that surveys report have about a hundred (Vermeulen
// et al., Multilevel MDA-Lite Paris Traceroute, IMC 2018).
const mostWide = 128

// crowd is the first TTL at which more than that answer, 0 if none.
func (g *graph) crowd() (ttl int) {
	for ttl, level := range g.levels {
		if len(answering(level)) > mostWide {
			return ttl
		}
	}
	return 0
}

// answering are the addresses that answered at a hop: not the silence that stands where
// there may be more.
func answering(level []*vertex) map[netip.Addr]bool {
	found := map[netip.Addr]bool{}
	for _, v := range level {
		if v.place.addr.IsValid() && !v.silent {
			found[v.place.addr] = true
		}
		for _, m := range v.members {
			found[m.addr] = true
		}
	}
	return found
}

// crowded says why the exploration ended.
func crowded(ttl int) probe.Finding {
	return probe.Finding{
		Code: "hop-crowded", Severity: probe.SeverityWarning,
		Text: fmt.Sprintf("more than %d addresses answered at hop %d, more than surveys have seen at any: somebody seems to answer in made-up names; nothing more was sent",
			mostWide, ttl),
	}
}
