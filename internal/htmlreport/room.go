package htmlreport

import (
	"cmp"
	"maps"
	"slices"

	"synscope/internal/report/units"
)

// store counts what is kept in memory of all runs of a report: files of any size, and
// any number of them up to [mostRuns], take no more than these limits together.
type store struct {
	hosts, verdicts, details, findings, bytes int
	words                                     map[string]string // reasons, each once
}

// Limits on what is kept of all runs.
const (
	mostHosts    = 100_000
	mostVerdicts = 2_000_000
	mostDetails  = 100_000 // ports of which all is kept
	mostFindings = 50_000
	mostBytes    = 64 << 20 // of lines that are kept as they are
)

// has counts one more of what there may be most of, and tells whether there is room.
func has(n *int, most int) bool {
	if *n >= most {
		return false
	}
	*n++
	return true
}

// keeps tells whether there is room for a line as it is.
func (s *store) keeps(bytes int) bool {
	if s.bytes+bytes > mostBytes {
		return false
	}
	s.bytes += bytes
	return true
}

// Limits on the words of verdicts, which repeat in all but strangers' files.
const (
	mostWords   = 4_096
	longestWord = 60 // characters, of those beyond
)

// word is a word that is kept for many verdicts, in one copy.
func (s *store) word(w string) string {
	if one, known := s.words[w]; known {
		return one
	}
	w = units.Shortened(w, longestWord)
	if len(s.words) < mostWords {
		if s.words == nil {
			s.words = map[string]string{}
		}
		s.words[w] = w
	}
	return w
}

// How much of the page each kind of thing may take, of all runs together.
const (
	mostDiagnosed  = 500    // diagnoses
	mostFailedRows = 5_000  // expectations that failed
	mostHeldRows   = 2_000  // that hold, and as many that were not judged
	mostListRows   = 5_000  // changes and groups
	mostTripRows   = 2_000  // targets' round trips
	mostTripLines  = 2_000  // sentences about losses
	mostLadders    = 300    // connections
	mostNumbered   = 300    // hosts whose sequence numbers were sampled
	mostHopRows    = 10_000 // of all routes
	mostGraphParts = 20_000 // nodes, links and paths of all graphs
	mostChips      = 20_000 // open ports that are named in the rows of hosts
)

// shelves are how much of the page each kind of thing has taken, and how much of it the
// page has no room for: a browser has to open it.
type shelves map[string]*shelf

// book is what a run tells of each of some keys, in the order in which they came.
type book[K comparable, V any] struct {
	order []*V
	of    map[K]*V
	left  uint64 // times that there was no room for another key
}

// entry is what is kept of a key; nil where there is no room for more than most keys.
func (b *book[K, V]) entry(key K, most int, begin func() *V) *V {
	if v := b.of[key]; v != nil {
		return v
	}
	if len(b.order) == most {
		b.left++
		return nil
	}
	if b.of == nil {
		b.of = map[K]*V{}
	}
	v := begin()
	b.of[key], b.order = v, append(b.order, v)
	return v
}

type shelf struct{ taken, left int }

// fits takes room for n more of what, of which the page shows at most so many, or counts
// it as left out. What comes first is always shown.
func (s shelves) fits(what string, n, most int) bool {
	one := s[what]
	if one == nil {
		one = &shelf{}
		s[what] = one
	}
	if one.taken > 0 && one.taken+n > most {
		one.left++
		return false
	}
	one.taken += n
	return true
}

// notes say what the page has no room for.
func (s shelves) notes() (list []string) {
	kinds := slices.SortedFunc(maps.Keys(s), cmp.Compare[string])
	for _, what := range kinds {
		if n := s[what].left; n > 0 {
			list = append(list, units.Count(uint64(n))+" "+what+" are read and not shown: a page has no room for them.")
		}
	}
	return list
}
