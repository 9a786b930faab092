package flow

// The memory of a record with its place in the index, and of what only some records
// refer to, in bytes.
const (
	loneCost    = 112
	flowCost    = 516
	unusualCost = 64
	rivalCost   = 48
	heldCost    = 112
	copiesCost  = 80
	numbersCost = 24
)

// weight is how many bytes a connection refers to, beside its record.
func (f *flow) weight() uint32 {
	n := uint32(f.watch.Weight())
	if f.more == nil {
		return n
	}
	n += unusualCost
	if c := f.more.copies; c != nil {
		n += copiesCost + numbersCost*uint32(cap(c.old))
	}
	if v := f.more.rival; v != nil {
		n += rivalCost + heldCost*uint32(cap(v.packets))
		for i := range v.packets {
			n += uint32(cap(v.packets[i].Data))
		}
	}
	return n
}

// weigh updates the memory of what a connection refers to.
func (t *Table) weigh(f *flow) {
	now := f.weight()
	t.hanging += int64(now) - int64(f.weighed)
	f.weighed = now
}

// drop gives the record of a connection back.
func (t *Table) drop(r ref) {
	t.hanging -= int64(t.flow(r).weighed)
	t.flows.give(uint32(r))
}

// Memory is about how many bytes the connections take that are followed.
func (t *Table) Memory() int64 {
	return int64(t.lones.used)*loneCost + int64(t.flows.used)*flowCost + t.hanging
}

// crowd forgets connections until there is room for one more.
func (t *Table) crowd() {
	for t.lones.used+t.flows.used >= t.cfg.Flows || t.Memory()+flowCost > t.cfg.Memory {
		if !t.forget() {
			return
		}
	}
}

// forget hands one connection out early: one that has ended gives way first, then
// the one that was silent longest. It tells whether there was one.
func (t *Table) forget() bool {
	switch {
	case t.over.first != noRef:
		t.finish(t.over.first, Crowded)
	case t.older():
		t.finish(t.alone.first, Crowded)
	case t.going.first != noRef:
		t.finish(t.going.first, Crowded)
	default:
		return false
	}
	return true
}

// older reports whether the oldest SYN was silent longer than any connection.
func (t *Table) older() bool {
	return t.alone.first != noRef &&
		(t.going.first == noRef || t.lone(t.alone.first).heard < t.flow(t.going.first).heard)
}

// mostAlike is how many connections with the same addresses and ports, each in a network
// of its own, are followed at a time: each segment is compared with all of them.
const mostAlike = 1 << 12

// thin makes room for one more connection on the same addresses and ports.
func (t *Table) thin(k *key, hash uint32) {
	if !t.shared {
		return
	}
	alike, first := 0, noRef
	t.index.find(hash, func(r ref) bool {
		if *t.keyOf(r) == *k {
			alike++
			if first == noRef || t.heardOf(r) < t.heardOf(first) {
				first = r
			}
		}
		return false
	})
	if alike >= mostAlike {
		t.finish(first, Crowded)
	}
}

// heardOf is when the last packet of a record came.
func (t *Table) heardOf(r ref) ticks {
	if r.isLone() {
		return t.lone(r).heard
	}
	return t.flow(r).heard
}
