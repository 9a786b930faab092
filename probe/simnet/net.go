package simnet

import (
	"net/netip"
	"sync"
	"time"

	"synscope/craft"
)

// Net is a network of model hosts. It has no goroutine of its own: one timer
// is set for the earliest thing to happen, and none runs while nothing is in
// flight. All methods may be called concurrently.
type Net struct {
	cfg   Config
	start time.Time

	mu       sync.Mutex
	hosts    registry
	limits   [2]limiter // by Direction
	held     int        // source ports given out so far
	open     int        // connections that are not closed
	order    uint64
	arrivals schedule // packets to us
	schedule schedule // everything else
	timer    *time.Timer
	armed    int64 // when timer fires, or never
	packet   craft.Packet
	out      emitter // of the call under way
	buffers  [][]byte
	events   []*event
}

// New returns a network without hosts: every packet meets silence until Handle
// is called.
func New(cfg Config) *Net {
	return &Net{
		cfg:    cfg.withDefaults(),
		start:  time.Now(),
		limits: [2]limiter{{}, {}},
		armed:  never,
	}
}

// now is the Net's time in nanoseconds.
func (n *Net) now() int64 { return int64(time.Since(n.start)) }

// stamp is the wall-clock time of at, without a monotonic reading, as kernel
// stamps have none.
func (n *Net) stamp(at int64) time.Time { return n.start.Add(time.Duration(at)).Round(0) }

// transmit decides what becomes of a packet that enters its path at the
// instant at, and schedules its arrivals. It takes ownership of data.
func (n *Net) transmit(at int64, dir Direction, from *Conn, host netip.Addr, data []byte) {
	path := &n.cfg.Out
	if dir == In {
		path = &n.cfg.Back
	}
	d := roll(n.cfg.Seed, at, dir, data)
	if d.chance(path.Loss) {
		n.drop(at, dir, Lost, data)
		return
	}
	wait, ok := n.limits[dir].admit(&path.Limit, host, at)
	if !ok {
		n.drop(at, dir, Limited, data)
		return
	}
	twice := d.chance(path.Duplicate)
	if dir == Out {
		n.observe(at, Out, Passed, data)
	}
	first := at + int64(wait+path.delay(&d))
	if twice {
		n.transmitCopy(at, at+int64(wait+path.delay(&d)), dir, from, data)
	}
	n.plan(first, n.packetEvent(dir, from, data))
}

func (n *Net) transmitCopy(at, arrival int64, dir Direction, from *Conn, data []byte) {
	if dir == Out {
		n.observe(at, Out, Duplicated, data)
	}
	again := n.packetEvent(dir, from, append(n.buffer(), data...))
	again.copy = true
	n.plan(arrival, again)
}

func (n *Net) drop(at int64, dir Direction, fate Fate, data []byte) {
	n.observe(at, dir, fate, data)
	n.release(data)
}

func (n *Net) observe(at int64, dir Direction, fate Fate, data []byte) {
	if n.cfg.Observe != nil {
		n.cfg.Observe(Event{Time: n.stamp(at), Elapsed: time.Duration(at), Dir: dir, Fate: fate, Data: data})
	}
}

func (n *Net) plan(at int64, e *event) {
	n.order++
	s := &n.schedule
	if e.dir == In {
		s = &n.arrivals
	}
	s.Push(entry{at: at, order: n.order, event: e})
}

// run lets everything happen that is due by now, each thing at its own
// instant, and sets the timer for what comes next.
func (n *Net) run(now int64) {
	for s := n.earliest(); next(*s) <= now; s = n.earliest() {
		due := s.Pop()
		n.happen(due.at, due.event)
	}
	n.arm(now)
}

// earliest is the schedule whose turn is next.
func (n *Net) earliest() *schedule {
	if len(n.arrivals) > 0 && (len(n.schedule) == 0 || n.arrivals[0].Before(n.schedule[0])) {
		return &n.arrivals
	}
	return &n.schedule
}

func (n *Net) happen(at int64, e *event) {
	switch {
	case e.data == nil:
		if call := e.call; call != nil {
			e.call = nil
			call(n.stamp(at), n.emitter(at, e.from))
		}
		return
	case e.dir == Out:
		n.arrive(at, e.from, e.data)
		n.release(e.data)
	default:
		n.deliver(at, e)
	}
	*e = event{}
	n.events = append(n.events, e)
}

// arrive hands a packet to the host it is for. A host's stack discards what it
// cannot read, so a prober's checksums are put to the test here.
func (n *Net) arrive(at int64, from *Conn, data []byte) {
	if err := n.packet.Decode(data, craft.VerifyChecksums); err != nil || n.packet.Kind != craft.PacketTCP {
		n.observe(at, Out, Discarded, data)
		return
	}
	in := &n.packet.Segment
	if host := n.hosts.find(in.Dst.Addr()); host != nil {
		host.Respond(n.stamp(at), in, n.emitter(at, from))
	}
}

func (n *Net) emitter(at int64, from *Conn) *emitter {
	n.out = emitter{net: n, from: from, at: at}
	return &n.out
}

func (n *Net) deliver(at int64, e *event) {
	fate := Passed
	if e.copy {
		fate = Duplicated
	}
	if refused := e.from.accept(received{data: e.data, at: at}); refused != Passed {
		n.drop(at, In, refused, e.data)
		return
	}
	n.observe(at, In, fate, e.data)
}

// wakeAt is when something has to happen that may be noticed. What a host does
// at some instant reaches us by a delay later, and may be worked out until
// then, in batches; unless somebody observes it.
func (n *Net) wakeAt() int64 {
	if n.open == 0 {
		return never
	}
	at := next(n.schedule)
	if n.cfg.Observe == nil && at != never {
		at += int64(n.cfg.Back.Delay)
	}
	return min(at, next(n.arrivals))
}

// arm sets the timer for the next wakeAt.
func (n *Net) arm(now int64) {
	next := n.wakeAt()
	if next == n.armed {
		return
	}
	n.armed = next
	switch {
	case next == never:
		n.timer.Stop()
	case n.timer == nil:
		n.timer = time.AfterFunc(time.Duration(next-now), n.tick)
	default:
		n.timer.Reset(time.Duration(next - now))
	}
}

func (n *Net) tick() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.armed = never
	n.run(n.now())
}

// packetEvent and buffer reuse what release and happen gave back.
func (n *Net) packetEvent(dir Direction, from *Conn, data []byte) *event {
	e := new(event)
	if last := len(n.events) - 1; last >= 0 {
		e, n.events = n.events[last], n.events[:last]
	}
	e.dir, e.from, e.data, e.copy = dir, from, data, false
	return e
}

func (n *Net) buffer() []byte {
	if last := len(n.buffers) - 1; last >= 0 {
		b := n.buffers[last]
		n.buffers = n.buffers[:last]
		return b[:0]
	}
	return make([]byte, 0, 128)
}

func (n *Net) release(b []byte) { n.buffers = append(n.buffers, b) }
