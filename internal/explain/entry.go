package explain

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"synscope/internal/spelling"
)

// Kind says where in a record a word stands.
type Kind string

// The kinds, in the order in which they are listed.
const (
	State     Kind = "state"     // what a port is
	Reason    Kind = "reason"    // what a state rests on
	Finding   Kind = "finding"   // what was remarkable beside it
	Class     Kind = "class"     // how sequence numbers are chosen
	Flag      Kind = "flag"      // what happened while they were sampled
	Close     Kind = "close"     // how a connection ended
	Doubt     Kind = "doubt"     // why a time was not counted
	Rejection Kind = "rejection" // why a packet counted for nothing
	Ending    Kind = "ending"    // why a connection of a capture was followed no further
	Hop       Kind = "hop"       // what answered on the way

	Connection Kind = "connection state" // where an end of a connection is
	Clock      Kind = "clock"            // what took a time
)

// Kinds are all kinds, in their order.
func Kinds() []Kind {
	return []Kind{State, Reason, Finding, Class, Flag, Close, Doubt, Rejection, Ending, Hop, Cause, Experiment, Connection, Clock, Severity}
}

// Entry is what is to be known of a word.
type Entry struct {
	Kind  Kind   `json:"kind"`
	Word  string `json:"word"` // stable, in kebab case; states of connections as netstat(8) writes them
	Means string `json:"means"`
	Seen  string `json:"concluded_from,omitempty"`
	Do    string `json:"advice,omitempty"` // "" where there is nothing to be done
	See   string `json:"see,omitempty"`    // RFC and section, or manual page
}

// All are all entries, by kind and word.
func All() []Entry { return slices.Clone(table().all) }

// Words are those of one kind.
func Words(k Kind) (words []string) {
	for _, e := range table().all {
		if e.Kind == k {
			words = append(words, e.Word)
		}
	}
	return words
}

// index is all entries, and by their words in the form of [normal].
type index struct {
	all    []Entry
	byWord map[string][]Entry
}

// table is the index, made when it is first asked for.
var table = sync.OnceValue(func() *index {
	all := slices.Concat(states, reasons, icmpReasons, scanFindings, handshakeFindings, optionFindings, teardownFindings,
		isnFindings, samplingFindings, pathFindings, classes, flags, closes, doubts, rejections, protocols, endings, hops, pathNodes, causes, experiments, connectionStates, clocks, severities)
	order := Kinds()
	slices.SortStableFunc(all, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)), strings.Compare(a.Word, b.Word))
	})
	byWord := map[string][]Entry{}
	for _, e := range all {
		word := normal(e.Word)
		byWord[word] = append(byWord[word], e)
	}
	return &index{all, byWord}
})

// Of are the entries of a word, of which one may stand in several kinds of place.
// Case does not matter, nor whether the parts are joined by "-", "_" or a space.
func Of(word string) []Entry {
	word = normal(word)
	found := slices.Clone(table().byWord[word])
	if f := family(word); f != word {
		found = append(found, table().byWord[f]...)
	}
	return found
}

// OfKind are the entries of a kind, in the singular or the plural.
func OfKind(kind string) (found []Entry) {
	for _, e := range All() {
		if name := string(e.Kind); kind == name || kind == name+"s" || kind == name+"es" {
			found = append(found, e)
		}
	}
	return found
}

func normal(word string) string {
	return joints.Replace(strings.ToLower(strings.TrimSpace(word)))
}

// joints are what joins the parts of a word.
var joints = strings.NewReplacer("_", "-", " ", "-")

// families are the words that hold a number without a name of its own: "icmp-3-5",
// "ethertype-0x88b5".
var families = []string{"icmp-3-", "icmp-1-", "ip-protocol-", "ethertype-0x"}

// family is the word under which such a word is explained.
func family(word string) string {
	for _, prefix := range families {
		if rest, ok := strings.CutPrefix(word, prefix); ok && rest != "" && strings.Trim(rest, "0123456789abcdef") == "" {
			return strings.TrimSuffix(prefix, "0x") + "n"
		}
	}
	return word
}

// Near are up to three words that are spelled most like one, best first.
func Near(word string) []string {
	if normal(word) == "" {
		return nil
	}
	var known []string
	for _, e := range All() {
		known = append(known, normal(e.Word))
	}
	near := spelling.Alike(normal(word), known, 3)
	for i, n := range near {
		near[i] = Of(n)[0].Word
	}
	return near
}
