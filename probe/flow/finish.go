package flow

import (
	"cmp"
	"slices"
)

// finish hands out what is known of a connection, and forgets it.
func (t *Table) finish(f *flow, why Ending) {
	delete(t.flows, f.key)
	t.listOf(f).remove(f)
	a := &f.attempt
	a.Result = f.follower.Result()
	a.View, a.Ending = f.times.view(), why
	if a.Attempts == 1 {
		a.SYNToACK = f.times.rtt
	}
	if err := t.sink.Attempt(a); t.err == nil {
		t.err = err
	}
}

// remaining are the connections that are followed, the oldest first.
func (t *Table) remaining() []*flow {
	all := make([]*flow, 0, len(t.flows))
	for _, f := range t.flows {
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b *flow) int { return cmp.Compare(a.attempt.Number, b.attempt.Number) })
	return all
}

// list is a queue of connections in the order in which they were last heard of,
// linked through themselves. The zero list is empty.
type list struct{ first, last *flow }

func (l *list) push(f *flow) {
	f.old, f.newer = l.last, nil
	if l.last == nil {
		l.first = f
	} else {
		l.last.newer = f
	}
	l.last = f
}

func (l *list) remove(f *flow) {
	if f.old == nil {
		l.first = f.newer
	} else {
		f.old.newer = f.newer
	}
	if f.newer == nil {
		l.last = f.old
	} else {
		f.newer.old = f.old
	}
	f.old, f.newer = nil, nil
}
