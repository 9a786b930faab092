package isn

import (
	"math"
	"math/rand/v2"
)

// nominals are the rates of known stacks, in counts a second.
var nominals = []struct {
	hz   float64
	name string
}{
	{15_625_000, "Linux and gVisor: one count in 64 ns (net/core/secure_seq.c)"},
	{7_812_500, "XNU: one count in 128 ns"},
	{31_250_000, "one count in 32 ns, as passt's (tcp.c, tcp_init_seq)"},
	{1_000_000, "one count a microsecond"},
	{250_000, "one count in 4 µs (RFC 9293 §3.4.1)"},
	{128_000, "4.4BSD: 64,000 each half second"},
	{125_000, "one count in 8 µs"},
	{25_000, "250 counts in 10 ms"},
	{1_000, "one count a millisecond"},
	{100, "100 Hz ticks"},
}

// seed1 makes the bootstrap repeatable.
const seed1 = 0x9e3779b97f4a7c15

// mostRegressed is how many points an interval rests on.
const mostRegressed = 400

// setClock reports the rate of a clock with its interval, and its lines.
func (v *verdict) setClock(s *standing) {
	reg := s.regression()
	if fit := reg.solve(); fit != nil {
		half := fit.interval(0, reg, rand.New(rand.NewPCG(seed1, uint64(len(reg.rows)))))
		one := s.view.unit
		v.clock = Some(Clock{Hz: s.drift.hz / one, Low: (s.drift.hz - half) / one, High: (s.drift.hz + half) / one})
		v.name()
	}
	v.lines = s.lines()
}

// regression is the least-squares problem of the residuals along the strands: a
// change of the rate, of the step where there is one, and of each strand's
// offset, which is taken out by its mean.
func (s *standing) regression() *regression {
	m := newMeans(s.view, s.ledger, s.drift)
	reg := &regression{}
	strands := make(map[*mean]bool)
	for i := range s.view.points {
		c := m.of(i)
		if c == nil || len(reg.rows) >= mostRegressed {
			continue
		}
		p := &s.view.points[i]
		row := []float64{p.t - c.t}
		if s.drift.step != 0 {
			row = append(row, s.drift.count(p)-c.k)
		}
		strands[c] = true
		reg.add(row, wrap(s.drift.moving(p)-c.ref)-c.r, m.weight(i))
	}
	reg.taken = len(strands)
	return reg
}

// lines are where each tuple's line begins.
func (s *standing) lines() (list []Line) {
	seen := make(map[int]bool)
	for i := range s.view.points {
		p := &s.view.points[i]
		j := s.ledger.strand[i]
		if seen[p.tuple] || j < 0 || s.ledger.all[s.ledger.groups.of[i]][j].n < 2 {
			continue
		}
		seen[p.tuple] = true
		at, _ := moment(p.sample)
		if rtt, ok := p.sample.RTT(); ok {
			at += int64(rtt) / 2
		}
		x := s.ledger.all[s.ledger.groups.of[i]][j].center + s.drift.hz*p.t + s.drift.step*s.drift.count(p)
		list = append(list, Line{Sample: p.index, At: float64(at), ISN: math.Mod(math.Mod(x, space)+space, space)})
	}
	return list
}

// nameable is how wide an interval may be, as a share of the rate, for a
// nominal inside it to mean anything.
const nameable = 0.05

// name names the nominal rate, if a narrow interval holds exactly one.
func (v *verdict) name() {
	c := &v.clock.Value
	if c.High-c.Low > nameable*c.Hz {
		return
	}
	held := -1
	for i, n := range nominals {
		if n.hz >= c.Low && n.hz <= c.High {
			if held >= 0 {
				return
			}
			held = i
		}
	}
	if held >= 0 {
		c.Nominal = nominals[held].hz
		v.nominal = nominals[held].name
	}
}
