package scan

import (
	"net/netip"
	"slices"
	"time"

	"synscope/probe/internal/wire"
)

// phase is where a probe is in its life.
type phase uint8

const (
	phaseFree    phase = iota // a record without a probe
	phaseQueued               // waits for its turn to be sent (again)
	phaseFlying               // sent, waiting for an answer
	phaseSettled              // answered; stays a while, something better may come
	phaseRefused              // the kernel did not take it; waits for another try
	phaseSilent               // not answered; that is not told yet, see silence.go
	phaseHeld                 // not answered; its verdict waits for a sign of life of the host
)

// flight is one probe between its first transmission and its verdict: all the
// state that a scan keeps of a port.
type flight struct {
	host     *host
	tx       []wire.Stamps
	outcome  wire.Outcome
	port     uint16
	phase    phase
	refused  uint8 // how often the kernel refused the current transmission
	noted    uint8 // transmissions whose silence was noted
	walled   bool  // this machine's firewall did, the last time
	canary   bool
	untold   bool // of those whose silence is kept back
	watches  bool // asks whether the host still answers: see watch.go
	rechecks bool // asks a port that has had its verdict: see changes.go
	otherAck bool // SYN-ACKs came that acknowledge another number: see wrongack.go
	asked    bool // once more, after an error that may have been of the moment: see transient.go
	stays    bool // silent, its verdict waits for those of other ports: see late.go
	stayed   bool // it has

	questions uint8 // answers to transmissions before that were asked about: see doubtful.go

	same same // transmissions that are alike: see same.go

	batch *wire.Batch // that the latest transmission is in, while nobody knows whether it left: see beside.go
	place uint8       // in that
	renew bool        // to be transmitted again once that is known
}

func (f *flight) target() netip.AddrPort { return netip.AddrPortFrom(f.host.addr, f.port) }

// latest is the latest transmission.
func (f *flight) latest() *wire.Stamps { return &f.tx[len(f.tx)-1] }

// takeBack forgets the latest transmission, which did not leave.
func (f *flight) takeBack() {
	f.tx = f.tx[:len(f.tx)-1]
	if n := len(f.tx); f.same.last > 0 && int(f.same.last) >= n {
		f.same.last = uint8(n - 1)
	}
	if f.same.last <= f.same.first {
		f.same = same{}
	}
}

const (
	slabSize = 256
	// usualAttempts are those for which every record has room: most probes need no more.
	usualAttempts = 3
)

// flights holds the probes in flight. Records live in slabs that are reused,
// so sending allocates nothing once a scan has reached its depth.
type flights struct {
	slabs    [][]flight
	free     []uint32
	index    index // by host and port
	timers   wire.Timers
	schedule []uint32 // by record: counts deadlines set, so that what waits for a former one is known to be stale
	attempts int      // capacity of each record's list of transmissions, to begin with
	live     int
	untold   int // of these, probes whose silence is kept back
}

func newFlights(attempts int) *flights {
	return &flights{attempts: attempts}
}

func flightKey(h *host, port uint16) uint64 { return uint64(h.id)<<16 | uint64(port) }

func (t *flights) at(id uint32) *flight { return &t.slabs[id/slabSize][id%slabSize] }

// add makes a record for a port of a host and returns its id.
func (t *flights) add(h *host, port uint16) uint32 {
	t.count(h)
	return t.record(h, port)
}

// count lets a probe count that has no record yet.
func (t *flights) count(h *host) {
	t.live++
	h.flights++
}

// record makes the record of a probe that has been counted.
func (t *flights) record(h *host, port uint16) uint32 {
	if len(t.free) == 0 {
		t.grow()
	}
	id := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	f := t.at(id)
	*f = flight{host: h, port: port, tx: f.tx[:0], phase: phaseQueued}
	t.index.put(flightKey(h, port), id)
	return id
}

func (t *flights) grow() {
	base := uint32(len(t.slabs) * slabSize)
	slab := make([]flight, slabSize)
	stamps := make([]wire.Stamps, slabSize*t.attempts)
	for i := range slab {
		slab[i].tx = stamps[i*t.attempts : i*t.attempts : (i+1)*t.attempts]
		t.free = append(t.free, base+uint32(slabSize-1-i))
	}
	t.slabs = append(t.slabs, slab)
	t.schedule = append(t.schedule, make([]uint32, slabSize)...)
}

// ticket is a place in a queue for a probe, as long as it has no other deadline or place.
func (t *flights) ticket(id uint32) ticket { return ticket{id, t.schedule[id]} }

// holds tells whether a probe is still to have the place that a ticket stands for.
func (t *flights) holds(x ticket) bool { return t.schedule[x.id] == x.schedule }

// find returns the probe of a port, nil if none is in flight.
func (t *flights) find(h *host, port uint16) (uint32, *flight) {
	id, ok := t.index.get(flightKey(h, port))
	if !ok {
		return 0, nil
	}
	return id, t.at(id)
}

// remove ends a probe; its record may be reused at once.
func (t *flights) remove(id uint32) {
	f := t.at(id)
	t.index.remove(flightKey(f.host, f.port))
	t.void(id)
	f.phase, f.host, f.outcome, f.batch = phaseFree, nil, wire.Outcome{}, nil
	t.free = append(t.free, id)
	t.live--
}

// expectBy sets the deadline of a probe, in place of any earlier one.
func (t *flights) expectBy(id uint32, deadline time.Duration) {
	t.void(id)
	t.timers.Push(wire.Timer{At: deadline, ID: id, Schedule: t.schedule[id]})
}

// due takes the next probe whose deadline has passed.
func (t *flights) due(now time.Duration) (id uint32, ok bool) {
	for {
		next, ok := t.timers.Due(now)
		if !ok || t.schedule[next.ID] == next.Schedule {
			return next.ID, ok
		}
	}
}

// all lists the probes without a verdict, in an order that does not depend on chance.
func (t *flights) all() []uint32 { return slices.Sorted(t.index.all()) }

// void takes back the deadline of a probe.
func (t *flights) void(id uint32) {
	t.schedule[id]++
	if f := t.at(id); f.untold {
		f.untold = false
		t.untold--
		f.host.untold--
	}
}

// busy is how many probes are waited for.
func (t *flights) busy() int { return t.live - t.untold }

// nextDeadline is the earliest one, which may be stale and then wakes for
// nothing.
func (t *flights) nextDeadline() (time.Duration, bool) {
	next, ok := t.timers.Next()
	return next.At, ok
}
