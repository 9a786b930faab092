package netraw

import (
	"slices"
	"time"

	"github.com/vishvananda/netlink"
)

// takeLate lets answers count that came after their questions were given up.
func (n *neighbours) takeLate(events map[neighbour]*netlink.Neigh, now time.Time) {
	n.late = slices.DeleteFunc(n.late, func(q *question) bool {
		entry := events[q.key]
		if entry == nil || entry.State&q.accepts == 0 {
			return false
		}
		q.resolve(entry)
		n.finish(q, now)
		return true
	})
}

// dismiss removes the entries of the first late questions, whose answers count no more.
func (n *neighbours) dismiss(first int) {
	changes := make([]tableChange, 0, first)
	for _, q := range n.late[:first] {
		n.table.ignore(q.key)
		changes = append(changes, tableChange{key: q.key, remove: true})
	}
	n.late = slices.Delete(n.late, 0, first)
	for _, err := range n.table.change(changes) {
		n.denied(err) // then the kernel removes them in its own time
	}
}

// leaves is when the entry of a late question is removed.
func (n *neighbours) leaves(q *question) time.Time { return q.began.Add(lateFor * n.cfg.Wait / 10) }

// tidyLate dismisses those whose time is over, and the oldest where there are too many:
// as many entries as a third of the limit may stay beside those that are asked for.
func (n *neighbours) tidyLate(now time.Time) {
	over := 0
	for over < len(n.late) && !now.Before(n.leaves(n.late[over])) {
		over++
	}
	room := n.cfg.Limit + n.cfg.Limit/3 - len(n.active) - len(n.kept)
	over = max(over, min(len(n.late), len(n.late)-room))
	if over > 0 {
		n.dismiss(over)
	}
}

// removeLate removes the entry of a question that is late.
func (n *neighbours) removeLate(q *question) {
	if i := slices.Index(n.late, q); i >= 0 {
		n.late[0], n.late[i] = n.late[i], n.late[0]
		n.dismiss(1)
		slices.SortFunc(n.late, func(a, b *question) int { return a.began.Compare(b.began) })
	}
}
