package target

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"strings"
)

// Parse makes the Set of what words, with opts, ask to be probed. Names are
// resolved to the resolver's first address; nothing else is sent or opened but
// the lists. The first word in the order of typing that does not parse, then the
// first that does not resolve, is a *WordError. ErrTooMany and ErrEmpty concern
// the words together; with ErrEmpty the Set is returned too, for its warnings.
// Cancelling ctx ends lookups and long lists with the context's error.
func Parse(ctx context.Context, words []string, opts Options) (*Set, error) {
	b := newBuilder(opts)
	b.reserve()
	if err := b.read(ctx, words); err != nil {
		return nil, err
	}
	if err := b.resolve(ctx); err != nil {
		return nil, err
	}
	b.seen = nil
	s, err := b.build()
	if err != nil || len(opts.Reserved) == 0 || s.Addresses() <= opts.ReserveAbove {
		return s, err
	}
	return b.buildUnreserved(s.Addresses())
}

// A builder gathers words into claims on addresses, and draws the Set from them.
type builder struct {
	opts     Options
	words    []word
	seen     map[uint64]uint32 // by the hash of a word's text, which makes one typed again harmless
	hash     maphash.Seed
	ports    []Ports // own ports of words, less ExcludePorts
	portIDs  map[string]uint32
	spaces   []space
	spaceIDs map[space]uint32
	claims   claims
	reserved []span // see reserve
	pending  []pending
	warnings []Warning
	absent   []Unresolved

	ids    []uint32 // see numbers
	blocks []block  // see room

	plain     map[plain]uint32 // words that stand for many addresses: see plain.go
	plainFrom int              // after how many words there are such
}

// pending is a word that waits for its name's addresses.
type pending struct {
	name string
	word uint32
	from source
}

const (
	asTarget    = "target"
	asExclusion = "exclusion"
)

// Indices of builder.ports that every run has.
const (
	defaultPorts = iota // of targets that name none
	allPorts            // of exclusions that name none
)

func newBuilder(opts Options) *builder {
	return &builder{
		opts:     opts,
		seen:     map[uint64]uint32{},
		hash:     maphash.MakeSeed(),
		ports:    []Ports{opts.ports().Minus(opts.ExcludePorts), everyPort()},
		portIDs:  map[string]uint32{},
		spaceIDs: map[space]uint32{},

		plain: map[plain]uint32{}, plainFrom: manyWords,
	}
}

// read takes in every word of the command line and of the lists.
func (b *builder) read(ctx context.Context, words []string) error {
	for _, text := range words {
		if err := b.add(text, source{what: asTarget}); err != nil {
			return err
		}
	}
	for _, name := range b.opts.Lists {
		if err := readList(ctx, name, asTarget, b.opts.Stdin, b.add); err != nil {
			return err
		}
	}
	for _, text := range b.opts.Exclude {
		if err := b.addExclusions(text, source{what: asExclusion}); err != nil {
			return err
		}
	}
	for _, name := range b.opts.ExcludeFiles {
		if err := readList(ctx, name, asExclusion, b.opts.Stdin, b.addExclusions); err != nil {
			return err
		}
	}
	return nil
}

// addExclusions adds one word, or several separated by commas where each is a
// word by itself: 192.0.2.1,5 is one pattern, 192.0.2.1,192.0.2.5 are two words.
func (b *builder) addExclusions(text string, from source) error {
	if b.addPlain(text, from) {
		return nil
	}
	parts := strings.Split(text, ",")
	for _, part := range parts {
		if _, err := parseWord(part); err != nil {
			return b.add(text, from)
		}
	}
	for _, part := range parts {
		if err := b.add(part, from); err != nil {
			return err
		}
	}
	return nil
}

// add reads one word. Under SkipBad a bad target becomes a warning.
func (b *builder) add(text string, from source) error {
	if b.addPlain(text, from) || b.again(text, from) {
		return nil
	}
	f, err := parseWord(text)
	if err != nil {
		return b.reject(text, from, ErrSyntax, err)
	}
	return b.addForm(text, &f, from)
}

// again tells whether the word was read before. One of which the hash is another
// word's is not recognised, which changes nothing but the memory that it takes.
func (b *builder) again(text string, from source) bool {
	exclude := from.what == asExclusion
	key := maphash.Comparable(b.hash, struct {
		text    string
		exclude bool
	}{text, exclude})
	id, seen := b.seen[key]
	if seen {
		return int(id) < len(b.words) && b.words[id].text == text && b.words[id].exclude == exclude
	}
	b.seen[key] = uint32(len(b.words))
	return false
}

func (b *builder) addForm(text string, f *form, from source) error {
	ports, err := b.portID(f.ports, from)
	if err != nil {
		return b.reject(text, from, ErrSyntax, err)
	}
	w := word{text: text, ports: ports, exclude: from.what == asExclusion}
	if f.name != "" {
		b.pending = append(b.pending, pending{f.name, uint32(len(b.words)), from})
		b.words = append(b.words, w)
		return nil
	}
	for s := range f.spans() {
		if !w.exclude && !b.opts.Family.accepts(s.first) {
			return b.reject(text, from, ErrFamily, fmt.Errorf("an %v address where only %v is wanted", familyOf(s.first), b.opts.Family))
		}
		b.claim(&w, uint32(len(b.words)), s)
	}
	b.words = append(b.words, w)
	b.take(f.notes, text, from)
	return nil
}

// claim enters a range of word number id.
func (b *builder) claim(w *word, id uint32, s span) {
	b.claims.add(s, b.spaceID(spaceOf(s.first)), id)
	w.wide = w.wide || !b.isReserved(s)
	d := pointOf(s.last).sub(pointOf(s.first))
	if d.hi > 0 || d.lo >= math.MaxUint64-w.size {
		w.size = math.MaxUint64
		return
	}
	w.size += d.lo + 1
}

func (b *builder) spaceID(s space) uint32 {
	id, ok := b.spaceIDs[s]
	if !ok {
		id = uint32(len(b.spaces))
		b.spaces = append(b.spaces, s)
		b.spaceIDs[s] = id
	}
	return id
}

// portID returns the index of a word's own ports.
func (b *builder) portID(text string, from source) (uint32, error) {
	switch {
	case text == "" && from.what == asExclusion:
		return allPorts, nil
	case text == "":
		return defaultPorts, nil
	}
	if id, ok := b.portIDs[text]; ok {
		return id, nil
	}
	ports, err := ParsePorts(text)
	if err != nil {
		return 0, err
	}
	id := uint32(len(b.ports))
	b.ports = append(b.ports, ports.Minus(b.opts.ExcludePorts))
	b.portIDs[text] = id
	return id, nil
}

// reject makes the error about a word, or its warning under SkipBad.
func (b *builder) reject(text string, from source, kind, err error) error {
	e := &WordError{What: from.what, Word: text, Where: from.where(), Kind: kind, Err: err}
	if !b.opts.SkipBad || from.what == asExclusion {
		return e
	}
	b.warnings = append(b.warnings, Warning{Code: WarnBadTarget, Word: text, Where: e.Where, Text: e.Error() + " (skipped)"})
	return nil
}

// take keeps what was noticed about a target; of exclusions nothing is worth it.
func (b *builder) take(notes []Warning, text string, from source) {
	if from.what == asExclusion {
		return
	}
	for _, n := range notes {
		n.Word, n.Where = text, from.where()
		b.warnings = append(b.warnings, n)
	}
}

// emptyError says why nothing is left.
func (b *builder) emptyError() error {
	if len(b.words) == 0 && len(b.warnings) == 0 {
		return fmt.Errorf("%w: no target is given", ErrEmpty)
	}
	for _, w := range b.warnings {
		if w.Code == WarnBadTarget { // the first stands for all: there may be many
			return fmt.Errorf("%w: every target is excluded or was skipped: %s", ErrEmpty, w.Text)
		}
	}
	return fmt.Errorf("%w: every target is excluded or was skipped", ErrEmpty)
}

// tooMany names the widest word.
func (b *builder) tooMany() error {
	widest := word{}
	for _, w := range b.words {
		if !w.exclude && w.size > widest.size {
			widest = w
		}
	}
	return &WordError{What: asTarget, Word: widest.text, Kind: ErrTooMany,
		Err: errors.New("with all other targets and ports more than 2^64 probes; narrow the prefix or the ports")}
}
