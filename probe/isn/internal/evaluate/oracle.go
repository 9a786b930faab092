package evaluate

import (
	"math"
	"slices"

	"synscope/probe/isn"
)

// layout is what an oracle sees of samples beside the numbers.
type layout struct {
	n, tuples, most, again int // answered; tuples; on one tuple; beyond the first of each
	timed, ports, clients  bool
	addresses              int
	span, unevenness       float64
}

// layoutOf reads a layout off samples.
func layoutOf(samples []isn.Sample) (l layout) {
	type tuple struct {
		src  string
		port isn.Opt[uint16]
	}
	l.timed, l.ports, l.clients = true, true, true
	count := map[tuple]int{}
	addresses := map[string]bool{}
	var at []float64
	for i := range samples {
		s := &samples[i]
		if s.Sent.OK {
			at = append(at, float64(s.Sent.Value)/1e9)
		}
		if !s.ISN.OK {
			continue
		}
		l.n++
		l.timed, l.ports, l.clients = l.timed && s.Sent.OK, l.ports && s.SrcPort.OK, l.clients && s.ClientISN.OK
		count[tuple{s.Src.String(), s.SrcPort}]++
		addresses[s.Src.String()] = true
	}
	for _, n := range count {
		l.most, l.again = max(l.most, n), l.again+n-1
	}
	l.tuples, l.addresses = len(count), len(addresses)
	l.setGaps(at)
	return l
}

// setGaps measures how long and how uneven the sampling was.
func (l *layout) setGaps(at []float64) {
	if len(at) < 3 {
		return
	}
	slices.Sort(at)
	l.span = at[len(at)-1] - at[0]
	sum, squares, n := 0.0, 0.0, float64(len(at)-1)
	for i := 1; i < len(at); i++ {
		gap := at[i] - at[i-1]
		sum, squares = sum+gap, squares+gap*gap
	}
	mean := sum / n
	l.unevenness = math.Sqrt(max(squares/n-mean*mean, 0)) / mean
}

// tupled are the classes whose numbers depend on the address.
var tupled = map[isn.Class]bool{isn.ClassTupleConstant: true, isn.ClassTupleClock: true, isn.ClassTupleRandomIncrement: true,
	isn.ClassSYNCookies: true, isn.ClassSYNProxy: true}

// Knowable is the oracle: it knows how the host chose its numbers, and says whether
// the samples could show that to somebody who knows all families of generators but
// not which one it is.
func (f *Foreign) Knowable() bool {
	l := layoutOf(f.Samples)
	if f.Plan == "even spacing" || f.Plan == "nmap's six" {
		l.unevenness = 0
	}
	enough := l.n >= 8+3*f.Outliers
	noise := f.Truth.Hz * f.Path.Jitter.Seconds()
	moves := f.Truth.Hz*l.span > 20 && f.Truth.Hz*l.span > 8*noise && noise < 1<<29
	if f.Missing == "src" && (f.Sources > 1 && tupled[f.Truth.Class] || f.Truth.Class == isn.ClassMixed) {
		return false // what differs by address may differ by machine
	}
	switch f.Truth.Class {
	case isn.ClassConstant:
		return l.n >= 4 && (l.tuples > 1 || !l.ports)
	case isn.ClassTupleConstant:
		return l.ports && l.tuples > 2 && l.again >= 4+2*f.Outliers
	case isn.ClassRepeating:
		return f.Others == 0 && l.n >= 30+6*f.Outliers
	case isn.ClassGlobalStep:
		return enough && f.Others < 20 && (!l.timed || l.unevenness > 0.4) // even steps may be a clock's
	case isn.ClassGlobalClock:
		return l.timed && l.tuples > 1 && enough && moves && l.unevenness > 0.4
	case isn.ClassGlobalMixed:
		return l.timed && l.tuples > 1 && l.n >= 20+4*f.Outliers && f.Others == 0 && l.unevenness > 0.4 && float64(f.Truth.Step) > 3*noise
	case isn.ClassRandomIncrement:
		return l.timed && l.tuples > 1 && enough && l.n >= 20 && l.unevenness > 0.4 && f.Others == 0
	case isn.ClassTupleClock:
		return l.timed && l.ports && l.tuples > 1 && l.again >= 6+3*f.Outliers && l.most >= 4 && moves && l.unevenness > 0.4 && l.clients
	case isn.ClassTupleRandomIncrement:
		return l.timed && l.ports && l.tuples > 1 && l.again >= 10+3*f.Outliers && l.unevenness > 0.4
	case isn.ClassWeakRandom:
		return f.Others == 0 && f.Outliers == 0 && l.n >= 40 && l.ports && l.timed && l.clients && f.Path.Loss < 0.02
	case isn.ClassRandom:
		return l.timed && l.ports && l.clients && l.n >= 12 && l.most >= 4 && l.tuples >= 4
	case isn.ClassSYNCookies, isn.ClassSYNProxy:
		return l.clients && f.whole.again >= 6+3*f.Outliers && f.Truth.Kind != "keyed" && l.n >= 14
	case isn.ClassMixed:
		return l.timed && l.ports && l.most >= 14+4*f.Outliers && l.clients && l.unevenness > 0.4 && noise < 1<<26 && (f.Others == 0 || f.Truth.Kind == "clocks")
	}
	return false
}
