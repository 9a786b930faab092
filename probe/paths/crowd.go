package paths

import (
	"fmt"

	"synscope/probe"
)

// mostWide is how many interfaces may answer at one hop until an exploration ends: a
// stranger who answers each probe in another name would have it go on for as long as
// there are ports. The widest hops of the Internet that surveys report have about a
// hundred (Vermeulen et al., Multilevel MDA-Lite Paris Traceroute, IMC 2018).
const mostWide = 128

// crowd is the first TTL at which more than that answer, 0 if none.
func (g *graph) crowd() (ttl int) {
	for ttl, level := range g.levels {
		n := 0
		for _, v := range level {
			n += max(1, len(v.members))
		}
		if n > mostWide {
			return ttl
		}
	}
	return 0
}

// crowded says why the exploration ended.
func crowded(ttl int) probe.Finding {
	return probe.Finding{
		Code: "hop-crowded", Severity: probe.SeverityWarning,
		Text: fmt.Sprintf("more than %d addresses answered at hop %d, which no network has: somebody answers in made-up names; nothing more was sent",
			mostWide, ttl),
	}
}
