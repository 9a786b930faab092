package isn

import (
	"cmp"
	"math"
	"slices"
)

// plane is growth by hz a second and step a connection.
type plane struct{ hz, step float64 }

// successor is the difference of the numbers of two connections of ours in a row; other
// people's may lie between them.
type successor struct{ dt, d, u float64 }

// successors lists them, the shortest gap first.
func (v *view) successors() (list []successor) {
	for i := 1; i < len(v.points); i++ {
		p, q := &v.points[i], &v.points[i-1]
		if p.k == q.k+1 {
			list = append(list, successor{p.t - q.t, float64(p.x.Sub(q.x)), p.u + q.u})
		}
	}
	slices.SortStableFunc(list, func(a, b successor) int { return cmp.Compare(a.dt, b.dt) })
	return list
}

// planes proposes rates and steps: that of the median slope and intercept (Theil–Sen),
// and those of pairs of differences, of a short gap and a long one, on which the most
// others lie, whole steps of other people's connections above them.
func (v *view) planes() []plane {
	list := v.successors()
	if len(list) < leastSuccessors {
		return nil
	}
	out := []plane{medianPlane(list)}
	best, most := plane{}, 0.0
	for _, p := range pairPlanes(list) {
		if on := p.explains(list); on > most {
			best, most = p, on
		}
	}
	if most > 0 {
		out = append(out, best)
	}
	return slices.DeleteFunc(out, func(p plane) bool { return p.step == 0 })
}

// leastSuccessors is how many differences a rate and a step are read from, and
// pairedWith of how many short gaps and how many long ones.
const (
	leastSuccessors = 4
	pairedWith      = 12
)

// medianPlane is the weighted median of the slopes between differences that are near
// in gap, and the median of what is left.
func medianPlane(list []successor) plane {
	var slopes []weighted
	for i := range list {
		for j := max(0, i-shortGroup); j < i; j++ {
			if gap := list[i].dt - list[j].dt; gap > 1e-3 {
				slopes = append(slopes, weighted{(list[i].d - list[j].d) / gap, gap})
			}
		}
	}
	hz := weightedMedian(slopes)
	rest := make([]float64, len(list))
	for i, s := range list {
		rest[i] = s.d - hz*s.dt
	}
	return plane{hz, median(rest)}
}

// pairPlanes are those through a difference of a short gap and one of a longer.
func pairPlanes(list []successor) (out []plane) {
	short := list[:min(len(list)/2, pairedWith)]
	stride := 1 + (len(list)-len(short))/pairedWith
	for _, a := range short {
		for i := len(short); i < len(list); i += stride {
			b := &list[i]
			if gap := b.dt - a.dt; gap > 2*(a.u+b.u) {
				hz := (b.d - a.d) / gap
				out = append(out, plane{hz, math.Round(a.d - hz*a.dt)})
			}
		}
	}
	return out
}

// explains is how many bits the plane saves of the differences: of each that lies a
// whole number of steps above it as near as its moment is known.
func (p plane) explains(list []successor) (bits float64) {
	if p.step < 1 || p.hz <= 0 || p.hz > maxHz {
		return 0
	}
	for _, s := range list {
		off := s.d - p.hz*s.dt - p.step
		more := math.Round(off / p.step)
		scale := 1 + 2*p.hz*s.u
		if more < 0 || math.Abs(off-more*p.step) > scale {
			continue
		}
		bits += max(0, math.Log2(p.step/scale)-skipBits(-more, 1, true))
	}
	return bits - math.Log2(p.step)
}

// stride is the difference of two numbers of one group, with how many connections of
// ours lie between them, all or without those that were lost.
type stride struct{ dt, dk, d, u float64 }

// mostStrides is how many differences shared planes are read from, and mostScored on how
// many they are tried.
const (
	mostStrides = 24
	mostScored  = 96
)

// strides lists the differences of neighbours within the groups of a key, the shortest
// gap first.
func (v *view) strides(key factor) (list []stride) {
	for _, g := range v.groups(key).members(v.points) {
		for i := 1; i < len(g); i++ {
			q, p := &g[i-1], &g[i]
			k := float64(p.k - q.k)
			list = append(list, stride{p.t - q.t, k, float64(p.x.Sub(q.x)), p.u + q.u})
			if lost := float64(lostBetween(q, p)); lost > 0 && lost < k {
				list = append(list, stride{p.t - q.t, k - lost, float64(p.x.Sub(q.x)), p.u + q.u})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b stride) int { return cmp.Compare(a.dt, b.dt) })
	return list
}

// sharedPlane proposes the rate and the step of a counter that all connections of ours
// move, on a line of its own for each group: those of two differences that explain the
// most others. ok is whether they explain many.
func (v *view) sharedPlane(key factor) (best plane, ok bool) {
	list := v.strides(key)
	list = list[:min(len(list), mostScored)]
	most := 0.0
	near := list[:min(len(list), mostStrides)]
	for i, a := range near {
		for _, b := range near[:i] {
			det := a.dt*b.dk - b.dt*a.dk
			if math.Abs(det) < 4*(a.u+b.u)*max(a.dk, b.dk) {
				continue
			}
			p := plane{(a.d*b.dk - b.d*a.dk) / det, math.Round((a.dt*b.d - b.dt*a.d) / det)}
			if on := p.scored(list); on > most {
				most, best = on, p
			}
		}
	}
	return best, most > claimBits
}

// scored is how many bits the plane saves of the differences that lie on it, beyond the
// two that it was read from.
func (p plane) scored(list []stride) (bits float64) {
	if math.Abs(p.step) < 1 || p.hz*p.step <= 0 || math.Abs(p.hz) > maxHz {
		return 0
	}
	for _, s := range list {
		scale := 1 + 2*math.Abs(p.hz)*s.u
		if math.Abs(wrap(s.d-p.hz*s.dt-p.step*s.dk)) <= scale {
			bits += max(0, wordBits-1-math.Log2(scale))
		} else {
			bits--
		}
	}
	return bits - 2*wordBits
}
