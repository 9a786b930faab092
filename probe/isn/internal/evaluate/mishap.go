package evaluate

import (
	"cmp"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// Mishap is what a sampler did wrong to the rows that he wrote.
type Mishap struct {
	Name string
	do   func(rng *rand.Rand, rows []isn.Sample) []isn.Sample
}

// eachTime changes both stamps of every row.
func eachTime(name string, change func(rng *rand.Rand, row int, at int64) int64) Mishap {
	return Mishap{name, func(rng *rand.Rand, rows []isn.Sample) []isn.Sample {
		for i := range rows {
			for _, t := range []*isn.Opt[int64]{&rows[i].Sent, &rows[i].Received} {
				if t.OK {
					t.Value = change(rng, i, t.Value)
				}
			}
		}
		return rows
	}}
}

// eachRow changes every row.
func eachRow(name string, change func(rng *rand.Rand, s *isn.Sample)) Mishap {
	return Mishap{name, func(rng *rand.Rand, rows []isn.Sample) []isn.Sample {
		for i := range rows {
			change(rng, &rows[i])
		}
		return rows
	}}
}

// Mishaps lists them.
func Mishaps() []Mishap { return slices.Concat(timeMishaps(), columnMishaps(), rowMishaps()) }

// timeMishaps change the stamps.
func timeMishaps() []Mishap {
	return []Mishap{
		eachTime("microseconds in place of nanoseconds", func(_ *rand.Rand, _ int, at int64) int64 { return at / 1e3 }),
		eachTime("milliseconds in place of nanoseconds", func(_ *rand.Rand, _ int, at int64) int64 { return at / 1e6 }),
		eachTime("seconds in place of nanoseconds", func(_ *rand.Rand, _ int, at int64) int64 { return at / 1e9 }),
		eachTime("stamps of whole milliseconds", func(_ *rand.Rand, _ int, at int64) int64 { return at / 1e6 * 1e6 }),
		eachTime("stamps of whole hundredths", func(_ *rand.Rand, _ int, at int64) int64 { return at / 1e7 * 1e7 }),
		eachTime("stamps of whole seconds", func(_ *rand.Rand, _ int, at int64) int64 { return at / 1e9 * 1e9 }),
		eachTime("all at one moment", func(*rand.Rand, int, int64) int64 { return 1e9 }),
		eachTime("all at zero", func(*rand.Rand, int, int64) int64 { return 0 }),
		eachTime("a clock set by a second on the way", func(_ *rand.Rand, row int, at int64) int64 {
			if row > 12 {
				return at + 1e9
			}
			return at
		}),
		eachTime("a clock set back by an hour on the way", func(_ *rand.Rand, row int, at int64) int64 {
			if row > 12 {
				return at - 3600e9
			}
			return at
		}),
		eachTime("the row's number in place of the time", func(_ *rand.Rand, row int, _ int64) int64 { return int64(row) }),
		eachTime("a row a second", func(_ *rand.Rand, row int, _ int64) int64 { return int64(row) * 1e9 }),
		eachTime("times of 31 bits", func(_ *rand.Rand, _ int, at int64) int64 { return at & (1<<31 - 1) }),
		eachTime("the clock runs backwards", func(_ *rand.Rand, _ int, at int64) int64 { return -at }),
	}
}

// columnMishaps change the fields of each row.
func columnMishaps() []Mishap {
	return []Mishap{
		eachRow("only when each was sent", func(_ *rand.Rand, s *isn.Sample) { s.Received = isn.Opt[int64]{} }),
		eachRow("only when each was received", func(_ *rand.Rand, s *isn.Sample) { s.Sent = isn.Opt[int64]{} }),
		eachRow("sent and received swapped", func(_ *rand.Rand, s *isn.Sample) { s.Sent, s.Received = s.Received, s.Sent }),
		eachRow("one stamp in both columns", func(_ *rand.Rand, s *isn.Sample) { s.Received = s.Sent }),
		eachRow("the ISN in the byte order of the machine", func(_ *rand.Rand, s *isn.Sample) {
			s.ISN.Value = craft.Seq(bits.ReverseBytes32(uint32(s.ISN.Value)))
		}),
		eachRow("the ISN as a float of 32 bits", func(_ *rand.Rand, s *isn.Sample) {
			s.ISN.Value = craft.Seq(uint64(float32(uint32(s.ISN.Value))))
		}),
		eachRow("our number in place of the ISN", func(_ *rand.Rand, s *isn.Sample) {
			if s.ISN.OK {
				s.ISN = s.ClientISN
			}
		}),
		eachRow("our number one too high", func(_ *rand.Rand, s *isn.Sample) { s.ClientISN.Value++ }),
		eachRow("our number always 0", func(_ *rand.Rand, s *isn.Sample) { s.ClientISN.Value = 0 }),
		eachRow("one source port for all", func(_ *rand.Rand, s *isn.Sample) { s.SrcPort.Value = 40000 }),
		eachRow("one address for all", func(_ *rand.Rand, s *isn.Sample) { s.Src = isn.Sample{}.Src }),
		eachRow("the ports in the byte order of the machine", func(_ *rand.Rand, s *isn.Sample) {
			s.SrcPort.Value = bits.ReverseBytes16(s.SrcPort.Value)
		}),
	}
}

// rowMishaps repeat rows, lose them or put them in another order.
func rowMishaps() []Mishap {
	return []Mishap{
		{"each row twice", func(_ *rand.Rand, rows []isn.Sample) (out []isn.Sample) {
			for i := range rows {
				out = append(out, rows[i], rows[i])
			}
			return out
		}},
		{"the file twice", func(_ *rand.Rand, rows []isn.Sample) []isn.Sample { return append(rows[:len(rows):len(rows)], rows...) }},
		{"each row twice, once without its time", func(_ *rand.Rand, rows []isn.Sample) (out []isn.Sample) {
			for i := range rows {
				again := rows[i]
				again.Sent, again.Received = isn.Opt[int64]{}, isn.Opt[int64]{}
				out = append(out, rows[i], again)
			}
			return out
		}},
		{"SYN-ACKs sent again", func(rng *rand.Rand, rows []isn.Sample) (out []isn.Sample) {
			for i := range rows {
				out = append(out, rows[i])
				if rng.IntN(3) == 0 && rows[i].Received.OK {
					again := rows[i]
					again.Received.Value += 1e9
					out = append(out, again)
				}
			}
			return out
		}},
		{"SYNs sent again", func(rng *rand.Rand, rows []isn.Sample) (out []isn.Sample) {
			for i := range rows {
				out = append(out, rows[i])
				if rng.IntN(3) == 0 {
					again := rows[i]
					again.Sent.Value += 2e5
					out = append(out, again)
				}
			}
			return out
		}},
		{"half of the rows are gone", func(rng *rand.Rand, rows []isn.Sample) []isn.Sample {
			return slices.DeleteFunc(rows, func(isn.Sample) bool { return rng.IntN(2) == 1 })
		}},
		{"lost rows are left out", func(_ *rand.Rand, rows []isn.Sample) []isn.Sample {
			return slices.DeleteFunc(rows, func(s isn.Sample) bool { return !s.ISN.OK })
		}},
		{"sorted by ISN, without times", func(_ *rand.Rand, rows []isn.Sample) []isn.Sample {
			for i := range rows {
				rows[i].Sent, rows[i].Received = isn.Opt[int64]{}, isn.Opt[int64]{}
			}
			slices.SortFunc(rows, func(a, b isn.Sample) int { return cmp.Compare(uint32(a.ISN.Value), uint32(b.ISN.Value)) })
			return rows
		}},
		{"shuffled, without times", func(rng *rand.Rand, rows []isn.Sample) []isn.Sample {
			for i := range rows {
				rows[i].Sent, rows[i].Received = isn.Opt[int64]{}, isn.Opt[int64]{}
			}
			rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			return rows
		}},
		{"five rows of another host", func(rng *rand.Rand, rows []isn.Sample) []isn.Sample {
			for range 5 {
				rows[rng.IntN(len(rows))].ISN = isn.Some(seq(rng))
			}
			return rows
		}},
		{"zeros for lost answers", func(_ *rand.Rand, rows []isn.Sample) []isn.Sample {
			for i := range rows {
				if i%7 == 3 {
					rows[i].ISN = isn.Some(craft.Seq(0))
				}
			}
			return rows
		}},
	}
}

// DrawMishap draws a host, a plan and the rows as the mishap leaves them; whole is what
// was said of the rows before.
func DrawMishap(m Mishap, seed uint64) (f Foreign, whole isn.Report) {
	rng := rand.New(rand.NewPCG(seed, seedOf(m.Name)))
	host := foreignHost(rng)
	path := simhost.DrawPath(time.Duration(logUniform(rng, 50e3, 3e6)), rng)
	p := foreignPlans[rng.IntN(len(foreignPlans))]
	f = Foreign{Plan: p.name, Missing: m.Name}
	samples := simhost.Sample(isn.Plan{Steps: p.make(rng, int(logUniform(rng, 20, 200))), Quick: true}, host, path, rng)
	f.whole = layoutOf(samples)
	f.Sources = f.whole.addresses
	whole = isn.Analyze(samples, isn.Options{})
	f.Samples = m.do(rng, samples)
	f.Outcome = Outcome{Seed: seed, Truth: host.Truth, Path: path, Report: isn.Analyze(f.Samples, isn.Options{})}
	return f, whole
}

// MishapsMarkdown writes one row a mishap: how often the class is right, withheld, wrong.
func MishapsMarkdown(w io.Writer, first uint64, hosts int, list func(*Foreign)) {
	fmt.Fprint(w, "| mishap | right | unknown | wrong below 0.9 | wrong at 0.9 or more |\n| --- | ---: | ---: | ---: | ---: |\n")
	for _, m := range Mishaps() {
		right, unknown, unsure, sure := 0, 0, 0, 0
		for i := range hosts {
			f, _ := DrawMishap(m, first+uint64(2*i))
			switch r := &f.Report; {
			case f.Right():
				right++
			case r.Class == isn.ClassUnknown:
				unknown++
			case r.Confidence < 0.9:
				unsure++
			default:
				sure++
				list(&f)
			}
		}
		fmt.Fprintf(w, "| %s | %d | %d | %d | %d |\n", m.Name, right, unknown, unsure, sure)
	}
}
