package netraw

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
)

const (
	defaultNeighbourLimit = 384
	defaultNeighbourRate  = 2000
	defaultNeighbourWait  = 250 * time.Millisecond

	// lateFor is for how many tenths of a wait an entry stays after its first request: the
	// kernel would repeat the second one a second after it.
	lateFor = 49

	// kernelWait covers the kernel's own two requests, a second apart.
	kernelWait = 1400 * time.Millisecond
	// kernelPatience is for how long the kernel keeps an entry that it asks for
	// by itself: mcast_solicit requests, a second apart (arp(7)).
	kernelPatience = 3200 * time.Millisecond
	// tableFullPause is how long to leave a full table alone. The kernel clears
	// what it has not used for 5 s (neigh_forced_gc in net/core/neighbour.c).
	tableFullPause = 100 * time.Millisecond
)

const (
	// configured are the states of an entry that somebody has set: nobody is asked.
	configured = netlink.NUD_PERMANENT | netlink.NUD_NOARP
	// confirmed are the states of an entry that the neighbour has just answered
	// for, or that need no answer.
	confirmed = netlink.NUD_REACHABLE | configured
)

// neighbours is what Neighbours is on Linux. A question goes from waiting, where
// it has no request yet, to active, in the order in which they are due, to done.
type neighbours struct {
	routes   router
	table    neighbourTable
	nudge    nudger
	cfg      NeighbourConfig
	asked    map[neighbour]*question
	waiting  []*question
	active   []*question
	late     []*question // failed, and not yet removed from the table: an answer still counts
	kept     []time.Time // until when the kernel keeps entries that we cannot remove
	done     []*question
	pacer    requestPacer
	mayAsk   bool // the kernel lets us change its table
	resumeAt time.Time
	opened   time.Time // what was confirmed before says nothing of now
}

// question is one destination that was asked for.
type question struct {
	key     neighbour
	found   Neighbour
	accepts int       // the states that answer it
	known   bool      // the table had an entry of it before
	asked   time.Time // since when an answer counts; zero: since the table was opened
	began   time.Time
	due     time.Time // when the current request has waited long enough
}

func (n *neighbours) open(cfg NeighbourConfig) (err error) {
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	n.cfg, n.opened = cfg.withDefaults(), time.Now()
	n.asked, n.mayAsk = make(map[neighbour]*question), true
	n.pacer = requestPacer{rate: n.cfg.Rate}
	if err := n.routes.open(Config{Interface: cfg.Interface, Source: cfg.Source}); err != nil {
		return fmt.Errorf("netraw: %w", err)
	}
	if err := n.table.open(cfg.Table); err != nil {
		return fmt.Errorf("netraw: open netlink socket: %w", err)
	}
	if err := n.nudge.open(cfg, &n.routes); err != nil && !n.table.changeable() {
		return fmt.Errorf("netraw: open raw socket: %w", permission(err))
	}
	return nil
}

func (cfg NeighbourConfig) withDefaults() NeighbourConfig {
	limit := defaultNeighbourLimit
	for _, version := range []string{"ipv4", "ipv6"} {
		if n := neighbourThreshold(version); n > 0 {
			limit = max(1, min(limit, n*3/4))
		}
	}
	cfg.Limit = cmp.Or(max(cfg.Limit, 0), limit)
	cfg.Rate = cmp.Or(max(cfg.Rate, 0), defaultNeighbourRate)
	cfg.Wait = cmp.Or(max(cfg.Wait, 0), defaultNeighbourWait)
	return cfg
}

// neighbourThreshold is from how many entries on the kernel clears its table, 0
// where it does not say: only the first network namespace shows it.
func neighbourThreshold(version string) int {
	text, _ := os.ReadFile(path.Join("/proc/sys/net", version, "neigh/default/gc_thresh2"))
	n, _ := strconv.Atoi(string(bytes.TrimSpace(text)))
	return n
}

func (n *neighbours) ask(dst netip.Addr) Neighbour {
	route, err := n.routes.route(dst)
	if err != nil {
		return Neighbour{Addr: dst, State: NeighbourUnknown, Err: err}
	}
	return n.askRoute(dst, route)
}

func (n *neighbours) askRoute(dst netip.Addr, route Route) Neighbour {
	found := Neighbour{Addr: dst, IfIndex: route.IfIndex}
	switch {
	case route.Local || route.Plain:
		found.State = NeighbourUnneeded
		return found
	case route.NextHop.IsValid():
		found.State, found.NextHop = NeighbourRouted, route.nextHopInZone()
		return found
	}
	key := neighbour{route.IfIndex, dst.Unmap().WithZone("")}
	if q, known := n.asked[key]; known {
		return q.found
	}
	q := &question{key: key, found: found}
	n.asked[key] = q
	n.begin(q)
	return q.found
}

func (n *neighbours) askAgain(dst netip.Addr, route Route) Neighbour {
	if route.NextHop.IsValid() {
		dst, route.NextHop = route.nextHopInZone(), netip.Addr{}
	}
	key := neighbour{route.IfIndex, dst.Unmap().WithZone("")}
	q := n.asked[key]
	if route.Local || route.Plain || q != nil && (q.found.State != NeighbourResolved || slices.Contains(n.done, q)) {
		return n.askRoute(dst, route)
	}
	again := &question{key: key, found: Neighbour{Addr: dst, IfIndex: route.IfIndex}, asked: time.Now()}
	if q != nil {
		again.found.Addr = q.found.Addr
	}
	n.asked[key] = again
	n.begin(again)
	return again.found
}

// begin answers a question out of the table, or lets it wait for its request.
func (n *neighbours) begin(q *question) {
	now := time.Now()
	entry := n.table.entry(q.key, now)
	if entry != nil && (n.answered(q, entry, now) || entry.State&n.believed() != 0) {
		n.believe(q, entry, now)
		return
	}
	q.known = entry != nil
	n.waiting = append(n.waiting, q)
}

// believed are the states that need no request, though no answer was seen. An
// address that was confirmed a while ago may be another's by now, or nobody's.
func (n *neighbours) believed() int {
	if n.mayAsk {
		return configured
	}
	return nudValid
}

// believe takes the address that the table has.
func (n *neighbours) believe(q *question, entry *netlink.Neigh, now time.Time) {
	q.resolve(entry)
	q.found.Believed = !n.answered(q, entry, now)
}

// The kernel tells ages in ticks, cut off; an age may be one tick and one of the kernel's
// own more.
const (
	ageTick  = 10 * time.Millisecond // USER_HZ is 100 wherever Go runs
	ageError = 2
)

// answered reports whether the neighbour has answered, or taken part in a connection, since
// this was opened (NDA_CACHEINFO, rtnetlink(7)).
func (n *neighbours) answered(q *question, entry *netlink.Neigh, now time.Time) bool {
	since := n.opened
	if q.asked.After(since) {
		since = q.asked
	}
	age := (time.Duration(entry.Confirmed) + ageError) * ageTick
	return entry.State&netlink.NUD_REACHABLE != 0 && now.Add(-age).After(since)
}

func (q *question) resolve(entry *netlink.Neigh) {
	q.found.State = NeighbourResolved
	q.found.MAC = append(net.HardwareAddr(nil), entry.HardwareAddr...)
}

func (n *neighbours) poll(found []Neighbour) []Neighbour {
	now := time.Now()
	n.takeEvents(now)
	n.expire(now)
	n.start(now)
	for _, q := range n.done {
		found = append(found, q.found)
	}
	n.done = n.done[:0]
	return found
}

// takeEvents looks at what the kernel told of the active questions.
func (n *neighbours) takeEvents(now time.Time) {
	events, overrun := n.table.events()
	for i := range n.active {
		q := n.active[i]
		entry, told := events[q.key]
		if overrun {
			entry = n.table.entry(q.key, now)
			told = entry != nil
		}
		switch {
		case !told:
		case entry.State&q.accepts != 0:
			q.resolve(entry)
			n.finish(q, now)
		case !n.mayAsk && entry.State == netlink.NUD_FAILED:
			q.found.State = NeighbourFailed
			n.finish(q, now)
		}
	}
	n.tidy()
	n.takeLate(events, now)
}

// tidy leaves only unanswered questions active.
func (n *neighbours) tidy() {
	n.active = slices.DeleteFunc(n.active, func(q *question) bool { return q.found.State != NeighbourPending })
}

// finish hands the outcome to the next Poll.
func (n *neighbours) finish(q *question, now time.Time) {
	if !q.began.IsZero() {
		q.found.Took = now.Sub(q.began)
	}
	n.table.ignore(q.key)
	n.done = append(n.done, q)
}

// expire asks again for what got no answer in time, or gives it up.
func (n *neighbours) expire(now time.Time) {
	n.kept = slices.DeleteFunc(n.kept, func(until time.Time) bool { return !now.Before(until) })
	var again, over []*question
	for _, q := range n.active {
		if now.Before(q.due) {
			break // in the order in which they are due
		}
		if n.mayAsk && q.found.Asked < 2 && !q.known { // to read the table costs as much as to ask
			again = append(again, q)
			continue
		}
		entry := n.table.entry(q.key, now)
		switch {
		case entry != nil && entry.State&q.accepts != 0: // its event was lost
			q.resolve(entry)
			n.finish(q, now)
		case n.mayAsk && q.found.Asked < 2:
			again = append(again, q)
		default:
			over = append(over, q)
		}
	}
	n.abandon(over, now)
	n.active = slices.DeleteFunc(n.active, func(q *question) bool { return slices.Contains(again, q) })
	n.tidy()
	n.askAll(again, now)
}

// abandon gives questions up. Their entries stay a while, since an answer may be late.
func (n *neighbours) abandon(over []*question, now time.Time) {
	for _, q := range over {
		q.found.State = NeighbourFailed
		n.finish(q, now)
		if n.mayAsk {
			n.table.expect(q.key)
			n.late = append(n.late, q)
		} else if until := q.began.Add(kernelPatience); now.Before(until) {
			n.kept = append(n.kept, until)
		}
	}
	n.tidyLate(now)
}

// waitsFor is how long the next request for a neighbour waits for its answer: together so
// long that one counts which comes a second after the first.
func (n *neighbours) waitsFor(q *question) time.Duration {
	if q.found.Asked == 0 {
		return n.cfg.Wait
	}
	return n.cfg.Wait * 16 / 5
}

// pollTogether is how long requests and their ends wait for each other: as many
// tokens as the pacer holds come together meanwhile.
const pollTogether = pacerDepth

func (n *neighbours) next() (time.Duration, bool) {
	now := time.Now()
	var at []time.Time
	for _, q := range n.active {
		at = append(at, q.due)
		break // in the order in which they are due
	}
	if len(n.waiting) > 0 {
		at = append(at, n.startsAt(now))
	}
	if len(n.late) > 0 {
		at = append(at, n.leaves(n.late[0]))
	}
	switch {
	case len(n.done) > 0:
		return 0, true
	case len(at) == 0:
		return 0, false
	}
	return max(pollTogether, slices.MinFunc(at, time.Time.Compare).Sub(now)), true
}

// startsAt is when the next first request can leave, as far as that is known.
func (n *neighbours) startsAt(now time.Time) time.Time {
	switch {
	case now.Before(n.resumeAt):
		return n.resumeAt
	case n.room(0):
		return n.pacer.at()
	case len(n.active) > 0:
		return n.active[0].due
	}
	return slices.MinFunc(n.kept, time.Time.Compare)
}

func (n *neighbours) ready() <-chan struct{} { return n.table.bell }
func (n *neighbours) pending() int           { return len(n.waiting) + len(n.active) + len(n.done) }

func (n *neighbours) forget(dst netip.Addr) {
	for key, q := range n.asked {
		if q.found.Addr == dst && q.found.State != NeighbourPending && !slices.Contains(n.done, q) {
			delete(n.asked, key)
			n.removeLate(q)
		}
	}
}

func (n *neighbours) close() error {
	n.routes.close()
	if n.late != nil {
		n.dismiss(len(n.late))
	}
	return errors.Join(n.table.close(), n.nudge.close())
}
