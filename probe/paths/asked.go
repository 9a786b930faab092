package paths

import (
	"math"
)

// asks is how many probes the stopping rule asks for, and finding the flows for it
// takes on average: see the package text.
func (g *graph) asks() int {
	share := map[*vertex]float64{g.root: 1}
	sum := 0.0
	for ttl, level := range g.levels {
		var quotas []quota
		asked, own := 0.0, 0.0
		for _, v := range level {
			for _, l := range v.next {
				share[l.to] += share[v] * l.share()
			}
			if len(v.next) > 1 && !v.spreads {
				own += repeats
			}
			if v.place.ends && !v.box {
				own += float64(len(v.before))
			}
			if v.ends() || len(v.flows) == 0 {
				continue
			}
			n := g.rule.stop(v.shown())
			asked += float64(n)
			if share[v] > 0 {
				quotas = append(quotas, quota{n, share[v]})
			}
		}
		sum += own + asked
		if ttl > 0 && len(quotas) > 0 {
			sum += max(0, filled(quotas)-g.askedAt(ttl-1))
		}
	}
	return int(math.Ceil(sum))
}

// askedAt is how many flows the rule sends through the vertices of a TTL.
func (g *graph) askedAt(ttl int) (n float64) {
	for _, v := range g.levels[ttl] {
		if !v.ends() {
			n += float64(g.rule.stop(v.shown()))
		}
	}
	return n
}

// least is how many probes the rule asks for, without what finding flows takes.
func (g *graph) least() (n int) {
	for ttl := range g.levels {
		n += int(g.askedAt(ttl))
	}
	return n
}

// confidence is the highest confidence with which the rule would have stopped where the
// exploration did; 0 where a vertex was not tried at all.
func (x *explorer) confidence(g *graph) float64 {
	worst := 0.0
	g.vertices(func(v *vertex) {
		if !v.ends() && v.ttl < x.maxHops {
			worst = max(worst, unseen(max(v.shown(), 1)+1, v.settled))
		}
	})
	return max(0, 1-worst*x.sharers(g.branches))
}
