package scan

import "iter"

// index finds the record of a port by a hash table whose entries lie side by side: an
// entry that is not at its own place is at one of the next, up to the first that is empty. It
// is asked for each packet in turn, of another host each time: what it costs is the memory
// that has to be fetched for it, one line mostly.
type index struct {
	entries []indexEntry // their number is a power of two
	n       int
	shift   uint8 // leaves the bits of a hash that tell a place
}

// indexEntry is empty where held is false.
type indexEntry struct {
	key  uint64
	id   uint32
	held bool
}

const leastIndex = 64 // entries

// place is where the search for a key begins: by Fibonacci hashing (Knuth, TAOCP volume 3, §6.4).
func (x *index) place(key uint64) int { return int(key * 0x9e3779b97f4a7c15 >> x.shift) }

func (x *index) after(i int) int { return (i + 1) & (len(x.entries) - 1) }

// at is where a key is, or the place for it.
func (x *index) at(key uint64) int {
	i := x.place(key)
	for x.entries[i].held && x.entries[i].key != key {
		i = x.after(i)
	}
	return i
}

func (x *index) get(key uint64) (id uint32, ok bool) {
	if x.n == 0 {
		return 0, false
	}
	e := &x.entries[x.at(key)]
	return e.id, e.held
}

// put enters a key, or gives it another record.
func (x *index) put(key uint64, id uint32) {
	if 4*(x.n+1) > 3*len(x.entries) {
		x.grow()
	}
	e := &x.entries[x.at(key)]
	if !e.held {
		x.n++
	}
	*e = indexEntry{key, id, true}
}

func (x *index) grow() {
	before := x.entries
	x.entries = make([]indexEntry, max(leastIndex, 2*len(before)))
	x.shift = 64
	for n := len(x.entries); n > 1; n /= 2 {
		x.shift--
	}
	for _, e := range before {
		if e.held {
			x.entries[x.at(e.key)] = e
		}
	}
}

// remove takes a key out, and moves up what is behind it and may not stand behind a gap.
func (x *index) remove(key uint64) {
	if x.n == 0 {
		return
	}
	gap := x.at(key)
	if !x.entries[gap].held {
		return
	}
	x.n--
	for i := x.after(gap); x.entries[i].held; i = x.after(i) {
		mask := len(x.entries) - 1
		if fromPlace := (i - x.place(x.entries[i].key)) & mask; fromPlace >= (i-gap)&mask {
			x.entries[gap], gap = x.entries[i], i
		}
	}
	x.entries[gap] = indexEntry{}
}

// all are the records, in no order.
func (x *index) all() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, e := range x.entries {
			if e.held && !yield(e.id) {
				return
			}
		}
	}
}
