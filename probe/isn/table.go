package isn

// Series is what the best model explains of one series of samples.
type Series struct {
	Name        string
	Samples     int      // answered
	Varied      []string // factors of which the series has more than one value
	Offsets     int      // the first of their group: they set an offset, and prove nothing
	Explained   int      // follow from others under the model
	Unexplained int
	Repeated    int // half-open connections that answered again
}

// tabulate says, series by series, what the evidence is.
func (r *Report) tabulate(v *view, top *standing) {
	index := make(map[string]int)
	var rows [][]int
	for i := range v.points {
		name := v.points[i].sample.Series
		at, ok := index[name]
		if !ok {
			if at = len(rows); at >= mostSeries {
				return
			}
			index[name] = at
			rows = append(rows, nil)
		}
		rows[at] = append(rows[at], i)
	}
	for _, list := range rows {
		r.Series = append(r.Series, v.seriesOf(list, top))
	}
}

// mostSeries is how many series a table holds; names that differ by the row are
// no series.
const mostSeries = 16

// seriesOf counts the points at the indexes.
func (v *view) seriesOf(list []int, top *standing) Series {
	s := Series{Name: v.points[list[0]].sample.Series, Samples: len(list)}
	for f := byPort; f < byTime; f <<= 1 {
		of := v.groups(f).of
		for _, i := range list {
			if of[i] != of[list[0]] {
				s.Varied = append(s.Varied, f.names()...)
				break
			}
		}
	}
	if v.timed && unevenness(v.pick(list)) >= leastUneven {
		s.Varied = append(s.Varied, byTime.names()...)
	}
	for _, i := range list {
		s.count(top, i)
	}
	return s
}

// count enters one point.
func (s *Series) count(top *standing, i int) {
	switch {
	case top.ledger == nil && top.class == ClassRandom:
		s.Unexplained++
	case top.ledger == nil:
		s.Explained++
	default:
		switch top.ledger.fates[i] {
		case first:
			s.Offsets++
		case joined:
			s.Explained++
		case repeated:
			s.Repeated++
		default:
			s.Unexplained++
		}
	}
}
