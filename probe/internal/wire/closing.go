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
	x.Reading = x.Clocks.Read()
	for until := x.Now + closeFor; ; x.Reading = x.Clocks.Read() {
		r.CatchUp(func(batch []Event, ok bool) (more bool) {
			x.Take(r, batch, ok)
			return ok
		})
		x.Reading = x.Clocks.Read()
		x.respond(x.Pace.Allowance(x.Now, x.Responses.Waiting()))
		at, waits := x.Responses.leaves(&x.Pace, x.Now)
		if !waits || at >= until {
			return
		}
		time.Sleep(at - x.Now)
	}
}

// CloseRest takes in what has arrived, and sends what that calls for: for a run that has ended.
func (x *Sweep) CloseRest() {
	x.readClock()
	for until := x.Now + closeFor; ; x.readClock() {
		x.CatchUp()
		x.readClock()
		granted := x.Pace.Allowance(x.Now, x.Responses.Waiting())
		x.Booked(granted - x.Respond(granted))
		at, waits := x.Responses.leaves(&x.Pace, x.Now)
		if !waits || at >= until {
			return
		}
		time.Sleep(at - x.Now)
	}
}

// leaves is when the first response may leave that waits, by the pace too; false where none waits.
func (r *Responder) leaves(p *Pace, now time.Duration) (at time.Duration, waits bool) {
	at, waits = r.Due()
	return max(at, p.WakeUp(), now+Spacing), waits
}
