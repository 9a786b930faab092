package isn

import (
	"cmp"
	"math"
	"slices"
)

// plane is growth by hz a second and step a connection.
type plane struct{ hz, step float64 }

// successor is the difference of two numbers of which the second's connection followed
// the first's directly, but for other people's.
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
