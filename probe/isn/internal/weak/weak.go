// Package weak recovers generators of numbers that look random and are not, from
// the numbers themselves: congruential ones, known or not, whole, cut off or joined,
// xorshift, shift registers, and whatever is linear over bits. Each is a file with
// its paper. It is pure, and knows nothing of hosts or packets.
//
// A run of direct successors goes in; out comes a [Generator], which says how
// many of the numbers followed from the others and predicts the next:
//
//	for _, g := range weak.Search(runs) {
//		x, ok := g.Next(run)
//	}
package weak

import "synscope/craft"

// Number is one number of a sequence.
type Number struct {
	X craft.Seq
	K int // its ordinal: direct successors differ by one
}

// Generator is one that was found.
type Generator struct {
	Name   string
	Proofs int     // successors that came out right beside those that were used up
	Free   float64 // bits that stay unknown where there is no Next
	Saved  float64 // bits less than 32 for each of the numbers that it takes to tell them

	// Next tells the successor of a run's last number, if the run is long enough;
	// nil where the generator's kind is known and not its state.
	Next func(run []Number) (craft.Seq, bool)
}

const (
	// wordBits is what a number costs that nothing explains.
	wordBits = 32
	// searchBits is what looking for a generator among so many costs.
	searchBits = 20
)

// searches are asked in this order; the first of each kind that is found counts.
var searches = []func(runs [][]Number) (Generator, bool){
	inRuns(joinedRand), inRuns(shiftRegisters), inRuns(knownLCG), inRuns(binaryLCG), inRuns(truncatedLCG), whereAllDiffer(anyLCG),
	inRuns(xorshift), inRuns(linearStreams), whereAllDiffer(longRegisters), whereAllDiffer(linear),
}

// Search looks for generators that made runs of direct successors.
func Search(runs [][]Number) (found []Generator) {
	for _, search := range searches {
		if g, ok := search(runs); ok {
			found = append(found, g)
		}
	}
	return found
}

// inRuns looks in the longest runs for what find finds in one, and asks the other
// runs whether they agree.
func inRuns(find func([]Number) (Generator, bool)) func([][]Number) (Generator, bool) {
	return func(runs [][]Number) (Generator, bool) {
		for _, run := range runs {
			run = run[:min(len(run), 64)]
			if len(run) < leastRun || distinct(run) != len(run) {
				continue // numbers that come again fit too much
			}
			for _, piece := range pieces(run) {
				if g, ok := find(piece); ok {
					return g.over(runs, len(piece)), true
				}
			}
		}
		return Generator{}, false
	}
}

// whereAllDiffer asks about all runs at once, where no number comes again.
func whereAllDiffer(find func([][]Number) (Generator, bool)) func([][]Number) (Generator, bool) {
	return func(runs [][]Number) (Generator, bool) {
		all := 0
		seen := make(map[craft.Seq]bool)
		for _, run := range runs {
			all += len(run)
			for _, n := range run {
				seen[n.X] = true
			}
		}
		if len(seen) != all {
			return Generator{}, false
		}
		g, ok := find(runs)
		g.Saved = wordBits*float64(g.Proofs) - searchBits
		return g, ok
	}
}

// pieceLength is the length of the pieces of a run that are looked at where a
// stranger may be in it, and mostPieces how many there are.
const (
	pieceLength = 9
	mostPieces  = 4
)

// pieces are the run itself and stretches of it.
func pieces(run []Number) [][]Number {
	list := [][]Number{run}
	if len(run) <= pieceLength {
		return list
	}
	stride := max((len(run)-pieceLength)/(mostPieces-1), 1)
	for at := 0; at+pieceLength <= len(run) && len(list) <= mostPieces; at += stride {
		list = append(list, run[at:at+pieceLength])
	}
	return list
}

// mostTold bounds how many numbers a generator is asked for.
const mostTold = 200

// over says what the generator saves over all runs: 32 bits for each number that
// it tells, less those that were used up to find it.
func (g Generator) over(runs [][]Number, used int) Generator {
	g.Saved = wordBits*float64(g.Proofs) - searchBits
	if g.Next == nil {
		return g
	}
	hits, misses := 0, 0
	for _, run := range runs {
		for i := 2; i < len(run) && hits+misses < mostTold; i++ {
			x, ok := g.Next(run[:i])
			switch {
			case ok && x == run[i].X:
				hits++
			case ok:
				misses++
			}
		}
	}
	g.Saved = max(g.Saved, wordBits*float64(hits-max(used-2-g.Proofs, 0))-6*float64(misses)-searchBits)
	return g
}

// distinct counts the different numbers.
func distinct(run []Number) int {
	seen := make(map[craft.Seq]bool, len(run))
	for _, n := range run {
		seen[n.X] = true
	}
	return len(seen)
}
