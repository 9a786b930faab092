package loss

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// By is what losses are grouped by.
type By string

// The groupings. A flow is a source port here: the rest of the four-tuple is the
// same for the whole series.
const (
	ByPort   By = "source-port" // one port, within its parity where that tells already
	ByParity By = "parity"      // even or odd source ports, which some load balancers hash by
	ByBurst  By = "burst"       // losses follow upon losses
	ByTime   By = "time"        // a slice of the run
	ByMinute By = "minute"      // the same seconds of every minute
)

// Cluster is a group that lost more than the rest, the windows left out.
type Cluster struct {
	By         By
	Port       uint16 // of ByPort
	Even       bool   // of ByParity
	From, To   time.Time
	Second     int    // of ByMinute: the first of five
	Runs       uint64 // of ByBurst: how many the losses form
	Longest    uint64 // of those
	Sent, Lost uint64 // in the group; of ByBurst in all
	// ElsewhereSent and ElsewhereLost are the rest that it was held against.
	ElsewhereSent, ElsewhereLost uint64
	// P is how often independent losses would show as much in any group, corrected
	// for all that was tested.
	P float64
}

const (
	level    = 0.01 // of a series as a whole
	families = 5    // of groups, one a By
	// mostNamed is how many groups of a kind are named.
	mostNamed = 4
	// timeSlices is how many slices a run is parted into; fewest parts of a minute
	// are looked at where it was passed so often.
	timeSlices    = 12
	fewestMinutes = 3
)

// Clusters returns the groups that lost more than the rest, by more than chance
// explains: within each kind the surest first.
func (t *Tracker) Clusters() (found []Cluster) {
	g := t.counts.clone()
	for _, r := range t.open {
		g.lost(r)
	}
	if t.run.Probes > 0 {
		r := t.run
		g.lost(&r)
	}
	if g.lostAll == 0 || g.lostAll >= g.all {
		return nil
	}
	for _, kind := range []func() []Cluster{g.byFlow, g.byBurst, g.byTime, g.byMinute} {
		found = append(found, kind()...)
	}
	return found
}

// surest corrects the levels of a kind, and keeps what chance does not explain.
func surest(all []Cluster) (kept []Cluster) {
	levels := make([]float64, len(all))
	for i := range all {
		levels[i] = all[i].P
	}
	for i, p := range holm(levels) {
		if all[i].P = min(1, p*families); all[i].P < level {
			kept = append(kept, all[i])
		}
	}
	slices.SortStableFunc(kept, func(a, b Cluster) int { return cmp.Compare(a.P, b.P) })
	return kept[:min(len(kept), mostNamed)]
}

// against holds a group against the rest of a whole.
func (c Cluster) against(own, whole tally) Cluster {
	c.Sent, c.Lost = own.sent, own.lost
	c.ElsewhereSent, c.ElsewhereLost = whole.sent-own.sent, whole.lost-own.lost
	c.P = upperTail(whole.sent, whole.lost, own.sent, own.lost)
	return c
}

// byFlow are the clusters of source ports. Parity is named where it tells more
// than single ports do: what the ports found within it lose is left out then.
func (g *groups) byFlow() []Cluster {
	whole := g.parities(nil)
	parity := parityOf(whole)
	ports := g.portsAgainst(whole, len(parity) > 0)
	if len(parity) > 0 && len(ports) > 0 && len(parityOf(g.parities(ports))) == 0 {
		parity = nil
	}
	return append(parity, ports...)
}

// parities are the probes from even and from odd ports, some ports left out.
func (g *groups) parities(but []Cluster) (p [2]tally) {
	for port, t := range g.ports {
		if !slices.ContainsFunc(but, func(c Cluster) bool { return c.Port == port }) {
			p[port&1].add(*t)
		}
	}
	return p
}

func parityOf(p [2]tally) []Cluster {
	whole := p[0]
	whole.add(p[1])
	if p[0].sent == 0 || p[1].sent == 0 || whole.lost == 0 {
		return nil
	}
	return surest([]Cluster{Cluster{By: ByParity, Even: true}.against(p[0], whole), Cluster{By: ByParity}.against(p[1], whole)})
}

// portsAgainst holds each port against the others, or against those of its parity.
func (g *groups) portsAgainst(p [2]tally, within bool) []Cluster {
	whole := p[0]
	whole.add(p[1])
	var all []Cluster
	for _, port := range slices.Sorted(maps.Keys(g.ports)) {
		if within {
			whole = p[port&1]
		}
		all = append(all, Cluster{By: ByPort, Port: port}.against(*g.ports[port], whole))
	}
	return surest(all)
}

func (g *groups) byBurst() []Cluster {
	return surest([]Cluster{{By: ByBurst, Runs: g.runs, Longest: g.longest, Sent: g.all, Lost: g.lostAll,
		P: fewRuns(g.all, g.lostAll, g.runs)}})
}

// byTime holds slices of the run against the rest.
func (g *groups) byTime() []Cluster {
	each := max((len(g.slices)+timeSlices-1)/timeSlices, 1)
	var all []Cluster
	for i := 0; i < len(g.slices); i += each {
		var own tally
		for _, s := range g.slices[i:min(i+each, len(g.slices))] {
			own.add(s)
		}
		from := g.start.Add(time.Duration(i) * g.slice)
		to := from.Add(time.Duration(each) * g.slice)
		if to.After(g.end) {
			to = g.end
		}
		all = append(all, Cluster{By: ByTime, From: from, To: to}.against(own, tally{g.all, g.lostAll}))
	}
	if len(all) < 2 {
		return nil
	}
	return surest(all)
}

func (g *groups) byMinute() []Cluster {
	if g.end.Sub(g.start) < fewestMinutes*time.Minute {
		return nil
	}
	var all []Cluster
	for i, own := range g.minute {
		all = append(all, Cluster{By: ByMinute, Second: i * 60 / minuteParts}.against(own, tally{g.all, g.lostAll}))
	}
	return surest(all)
}
