package loss

import (
	"maps"
	"time"
)

// tally counts the probes of a group.
type tally struct{ sent, lost uint64 }

const (
	// mostPorts bounds the source ports that are told apart.
	mostPorts = 1 << 12
	// minuteParts is how many parts of a minute are told apart.
	minuteParts = 12
	// mostSlices is how many slices of time are kept; firstSlice is how long they
	// are at first. When they are full, each two become one.
	mostSlices = 96
	firstSlice = time.Second
)

func partOfMinute(t time.Time) int { return t.Second() / (60 / minuteParts) }

// groups counts probes by all that they are grouped by.
type groups struct {
	all, lostAll, runs uint64
	longest            uint64 // run of losses
	ports              map[uint16]*tally
	minute             [minuteParts]tally
	start, end         time.Time
	slice              time.Duration
	slices             []tally
}

func newGroups() groups { return groups{ports: map[uint16]*tally{}, slice: firstSlice} }

// sent counts a probe that was sent; whether it was lost is told by its run.
func (g *groups) sent(p *Probe) {
	if p.Unsent {
		return
	}
	g.all++
	if g.start.IsZero() {
		g.start = p.Sent
	}
	g.end = p.Sent
	if t := g.port(p.Port); t != nil {
		t.sent++
	}
	g.minute[partOfMinute(p.Sent)].sent++
	g.at(p.Sent).sent++
}

func (g *groups) port(port uint16) *tally {
	t := g.ports[port]
	if t == nil && port != 0 && len(g.ports) < mostPorts {
		t = &tally{}
		g.ports[port] = t
	}
	return t
}

// at is the slice of a moment.
func (g *groups) at(moment time.Time) *tally {
	i := g.index(moment)
	for ; i >= mostSlices; i = g.index(moment) {
		g.halve()
	}
	for len(g.slices) <= i {
		g.slices = append(g.slices, tally{})
	}
	return &g.slices[i]
}

func (g *groups) index(moment time.Time) int { return int(max(moment.Sub(g.start), 0) / g.slice) }

// halve makes each two slices one.
func (g *groups) halve() {
	for i := range (len(g.slices) + 1) / 2 {
		t := g.slices[2*i]
		if 2*i+1 < len(g.slices) {
			t.add(g.slices[2*i+1])
		}
		g.slices[i] = t
	}
	g.slices = g.slices[:(len(g.slices)+1)/2]
	g.slice *= 2
}

func (t *tally) add(o tally) { t.sent, t.lost = t.sent+o.sent, t.lost+o.lost }

// lost counts a run of losses.
func (g *groups) lost(r *run) {
	if r.lost() == 0 {
		return
	}
	g.lostAll += r.lost()
	g.runs++
	g.longest = max(g.longest, r.lost())
	for port, n := range r.ports {
		if t := g.port(port); t != nil {
			t.lost += n
		}
	}
	for i, n := range r.minute {
		g.minute[i].lost += n
	}
	r.moments(func(at time.Time) { g.at(at).lost++ })
}

// without takes out the probes of a run that is a window: they are told of by
// themselves, and would be in every group.
func (g *groups) without(r *run) {
	g.all -= r.lost()
	for port, n := range r.ports {
		if t := g.ports[port]; t != nil {
			t.sent -= n
		}
	}
	for i, n := range r.minute {
		g.minute[i].sent -= n
	}
	r.moments(func(at time.Time) {
		if t := g.at(at); t.sent > 0 {
			t.sent--
		}
	})
}

// moments are those of the lost probes, which left at equal distances.
func (r *run) moments(visit func(time.Time)) {
	n := r.lost()
	for i := range n {
		visit(r.From.Add(time.Duration(float64(r.Last.Sub(r.From)) * float64(i) / float64(max(n-1, 1)))))
	}
}

// clone is a copy to count further in.
func (g *groups) clone() groups {
	c := *g
	c.ports = map[uint16]*tally{}
	for port, t := range maps.All(g.ports) {
		copied := *t
		c.ports[port] = &copied
	}
	c.slices = append([]tally(nil), g.slices...)
	return c
}
