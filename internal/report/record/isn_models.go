package record

import (
	"math"

	"synscope/probe/isn"
)

// comparison writes how the best models stand to each other.
func (r *ISN) comparison(w FieldWriter) {
	rep := &r.Report
	if rep.RunnerUp != isn.ClassUnknown {
		w.Str("runner_up", rep.RunnerUp.String())
		w.Float("bits_between", tenth(rep.BitsBetween))
	}
	if len(rep.Standings) == 0 {
		return
	}
	w.Objects("standings", len(rep.Standings), func(w FieldWriter, i int) {
		s := rep.Standings[i]
		w.Str("class", s.Class.String())
		w.Str("model", s.Model)
		w.Float("bits", tenth(s.Bits))
	})
}

// evidence writes what is shown of each factor, and what of each series is
// explained.
func (r *ISN) evidence(w FieldWriter) {
	rep := &r.Report
	if len(rep.Factors) > 0 {
		w.Objects("factors", len(rep.Factors), func(w FieldWriter, i int) {
			f := rep.Factors[i]
			w.Str("name", f.Name)
			w.Uint("levels", uint64(f.Levels))
			w.Str("effect", f.Effect.String())
			w.Float("bits", tenth(f.Bits))
		})
	}
	if len(rep.Series) == 0 {
		return
	}
	w.Objects("series", len(rep.Series), func(w FieldWriter, i int) {
		s := rep.Series[i]
		strField(w, "name", s.Name)
		w.Uint("samples", uint64(s.Samples))
		w.Strs("varied", s.Varied)
		w.Uint("offsets", uint64(s.Offsets))
		w.Uint("explained", uint64(s.Explained))
		w.Uint("unexplained", uint64(s.Unexplained))
		w.Uint("repeated", uint64(s.Repeated))
	})
}

// tenth rounds bits to a tenth: more would say more than they mean.
func tenth(bits float64) float64 { return math.Round(10*bits) / 10 }
