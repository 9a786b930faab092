package simnet

import (
	"fmt"
	"time"

	"synscope/craft"
)

// Emitter is how a host acts on the network. Packets leave after the given
// time, zero being now; each is taken over as bytes at once, so the caller may
// reuse what it passed. An Emitter is valid during the call it was passed to.
type Emitter interface {
	// Segment sends a TCP segment.
	Segment(after time.Duration, s *craft.Segment)
	// ICMP sends an ICMP or ICMPv6 error.
	ICMP(after time.Duration, e *ICMP)
	// Raw sends any bytes, IP packet or not.
	Raw(after time.Duration, b []byte)
	// Schedule calls f later, unless the timer is stopped before.
	Schedule(after time.Duration, f func(now time.Time, out Emitter)) *Timer
}

// Timer is a scheduled call. The nil Timer has none.
type Timer struct{ event *event }

// Stop prevents the call if it has not happened yet.
func (t *Timer) Stop() {
	if t != nil {
		t.event.call = nil
	}
}

// emitter sends what follows from a packet of one Conn back to that Conn: no
// other can have asked for it.
type emitter struct {
	net  *Net
	from *Conn
	at   int64
}

func (e *emitter) Segment(after time.Duration, s *craft.Segment) {
	b, err := s.AppendTo(e.net.buffer())
	if err != nil {
		panic(fmt.Sprintf("simnet: a model emitted an impossible segment: %v", err))
	}
	e.emit(after, b)
}

func (e *emitter) ICMP(after time.Duration, m *ICMP) {
	b, err := m.AppendTo(e.net.buffer())
	if err != nil {
		panic(fmt.Sprintf("simnet: a model emitted an impossible ICMP error: %v", err))
	}
	e.emit(after, b)
}

func (e *emitter) Raw(after time.Duration, b []byte) {
	e.emit(after, append(e.net.buffer(), b...))
}

// emit lets a packet enter the way back, now or, by way of a scheduled call,
// later: what a path does depends on when the packet enters it.
func (e *emitter) emit(after time.Duration, b []byte) {
	if after <= 0 {
		host, _ := source(b)
		e.net.transmit(e.at, In, e.from, host, b)
		return
	}
	e.Schedule(after, func(_ time.Time, out Emitter) { out.(*emitter).emit(0, b) })
}

func (e *emitter) Schedule(after time.Duration, f func(time.Time, Emitter)) *Timer {
	call := &event{from: e.from, call: f}
	e.net.plan(e.at+int64(max(after, 0)), call)
	return &Timer{call}
}
