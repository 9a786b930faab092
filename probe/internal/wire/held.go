package wire

import "time"

// MostRefusals is how often a response is sent that finds no room: for the better part of the second after which
// the peer asks anew by itself (RFC 6298 §2.1), see [Backoff].
const MostRefusals = 12

// held are responses that this machine had no room for, in no order: each is sent anew when its time has
// come. Other hosts' do not wait behind them.
type held []holding

type holding struct {
	Response
	at time.Duration
}

// due is when the first of them is to be tried again.
func (h held) due() (at time.Duration, ok bool) {
	for i, x := range h {
		if i == 0 || x.at < at {
			at = x.at
		}
	}
	return at, len(h) > 0
}

// Hold keeps a response that could not be sent for now, and forgets one that never can. What finds no room among
// those that wait, or has been refused often, is lost as if it had been on the way.
func (r *Responder) Hold(x Response, err error, now time.Duration) {
	if RefusalOf(err) != RefusedForNow || x.refused >= MostRefusals || len(r.held) >= mostResponses {
		return
	}
	wait, _ := Backoff(err, x.refused)
	x.refused++
	r.held = append(r.held, holding{x, now + wait})
}

// release lets those wait for the pace alone whose time has come.
func (r *Responder) release(now time.Duration) {
	kept := r.held[:0]
	for _, x := range r.held {
		if x.at > now {
			kept = append(kept, x)
		} else {
			r.queue.add(x.Response)
		}
	}
	r.held = kept
}
