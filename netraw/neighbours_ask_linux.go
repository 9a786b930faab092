package netraw

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// start sends first requests as far as limit and rate allow.
func (n *neighbours) start(now time.Time) {
	n.pacer.refill(now)
	var first []*question
	for len(n.waiting) > 0 && n.room(len(first)) && !now.Before(n.resumeAt) && n.pacer.take() {
		first = append(first, n.waiting[0])
		n.waiting = n.waiting[1:]
	}
	n.askAll(first, now)
}

// room reports whether one more request may be under way beside those that are
// about to be.
func (n *neighbours) room(more int) bool { return len(n.active)+len(n.kept)+more < n.cfg.Limit }

// askAll makes the kernel ask, by whichever means it permits.
func (n *neighbours) askAll(qs []*question, now time.Time) {
	if n.mayAsk {
		qs = n.askByTable(qs, now)
	}
	for _, q := range qs {
		n.table.expect(q.key)
		n.asking(q, n.askByPacket(q, now), now)
	}
	slices.SortStableFunc(n.active, func(a, b *question) int { return a.due.Compare(b.due) })
}

// askByTable has entries made, and first removed where this was asked for before,
// since the kernel repeats an unanswered request only after a second. It returns the
// questions for which it was denied.
func (n *neighbours) askByTable(qs []*question, now time.Time) (denied []*question) {
	changes := make([]tableChange, 0, 2*len(qs))
	for _, q := range qs {
		n.table.expect(q.key)
		q.accepts, q.due = nudValid, now.Add(n.waitsFor(q))
		change := tableChange{key: q.key}
		if q.found.Asked > 0 {
			changes = append(changes, tableChange{key: q.key, remove: true})
		} else if q.known && n.hasValid(q, now) {
			q.accepts, change.how = confirmed, SolicitKnown
		}
		changes = append(changes, change)
	}
	errs := n.table.change(changes)
	for _, q := range qs {
		if q.found.Asked > 0 {
			n.denied(errs[0])
			errs = errs[1:]
		}
		if n.denied(errs[0]) {
			denied = append(denied, q)
		} else {
			n.asking(q, errs[0], now)
		}
		errs = errs[1:]
	}
	return denied
}

// hasValid reports whether the table has an address of a neighbour that it knew before.
func (n *neighbours) hasValid(q *question, now time.Time) bool {
	entry := n.table.entry(q.key, now)
	return entry != nil && entry.State&nudValid != 0
}

// askByPacket believes an entry that there is, and else gives the kernel a packet.
func (n *neighbours) askByPacket(q *question, now time.Time) error {
	if entry := n.table.entry(q.key, now); entry != nil && entry.State&nudValid != 0 {
		n.believe(q, entry, now)
		n.finish(q, now)
		return nil
	}
	q.accepts, q.due = nudValid, now.Add(kernelWait)
	return n.nudge.send(q.key, q.found.Addr, &n.routes)
}

// asking takes note of a request, or of why it could not be made.
func (n *neighbours) asking(q *question, err error, now time.Time) {
	switch {
	case errors.Is(err, unix.ENOBUFS): // the table is full
		n.resumeAt = now.Add(tableFullPause)
		n.waiting = append([]*question{q}, n.waiting...)
	case err != nil:
		q.found.State, q.found.Err = NeighbourUnknown, fmt.Errorf("netraw: resolve %v: %w", q.found.Addr, sendReason(err))
		n.finish(q, now)
	case q.found.State == NeighbourPending:
		q.found.Asked++
		if q.began.IsZero() {
			q.began = now
		}
		n.active = append(n.active, q)
	}
}

// denied notes that the kernel does not let us change its table.
func (n *neighbours) denied(err error) bool {
	if errors.Is(err, unix.EPERM) {
		n.mayAsk = false
		return true
	}
	return false
}
