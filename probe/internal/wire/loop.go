package wire

import (
	"context"
	"math"
	"time"

	"synscope/netraw"
	"synscope/probe"
)

// Loop is what a ping, a trace and the sampling of sequence numbers have in common: it knows the
// transmissions, takes in what arrives, closes what was opened, and reads the clocks. Its owner
// decides what is sent when, and what an answer means.
type Loop struct {
	Network   probe.Network
	Matcher   Matcher
	Packets   *Packets
	Table     *Table
	Flying    Fifo // in the order of sending, until they are answered or time out
	Responses Responder
	Pace      Pace        // of all packets, responses too
	Probing   func() bool // whether a probe is due, that the pace alone keeps back; nil: never

	Departed func(s *Transmission, ev *Event)                 // our own packet was seen leaving
	Accept   func(ev *Event) (reject string)                  // an answer, or what is taken for one
	Strayed  func(s *Transmission, x Stray)                   // what answers no probe tells of one; nil: its outcome is told
	Again    func(s *Transmission, took, after time.Duration) // the SYN-ACK that took so long came again after a while; nil: nobody is told
	Orders   <-chan func()                                    // what is to be done between two turns; nil: nothing
	Quit     <-chan struct{}                                  // is closed when no more is to be sent; nil: never

	Clocks   Clocks
	Reading  // of the clocks, once a turn
	Counters Counters
	Stopping bool
	Quitting bool // Quit was closed
	Failure  error

	searched  int   // transmissions, for strays
	searching int64 // in which second
}

func NewLoop(n probe.Network, l Look) (Loop, error) {
	packets, err := NewPackets(l)
	x := Loop{
		Network: n, Packets: packets, Table: NewTable(),
		Clocks: NewClocks(n), Counters: NewCounters(n.Stats()), Pace: NewPace(math.Inf(1)),
	}
	x.Matcher = Matcher{Cookie: NewCookie(l.Key), Tech: l.Technique, Ports: n.Ports(), Recall: x.Table}
	return x, err
}

func (x *Loop) Tick(ctx context.Context) {
	x.Reading = x.Clocks.Read()
	x.Stopping = x.Stopping || ctx.Err() != nil
}

// Take handles a batch of the receiver's; ok is false where it has ended.
func (x *Loop) Take(r *Receiver, batch []Event, ok bool) {
	if !ok {
		x.Fail(r.Reason())
		return
	}
	x.Reading = x.Clocks.Read()
	for i := range batch {
		x.handle(&batch[i])
	}
	r.Empty <- batch
	x.Respond()
}

// handle counts one packet, and lets it take effect.
func (x *Loop) handle(ev *Event) {
	switch {
	case ev.Kind == KindDeparture || ev.Kind == KindDeviceDeparture:
		if s := x.Table.At(ev.Attempt); s != nil {
			x.Departed(s, ev)
		}
		return
	case ev.Own:
		return
	}
	if ev.reject == "" && ev.Kind == KindSYNACK {
		x.opened(x.Table.At(ev.Attempt), ev)
	}
	x.noteStray(ev)
	Count(&x.Counters.Summary, ev, x.accept)
}

// opened closes what a SYN-ACK shows to be half open. One that comes again may tell how long the way
// takes, unless the SYN was sent twice too.
func (x *Loop) opened(s *Transmission, ev *Event) {
	opens, closing := s.opens(), CloseAfter(ev)
	if s != nil {
		closing.Since = x.came(s, ev)
	}
	if opens {
		x.Responses.Add(closing, x.Now)
	}
}

// came takes note of a SYN-ACK, and returns how long it took at most.
func (x *Loop) came(s *Transmission, ev *Event) time.Duration {
	took, once := s.Took(ev, x.Reading), s.First == nil && s.Next == nil
	if s.First != nil {
		took += s.Tx.Sent - s.First.Tx.Sent
	}
	switch first := s.came; {
	case first.took == 0:
		s.came.took, s.came.number = took, ev.Seg.Seq
	case x.Again != nil && once && first.number == ev.Seg.Seq:
		x.Again(s, first.took, took-first.took)
	}
	return took
}

// accept lets an answer take effect, or says why it is rejected. One to a warm-up
// probe is matched like any, and ends that.
func (x *Loop) accept(ev *Event) (reject string) {
	s := x.Table.At(ev.Attempt)
	if !ev.Kind.Verified() || s == nil || !s.WarmUp {
		return x.Accept(ev)
	}
	if s.Answered {
		return RejectDuplicate
	}
	s.Ended, s.Answered = true, true
	return ""
}

func (x *Loop) Fail(err error) {
	if x.Failure == nil {
		x.Failure = err
	}
}

// Respond sends what answers call for, as far as the pace allows. While a probe waits for
// the pace nothing but what [Loop.RespondBefore] sends with each.
func (x *Loop) Respond() {
	if x.Probing == nil || !x.Probing() || x.Pace.unbounded() {
		x.respond(x.Pace.Allowance(x.Now, x.Responses.Waiting()))
	}
}

// RespondBefore sends what a probe waits for, since it goes over the same flow, and one
// response more: those of all peers together have no more of the pace than probes have.
func (x *Loop) RespondBefore(s *Transmission) {
	x.count(x.Responses.SendFlow(x.Packets, x.Network, s.Src, s.Dst, x.Now))
	x.respond(1)
}

// RespondAll sends all of it, since a probe behind it waits for that: what leaves
// too early by the pace keeps later packets back.
func (x *Loop) RespondAll() { x.respond(x.Responses.Waiting()) }

func (x *Loop) respond(budget int) {
	x.count(x.Responses.Send(x.Packets, x.Network, budget, x.Now))
}

// count takes note of responses that were taken to be sent.
func (x *Loop) count(taken int, left Responded) {
	x.Pace.Spend(taken)
	x.Pace.Departed(taken, x.Clocks.now())
	x.Counters.Responded(left)
}

// Weigh lets an answer count for its transmission, and queues the response that
// it calls for.
func (x *Loop) Weigh(s *Transmission, ev *Event) (do Action, reject string) {
	do, reject = s.Outcome.Take(x.Matcher.Tech, s.Dst, ev)
	response, ok := do.Response(ev, s.Numbers)
	switch {
	case !ok:
	case do == ActRenew: // once a transmission: the RST of before was lost
		x.Responses.Insist(response)
	default:
		x.Responses.Add(response, x.Now)
	}
	return do, reject
}

// Measure is the time that an answer took and the clock behind it, and why the time is
// not to be trusted; trips is what is known of those to the target, nil where the time of a
// SYN-ACK is doubted later. Our own kernel's verdict on a neighbour that does not answer, and the answer to
// a question of ours, have no time.
func (x *Loop) Measure(s *Transmission, ev *Event, trips *Trips) (rtt time.Duration, clock netraw.Clock, doubt probe.Doubt) {
	switch {
	case ev.Kind == KindICMP && ev.Sender == s.Src.Addr(), ev.Indirect():
		return 0, netraw.ClockNone, probe.DoubtNone
	case s.Handed.Stepped(x.Reading):
		return 0, netraw.ClockNone, probe.DoubtClockStep
	case ev.Kind == KindSYNACK && trips != nil && trips.Doubts(s.Took(ev, x.Reading)):
		return 0, netraw.ClockNone, probe.DoubtRepeated
	}
	if trips != nil && ev.Kind == KindReset {
		trips.Takes(s.Took(ev, x.Reading))
	}
	rtt, clock = s.Tx.Elapsed(ev.At, s.Handed.Wall, x.Now)
	if clock == netraw.ClockKernel && time.Unix(0, s.Tx.Left).Sub(s.Back) > HeldBack {
		doubt = probe.DoubtCold
	}
	return rtt, clock, doubt
}

// Counted is the summary as far as the counters tell it.
func (x *Loop) Counted() probe.Summary {
	s := x.Counters.Counted(x.Network.Stats(), x.Now)
	s.ResetsLost = x.Responses.LostResets()
	s.Storms = x.Responses.SeenStorms()
	return s
}

// CatchUp takes in everything that has arrived: it counts, however late this
// process runs.
func (x *Loop) CatchUp(r *Receiver) {
	r.CatchUp(func(batch []Event, ok bool) (more bool) {
		x.Take(r, batch, ok)
		return x.Failure == nil
	})
}

// Poll takes in what has arrived, without waiting.
func (x *Loop) Poll(r *Receiver) {
	for x.Failure == nil {
		select {
		case batch, ok := <-r.Full:
			x.Take(r, batch, ok)
		default:
			return
		}
	}
}

// Run turns the wheel until turn has nothing more to do or something failed: the
// clocks are read, turn sees what is overdue and sends what is due, and then packets
// are waited for, until wakeUp. begin has its turn once, before all others. Whatever ended the run,
// what it has opened is closed.
func (x *Loop) Run(ctx context.Context, begin func(), turn func(r *Receiver) (more bool), wakeUp func() time.Duration) {
	r := NewReceiver(x.Network, x.Matcher)
	go r.Run()
	defer r.Stop()
	alarm := time.NewTimer(time.Hour)
	defer alarm.Stop()
	x.Tick(ctx)
	begin()
	for {
		x.Tick(ctx)
		if more := turn(r); !more || x.Failure != nil {
			x.closeRest(r)
			return
		}
		x.await(ctx, r, alarm, wakeUp())
	}
}

// await waits for packets or until a time, and takes in what has arrived.
func (x *Loop) await(ctx context.Context, r *Receiver, alarm *time.Timer, until time.Duration) {
	if wait := until - x.Now; wait > 0 {
		done := ctx.Done()
		if x.Stopping {
			done = nil
		}
		alarm.Reset(wait)
		select {
		case batch, ok := <-r.Full:
			x.Take(r, batch, ok)
		case order := <-x.Orders:
			order()
		case <-x.Quit:
			x.Quit, x.Quitting = nil, true
		case <-alarm.C:
		case <-done:
		}
	}
	x.Poll(r)
}

// Idle bounds a wait for nothing in particular.
const Idle = time.Minute

// HeldBack is how long after Send a packet must leave to have waited for its
// neighbour's address; queueing in the interface is shorter.
const HeldBack = 500 * time.Microsecond
