package capture

import (
	"net/netip"
	"sync"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
)

// Recorder is a network that writes down what passes: exactly the packets of
// one run, both ways, each with the verdict that it led to.
//
// A verdict comes after the packets, so these wait in memory until the verdict
// on their target, and are then written in the order of their stamps: a
// process that is killed loses as many of the last seconds as the run waits for
// answers, and no more. What would make more than 262,144 packets or 64 MiB wait,
// or one for more than a minute, is written without a verdict. Packets that
// follow a verdict, such as the RST that ends a half-open connection, get it
// too, until another SYN leaves for the same target: without a verdict of their own,
// what follows that is said to be after the last one.
//
// An own packet that comes back from the network with a stamp of its departure
// replaces the one that was handed to Send. Writing must not disturb a run:
// errors are kept for [Recorder.Close].
type Recorder struct {
	probe.Polled
	now func() time.Time

	mu       sync.Mutex
	w        *Writer
	start    time.Time
	swept    time.Time
	waiting  []*held
	bytes    int // of them
	byTarget map[netip.AddrPort][]*held
	verdicts verdicts
	passing  passing
	err      error
}

// NewRecorder wraps a network. now gives the stamps of departures that the
// network does not stamp.
func NewRecorder(n probe.Polled, w *Writer, now func() time.Time) *Recorder {
	return &Recorder{
		Polled: n, now: now, w: w, start: now(),
		byTarget: map[netip.AddrPort][]*held{},
	}
}

// Send passes packets on, and records those that left. They are noted before
// they leave, since their echoes or answers may be received before the call
// returns.
func (r *Recorder) Send(pkts [][]byte) (int, error) {
	noted := r.departing(pkts)
	n, err := r.Polled.Send(pkts)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range noted[n:] {
		h.unsent = true
	}
	r.sweepSometimes()
	return n, err
}

// SendEach does so for packets each of which leaves through an interface of its
// own, where the network can be told (netraw.Conn.SendEach).
func (r *Recorder) SendEach(pkts [][]byte, via []int, refused func(i int, err error)) int {
	each, ok := r.Polled.(interface {
		SendEach(pkts [][]byte, via []int, refused func(i int, err error)) int
	})
	if !ok {
		each = eachAlone{r.Polled}
	}
	noted := r.departing(pkts)
	unsent := make([]bool, len(pkts))
	n := each.SendEach(pkts, via, func(i int, err error) {
		unsent[i] = true
		refused(i, err)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, h := range noted {
		h.unsent = unsent[i]
	}
	r.sweepSometimes()
	return n
}

// eachAlone is SendEach of a network that cannot be told an interface.
type eachAlone struct{ probe.Network }

func (e eachAlone) SendEach(pkts [][]byte, _ []int, refused func(i int, err error)) (n int) {
	for i := range pkts {
		if _, err := e.Send(pkts[i : i+1]); err != nil {
			refused(i, err)
		} else {
			n++
		}
	}
	return n
}

// Unwrap is the network: what it knows of routes holds here too.
func (r *Recorder) Unwrap() probe.Network { return r.Polled }

func (r *Recorder) departing(pkts [][]byte) []*held {
	at := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	noted := make([]*held, len(pkts))
	for i, b := range pkts {
		noted[i] = r.note(Outbound, at, b)
	}
	return noted
}

// Recv passes packets on, and records them.
func (r *Recorder) Recv(pkts []netraw.Packet) (int, error) {
	n, err := r.Polled.Recv(pkts)
	r.arrived(pkts[:n])
	return n, err
}

// Poll does so without waiting.
func (r *Recorder) Poll(pkts []netraw.Packet) (int, error) {
	n, err := r.Polled.Poll(pkts)
	r.arrived(pkts[:n])
	return n, err
}

// Watch passes it on, where the network can do so.
func (r *Recorder) Watch(outgoing bool) error {
	if n, ok := r.Polled.(interface{ Watch(outgoing bool) error }); ok {
		return n.Watch(outgoing)
	}
	return nil
}

func (r *Recorder) arrived(pkts []netraw.Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range pkts {
		r.received(&pkts[i])
	}
	r.sweepSometimes()
}

func (r *Recorder) received(p *netraw.Packet) {
	at := p.Time
	if at.IsZero() {
		at = r.now()
	}
	switch {
	case p.Outgoing && !p.DeviceTime.IsZero():
		// What the tap showed as it was leaving, again.
	case !p.Outgoing:
		r.note(Inbound, at, p.Data)
	default:
		r.departed(at, p)
	}
}

// departed records an own packet as it leaves, once, however many interfaces it passes.
func (r *Recorder) departed(at time.Time, p *netraw.Packet) {
	echo := held{packet: Packet{Time: at, Direction: Outbound, Data: p.Data}}
	known := echo.identify() == nil
	if known && r.passing.again(&echo, p.IfIndex) {
		return
	}
	h := r.echoed(&echo, known)
	if h == nil {
		h = r.note(Outbound, at, p.Data)
	}
	if known {
		h.stamped = true
		r.passing.note(h, p.IfIndex)
	}
}

// note keeps a copy of a packet, under the target that it concerns.
func (r *Recorder) note(d Direction, at time.Time, b []byte) *held {
	h := &held{packet: Packet{Time: at, Direction: d, Data: append([]byte(nil), b...)}}
	r.waiting = append(r.waiting, h)
	r.bytes += len(b)
	if err := h.identify(); err != nil {
		h.settle("not a segment of this run: " + err.Error())
		return h
	}
	if h.opens() {
		r.verdicts.follow(h.target)
	} else if verdict, ok := r.verdicts.find(h.target); ok {
		h.settle(verdict)
		return h
	}
	r.byTarget[h.target] = append(r.byTarget[h.target], h)
	return h
}

// echoed puts the network's own view of a departure in place of what Send was
// given, and returns that; nil where there was no such packet.
func (r *Recorder) echoed(echo *held, known bool) *held {
	if !known {
		return nil
	}
	h := echo.original(r.byTarget[echo.target])
	if h == nil {
		h = echo.original(r.waiting) // its verdict may have overtaken it
	}
	if h == nil {
		return nil
	}
	b := echo.packet.Data
	h.packet.Time, h.stamped = echo.packet.Time, true
	r.bytes += len(b) - len(h.packet.Data)
	h.packet.Data = append(h.packet.Data[:0], b...)
	return h
}

// original finds the oldest packet of which h may be the echo, among the
// latest of a list.
func (h *held) original(list []*held) *held {
	for _, other := range list[max(0, len(list)-echoWindow):] {
		if other.target == h.target && other.id == h.id && !other.stamped && !other.unsent {
			return other
		}
	}
	return nil
}

// echoWindow is how many packets back the original of an echo is looked for.
const echoWindow = 512

// Judge gives the packets of a target that wait a comment, and those that
// follow.
func (r *Recorder) Judge(target netip.AddrPort, comment string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.byTarget[target] {
		h.settle(comment)
	}
	delete(r.byTarget, target)
	r.verdicts.keep(target, comment)
	r.sweepSometimes()
}

// Close writes what waits, without a verdict, and the end of the file with the
// packets that the kernel dropped. It returns the first error of all writing.
// It closes neither the network nor the file.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweep(room{})
	if err := r.w.Close(r.start, r.now(), r.Polled.Stats().KernelDrops); r.err == nil {
		r.err = err
	}
	return r.err
}

// packetIdentity tells a run's own packets apart.
type packetIdentity struct {
	src, dst netip.AddrPort
	seq, ack craft.Seq
	flags    craft.Flags
}
