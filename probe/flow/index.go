package flow

// ref is the place of a record: in the store of lone SYNs where the highest
// bit is set, otherwise in that of connections. noRef is none.
type ref uint32

const (
	noRef   ref = 0
	loneBit ref = 1 << 31
)

func (r ref) isLone() bool { return r&loneBit != 0 }

// index finds records by the hash of their endpoints: open addressing, with
// linear probing and deletion by shifting back, in 8 bytes a slot. Records are
// compared by whoever asks.
type index struct {
	slots []slot
	used  int
}

type slot struct {
	hash uint32
	ref  ref
}

const firstSlots = 1 << 10

// find returns the record with a hash that match accepts, or noRef.
func (x *index) find(hash uint32, match func(ref) bool) ref {
	if x.used == 0 {
		return noRef
	}
	mask := uint32(len(x.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		s := x.slots[i]
		if s.ref == noRef {
			return noRef
		}
		if s.hash == hash && match(s.ref) {
			return s.ref
		}
	}
}

// add takes in a record that is not there.
func (x *index) add(hash uint32, r ref) {
	if 4*(x.used+1) > 3*len(x.slots) {
		x.grow()
	}
	x.put(slot{hash, r})
	x.used++
}

func (x *index) put(s slot) {
	mask := uint32(len(x.slots) - 1)
	i := s.hash & mask
	for x.slots[i].ref != noRef {
		i = (i + 1) & mask
	}
	x.slots[i] = s
}

func (x *index) grow() {
	old := x.slots
	x.slots = make([]slot, max(firstSlots, 2*len(old)))
	for _, s := range old {
		if s.ref != noRef {
			x.put(s)
		}
	}
}

// replace puts another record in the place of one.
func (x *index) replace(hash uint32, old, now ref) {
	mask := uint32(len(x.slots) - 1)
	for i := hash & mask; x.slots[i].ref != noRef; i = (i + 1) & mask {
		if x.slots[i].ref == old {
			x.slots[i].ref = now
			return
		}
	}
}

// remove forgets a record, and moves those after it into the gap.
func (x *index) remove(hash uint32, r ref) {
	mask := uint32(len(x.slots) - 1)
	i := hash & mask
	for x.slots[i].ref != r {
		i = (i + 1) & mask
	}
	x.used--
	for j := (i + 1) & mask; x.slots[j].ref != noRef; j = (j + 1) & mask {
		home := x.slots[j].hash & mask
		if (j-home)&mask >= (j-i)&mask {
			x.slots[i] = x.slots[j]
			i = j
		}
	}
	x.slots[i] = slot{}
}
