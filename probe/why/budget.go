package why

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Untried is an experiment that would tell more, and for which the budget had no room.
type Untried struct {
	Name      string
	Separates string
	Packets   int
	Took      time.Duration // what it takes at most
}

// untried are those, the most telling first; none where the cause is sure.
func (r *run) untried() []Untried {
	type worth struct {
		Untried
		bits float64
	}
	var list []worth
	if r.decided() {
		return nil
	}
	for i := range r.experiments {
		c, possible := r.whole(&r.experiments[i])
		if !possible || c.Name == confirming || r.affords(&c) {
			continue
		}
		if bits := r.information(c.plan); bits >= leastBits {
			list = append(list, worth{Untried{c.Name, c.Separates, c.packets, c.took}, bits})
		}
	}
	slices.SortStableFunc(list, func(a, b worth) int { return cmp.Compare(b.bits, a.bits) })
	var out []Untried
	for _, w := range list {
		out = append(out, w.Untried)
	}
	return out
}

// leastTrials is how many SYNs at least are left of a plan that is cut to fit the budget.
const leastTrials = 5

// cut makes a plan of SYNs alone as short as what is left of the budget.
func (r *run) cut(c *candidate) {
	one := Trial{Kind: SYN}
	n := (r.cfg.Packets - r.inst.Sent()) / one.Packets(0)
	if c.packets <= r.cfg.Packets-r.inst.Sent() || n < leastTrials || n >= len(c.plan) {
		return
	}
	if slices.ContainsFunc(c.plan, func(t Trial) bool { return t.Kind != SYN }) {
		return
	}
	c.plan = c.plan[:n]
	r.cost(c)
}

// cost says what a plan takes at most.
func (r *run) cost(c *candidate) {
	c.packets, c.took = Cost(c.plan, r.hops())
	c.took += r.k.extraTime()
	if r.cfg.Rate > 0 {
		c.took += time.Duration(float64(c.packets) / r.cfg.Rate * float64(time.Second))
	}
}

// extraTime is how much longer trials take because of long round trips; 0 on usual paths.
func (k *Knowledge) extraTime() time.Duration {
	longest := quantile(k.rtts(k.focus(), anyTrial), 0.8)
	return max(0, 2*(longest-usualTrip))
}

// usualTrip is the longest round trip that [patience] allows for.
const usualTrip = 400 * time.Millisecond

// mostNamed is how many experiments without room are named.
const mostNamed = 4

// advise adds to the advice which experiments the budget had no room for, and which budget has.
func (r *run) advise(f *Found, untried []Untried) {
	if len(untried) == 0 {
		return
	}
	packets, took := r.inst.Sent(), r.inst.Now()
	var parts []string
	for i, u := range untried {
		packets, took = packets+u.Packets, took+u.Took
		if i < mostNamed {
			parts = append(parts, fmt.Sprintf("%s (%s)", u.Name, u.Separates))
		}
	}
	text := "The budget had no room for " + strings.Join(parts, ", ")
	if rest := len(untried) - mostNamed; rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	text += fmt.Sprintf(": --budget %s has.", roomFor(packets, took))
	if f.Code == Healthy && f.Probability < wellShown {
		f.Advice = strings.TrimSpace("Nothing failed, but too little was tried to say that nothing is wrong. "+r.k.slowBound()) + " " + text
		return
	}
	f.Advice += " " + text
}

// wellShown is the least probability with which "nothing is wrong" is said although more
// could be tried.
const wellShown = 0.9

// roomFor is a round budget, the usual one at least.
func roomFor(packets int, took time.Duration) string {
	packets = (max(packets, DefaultPackets) + 99) / 100 * 100
	return fmt.Sprintf("%d,%v", packets, max(took.Round(10*time.Second)+10*time.Second, DefaultTime))
}
