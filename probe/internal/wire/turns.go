package wire

import (
	"net/netip"
	"slices"
)

// turns are responses that wait to be sent. Addresses take turns, so that one that calls for many
// responses does not keep the others waiting. The zero value is ready for use.
type turns struct {
	lanes []*lane // in the order of their turns
	of    map[netip.Addr]*lane
	idle  []*lane // for reuse
	count int
}

// lane are the responses to one address.
type lane struct {
	addr netip.Addr
	list []Response
	next int // what is before has been taken
}

// add lets a response wait, if there is room for it.
func (t *turns) add(x Response) bool {
	addr := x.Dst.Addr().WithZone("")
	l := t.of[addr]
	if t.count >= mostResponses || l != nil && len(l.list)-l.next >= mostOfOne {
		return false
	}
	if l == nil {
		l = t.open(addr)
	}
	l.compact()
	l.list = append(l.list, x)
	t.count++
	return true
}

// compact frees what has been taken once that is as much as what waits, so that a peer that never
// lets its lane become empty cannot make it grow for ever.
func (l *lane) compact() {
	if l.next > 0 && 2*l.next >= len(l.list) {
		l.list = l.list[:copy(l.list, l.list[l.next:])]
		l.next = 0
	}
}

// open gives an address its turn after all others.
func (t *turns) open(addr netip.Addr) *lane {
	l := &lane{}
	if n := len(t.idle); n > 0 {
		l, t.idle = t.idle[n-1], t.idle[:n-1]
	}
	*l = lane{addr: addr, list: l.list[:0]}
	if t.of == nil {
		t.of = map[netip.Addr]*lane{}
	}
	t.of[addr] = l
	t.lanes = append(t.lanes, l)
	return l
}

// close forgets an address for which nothing waits.
func (t *turns) close(l *lane) {
	delete(t.of, l.addr)
	t.idle = append(t.idle, l)
}

// take appends at most n responses to a list, one of each address in turn.
func (t *turns) take(n int, list []Response) []Response {
	for ; n > 0 && t.count > 0; n-- {
		l := t.lanes[0]
		t.lanes = t.lanes[1:]
		list = append(list, l.list[l.next])
		t.count--
		if l.next++; l.next == len(l.list) {
			t.close(l)
		} else {
			t.lanes = append(t.lanes, l)
		}
	}
	return list
}

// takeFlow appends those from one end to another to a list.
func (t *turns) takeFlow(src, dst netip.AddrPort, list []Response) []Response {
	l := t.of[dst.Addr().WithZone("")]
	if l == nil {
		return list
	}
	waiting := l.list[l.next:]
	rest := slices.DeleteFunc(waiting, func(x Response) bool {
		if x.Src != src || x.Dst.Port() != dst.Port() {
			return false
		}
		list = append(list, x)
		return true
	})
	t.count -= len(waiting) - len(rest)
	if l.list = l.list[:l.next+len(rest)]; len(rest) == 0 {
		t.close(l)
		t.lanes = slices.DeleteFunc(t.lanes, func(x *lane) bool { return x == l })
	}
	return list
}
