package wire

import "time"

// A run that ends before its end, since an output takes no more or the network is gone, closes what it
// has opened all the same. SYN-ACKs that wait to be read then, and RSTs that wait for the pace, would leave
// connections half open at the target for as long as it retransmits the SYN-ACK, since the source ports are
// held, and the kernel silent, until the process ends. What comes later is the kernel's to reset.

// closeFor bounds how long RSTs wait for their pace at the end of a run, or for room in this machine. What
// has not left by then is lost as if it had been on the way.
const closeFor = time.Second

// closeRest takes in what has arrived, and sends what that calls for.
func (x *Loop) closeRest(r *Receiver) {
	clock := func() time.Duration {
		x.Reading = x.Clocks.Read()
		return x.Now
	}
	x.Responses.finish(&x.Pace, clock, func() {
		r.CatchUp(func(batch []Event, ok bool) (more bool) {
			x.Take(r, batch, ok)
			return ok
		})
		x.respond(x.Pace.Allowance(clock(), x.Responses.Waiting()))
	})
}

// CloseRest takes in what has arrived, and sends what that calls for: for a run that has ended.
func (x *Sweep) CloseRest() {
	clock := func() time.Duration {
		x.readClock()
		return x.Now
	}
	x.Responses.finish(&x.Pace, clock, func() {
		x.CatchUp()
		granted := x.Pace.Allowance(clock(), x.Responses.Waiting())
		x.Booked(granted - x.Respond(granted))
	})
}

// finish lets its owner take in and send in rounds, until no response waits any more or [closeFor] is over.
func (r *Responder) finish(p *Pace, clock func() time.Duration, round func()) {
	for until := clock() + closeFor; ; {
		round()
		now := clock()
		at, waits := r.Due()
		if at = max(at, p.WakeUp(), now+Spacing); !waits || at >= until {
			return
		}
		time.Sleep(at - now)
	}
}
