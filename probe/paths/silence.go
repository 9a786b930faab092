package paths

import (
	"net/netip"
	"slices"

	"synscope/internal/binomial"
)

// refuses puts a flow that met silence where others from there got an ICMP error that the path
// ends, unless it goes on elsewhere: routers without a route say so seldom, whatever the TTL.
func (l *level) refuses(v *vertex, p *pair, at map[*pair][]place) bool {
	refusing, found := refusal(at, l.x.target)
	if !found {
		return false
	}
	for _, q := range p.flow.pairs[p.ttl:] {
		if q != nil && q.answered() > 0 && q.places()[0] != refusing {
			return false
		}
	}
	l.join(v, l.at(refusing), p)
	return true
}

// refusal is the one router whose ICMP errors say that the path ends.
func refusal(at map[*pair][]place, target netip.Addr) (one place, found bool) {
	for _, places := range at {
		for _, w := range places {
			if w.ends && w.addr != target {
				if found && w != one {
					return place{}, false
				}
				one, found = w, true
			}
		}
	}
	return one, found
}

func (l *level) star() *vertex {
	s := &vertex{ttl: l.ttl, silent: true, lossy: -1}
	l.list = append(l.list, s)
	return s
}

const (
	triesSilent = 4  // before a probe is taken to meet silence
	triesLossy  = 20 // the same where probes are lost that others show to have a way
	triesKnown  = 2  // the same where others from there met silence already
	someSilent  = 3  // how many attempts without an answer show that a hop is silent where all are
)

// settle returns those of the pairs that were given up which are taken to meet silence; the
// others are to be repeated. Where no flow from there was answered, the attempts of all pairs
// count together.
func (l *level) settle(v *vertex, silent []*pair, answered bool) (settled []*pair) {
	lost := 0
	for _, p := range silent {
		lost += p.lost()
	}
	trusted := l.x.trust == nil || l.x.trust(l.ttl)
	if l.x.over || !answered && lost >= someSilent && trusted {
		return silent
	}
	sure := 0
	for _, p := range silent {
		if p.lost() >= triesSilent {
			sure++
		}
	}
	for _, p := range silent {
		tries := patience(v, p.flow, l.ttl)
		if sure >= someSilent && tries == triesSilent {
			tries = triesKnown
		}
		if p.lost() >= tries {
			settled = append(settled, p)
		} else {
			v.pending = append(v.pending, p)
		}
	}
	return settled
}

// patience is how often a probe is sent until silence is no accident: with the loss of the
// flows that pass the same vertices it would be one once in 100,000.
func patience(v *vertex, f *flow, ttl int) int {
	rate := v.loss()
	for _, u := range f.at[:min(ttl-1, len(f.at))] {
		if u != nil {
			rate = max(rate, u.loss())
		}
	}
	return min(max(binomial.Trials(rate, 1e-5), triesSilent), triesLossy)
}

// loss is the share of probes that were lost of those for hops behind a vertex that
// were answered in the end. Of few of them it is the mean of what the rate may be, each being
// as likely before (Laplace's rule of succession), and 0 where none was lost.
func (v *vertex) loss() float64 {
	if v.lossy >= 0 {
		return v.lossy
	}
	sent, lost := 0, 0
	for _, f := range v.flows {
		for _, p := range f.pairs[min(v.ttl, len(f.pairs)):] {
			if p != nil && p.answered() > 0 {
				sent += p.answered() + p.lost()
				lost += p.lost()
			}
		}
	}
	switch v.lossy = 0; {
	case sent >= 5:
		v.lossy = float64(lost) / float64(sent)
	case lost > 0:
		v.lossy = float64(lost+1) / float64(sent+2)
	}
	return v.lossy
}

// classify says what a vertex is, once its flows are known.
func (x *explorer) classify(v *vertex) {
	switch {
	case v.silent:
		v.perhaps = !slices.ContainsFunc(v.flows, func(f *flow) bool { return !v.inferred[f] && f.beyond(v.ttl) })
		v.givenUp = v.perhaps && x.searched(v)
	case v.place.ends:
		v.box = slices.ContainsFunc(v.flows, func(f *flow) bool { return !v.inferred[f] && f.expires(v.ttl) })
	case v.place.addr.IsValid():
		v.loop = times(v, v.place.addr) >= 2
	}
}

// times is how often the way to a vertex met an address before.
func times(v *vertex, a netip.Addr) (n int) {
	for len(v.before) > 0 {
		v = v.before[0]
		if v.place.addr == a {
			n++
		}
	}
	return n
}
