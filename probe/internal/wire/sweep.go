package wire

import (
	"context"
	"time"

	"synscope/probe"
)

// Sweep is what a scan and a search for hosts have in common: many hosts are probed at once at a
// pace of the run's own, and the goroutine that sends also takes in what arrives. Its owner decides
// what is sent when, and what an answer means.
type Sweep struct {
	Network   probe.Polled
	Inbox     *Inbox
	Matcher   Matcher
	Packets   *Packets
	Responses Responder // to answers: RSTs that close, and questions
	Pace      Pace
	Ramp      *Ramp // nil where the caller named a rate
	Crowds    Crowds
	Counters  Counters
	Outage    Outage
	Firewall  Firewall
	flood     Flood

	Start     time.Time
	Now       time.Duration // since Start, read once a turn
	Paused    time.Duration // until then the network is given time to come back
	Slowest   time.Duration // round trip of any host
	Stopping  bool          // the context was cancelled
	Hungry    bool          // more would have been sent if the pace had allowed it
	Unhurried bool          // what arrives need not be taken in before the time to wake up
	turned    time.Duration // when the latest turn began
	able      time.Duration // for how long the pace could be used, so far
	Failure   error         // ends the run
}

// NewSweep begins with the rate, or gently where it is 0; attempts is how many
// transmissions one probe has at most.
func NewSweep(n probe.Polled, l Look, rate float64, attempts int) (Sweep, error) {
	packets, err := NewPackets(l)
	x := Sweep{
		Network: n, Packets: packets, Pace: NewPace(rate), Counters: NewCounters(n.Stats()),
		Matcher: Matcher{Cookie: NewCookie(l.Key), Tech: l.Technique, Ports: n.Ports(), Attempts: attempts},
	}
	x.flood = NewFlood(x.Counters.Base)
	x.Pace.together = longTogether
	if rate == 0 {
		x.Ramp = NewRamp()
		x.Pace.Ask(x.Ramp.Rate)
	}
	return x, err
}

// Run turns the wheel until turn has nothing more to do or something failed: the
// clock is read, turn sees what is overdue and sends what may be sent, and then
// packets are waited for, until wakeUp. A wait ends when ready receives; it may be
// nil. handle takes in what arrives. It may be called again after it has returned.
func (x *Sweep) Run(ctx context.Context, ready <-chan struct{}, handle func(*Event), turn func() (more bool), wakeUp func() time.Duration) {
	if x.Start.IsZero() {
		x.Start = time.Now()
	}
	x.Inbox = NewInbox(x.Network, x.Matcher, handle)
	defer x.Inbox.WakeBy(ctx, ready)()
	for {
		x.readClock()
		x.passTime()
		x.Stopping = x.Stopping || ctx.Err() != nil
		if more := turn(); !more || x.Failure != nil {
			return
		}
		if wait := min(wakeUp(), x.Counters.NextLook) - x.Now; wait > 0 {
			x.Inbox.Wait(wait, x.gathers(wait))
		}
		x.check(x.Inbox.Take(x.readClock))
	}
}

// gathers is for how long what comes is let come together: not where it comes one by one,
// and nothing else is waited for.
func (x *Sweep) gathers(wait time.Duration) time.Duration {
	switch {
	case x.Unhurried:
		return wait
	case !x.Hungry && !x.Inbox.Busy():
		return 0
	}
	return x.Pace.Gathers()
}

// passTime notes how much of the time since the last turn the pace could be used.
// Where it alone held packets back, this process was not let run for what is more than
// the pace may make up for: that says nothing of what the network bears.
func (x *Sweep) passTime() {
	passed := x.Now - x.turned
	if x.Hungry {
		passed = min(passed, Slack)
	}
	x.able += passed
	x.turned = x.Now
}

func (x *Sweep) readClock() { x.Now = time.Since(x.Start) }

// CatchUp takes in everything that has arrived by now.
func (x *Sweep) CatchUp() { x.check(x.Inbox.CatchUp(x.readClock)) }

func (x *Sweep) check(err error) {
	if err != nil {
		x.Fail(err)
	}
}

// Fail ends the run after this turn; the first reason counts.
func (x *Sweep) Fail(err error) {
	if x.Failure == nil {
		x.Failure = err
	}
}

// RampUp lets the rate follow what the network bears, and tells whether it is
// another now.
func (x *Sweep) RampUp() (changed bool) {
	if x.Ramp == nil || !x.Ramp.Turn(x.Now, x.able, x.Counters.Sent, x.Slowest) {
		return false
	}
	x.Pace.Ask(x.Ramp.Rate)
	return true
}

// Booked lets n packets that have left by now count towards the pace.
func (x *Sweep) Booked(n int) {
	if n > 0 {
		x.Pace.Spend(n)
		x.Pace.Departed(n, time.Since(x.Start))
	}
}

// Respond sends what answers call for, as far as the budget allows, and returns
// what it leaves of it.
func (x *Sweep) Respond(budget int) int {
	taken, left := x.Responses.Send(x.Packets, x.Network, budget, x.Now)
	x.Counters.Responded(left)
	return budget - taken
}

// RespondBeside does so while probes wait to be sent, for at most half of the budget.
func (x *Sweep) RespondBeside(budget int) int {
	half := x.Responses.Half(budget)
	return budget - half + x.Respond(half)
}

// outagePause is how often an absent network is tried.
const outagePause = 20 * time.Millisecond

// Refused takes note of a packet that this machine did not send.
func (x *Sweep) Refused(err error) { x.RefusedAt(err, x.Now) }

// RefusedAt is Refused of what was tried at a time.
func (x *Sweep) RefusedAt(err error, at time.Duration) {
	x.Outage.Note(err, at)
	if x.Outage.Certain(x.Now) {
		x.Fail(x.Outage.Error())
	}
	if x.Outage.Lasting() {
		x.Paused = x.Now + outagePause
	}
}

// LookDue tells whether the counters are to be looked at.
func (x *Sweep) LookDue() bool { return x.Now >= x.Counters.NextLook }

// Look looks at the counters: how many packets left since the last time, at what
// rate that was, and whether the kernel has dropped replies meanwhile, other than in a
// flood.
func (x *Sweep) Look() (sent uint64, rate float64, dropped bool) {
	c := &x.Counters
	stats := x.Network.Stats()
	drops := stats.KernelDrops - c.Base.KernelDrops
	sent = c.Sent - c.LastSent
	dropped = !x.flood.Look(stats, sent) && drops > c.Drops
	rate = PerSecond(sent, x.Now-c.LastLook)
	c.Drops, c.LastSent, c.LastLook, c.NextLook = drops, c.Sent, x.Now, x.Now+LookEvery
	return sent, rate, dropped
}

// Progress is how far the run is, of which total probes are known to be all, 0 if
// that is not known.
func (x *Sweep) Progress(total uint64, inFlight int, rate float64) probe.Progress {
	c := &x.Counters
	return probe.Progress{
		Done: c.Probes, Total: total, Sent: c.Sent, Received: c.Received, KernelDrops: c.Drops,
		InFlight: inFlight, RateAsked: x.Pace.Rate(), RateAchieved: rate,
		Elapsed: x.Now, Left: TimeLeft(x.Now, c.Probes, total),
	}
}

// Counted is the summary as far as the counters tell it.
func (x *Sweep) Counted() probe.Summary {
	s := x.Counters.Counted(x.Network.Stats(), x.Now)
	s.ResetsLost = x.Responses.LostResets()
	s.Storms = x.Responses.SeenStorms()
	s.Rate = PerSecond(s.Sent, x.Counters.LastSend)
	return s
}
