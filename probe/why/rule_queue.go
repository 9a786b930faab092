package why

import (
	"math"
	"slices"
	"time"
)

// filling is an accept queue with room for so many connections of ours, not known
// at first. A SYN that finds it full is dropped (Linux: tcp_conn_request in
// net/ipv4/tcp_input.c); a third ACK that finds it full is not taken, or reset. The
// program takes nothing out, or so many connections a second.
type filling struct {
	full func(*Trial) *dist // what becomes of such a third ACK
	rate float64            // at which the program accepts, a second; 0: it does not
	threshold

	taken []time.Duration // when connections came into the queue, where the program accepts
}

// acksAt is when a trial sends its third ACK.
func (t *Trial) acksAt() time.Duration {
	if t.Kind == Idle {
		return t.At
	}
	return t.At + t.Pause
}

// length of the queue at a time, of which so many handshakes were completed before.
func (f *filling) length(at time.Duration, completed int) float64 {
	if f.rate == 0 {
		return float64(completed)
	}
	n, last := 0.0, time.Duration(0)
	for _, came := range f.taken {
		if came > at {
			break
		}
		n, last = math.Max(0, n-f.rate*(came-last).Seconds())+1, came
	}
	return math.Max(0, n-f.rate*(at-last).Seconds())
}

func (f *filling) modes(t *Trial, into []weighted) []weighted {
	if !toTarget(t) {
		return into
	}
	before, after := f.fills(t)
	into = append(into, weighted{p: before, d: silent})
	if !t.Kind.completes() || t.Kind == Kernel {
		return append(into, weighted{p: 1 - before, d: nil})
	}
	return append(into, weighted{p: (1 - before) * after, d: f.full(t)}, weighted{p: (1 - before) * (1 - after), d: nil})
}

// fills is how probable it is that the queue is full when the SYN comes, and, if it is
// not, when the third ACK does.
func (f *filling) fills(t *Trial) (before, after float64) {
	before = f.p(f.length(t.At, t.Before))
	return before, math.Max(soft, (f.p(f.length(t.acksAt(), t.Completed))-before)/(1-before))
}

func (f *filling) learn(t *Trial, like []float64) {
	before, after := f.fills(t)
	atSYN, atACK := f.length(t.At, t.Before), f.length(t.acksAt(), t.Completed)
	silent, passes, full := before*like[0], (1-before)*like[len(like)-1], 0.0
	if len(like) == 3 {
		passes, full = passes*(1-after), (1-before)*after*like[1]
	}
	switch {
	case silent > passes && silent > full:
		f.learnFailed(atSYN)
	case full > passes:
		f.learnPassed(atSYN)
		f.learnFailed(atACK)
	case len(like) == 3:
		f.learnPassed(atACK)
		f.take(t.At + t.Pause)
	default:
		f.learnPassed(atSYN)
		if t.Kind == Kernel {
			f.take(t.At)
		}
	}
}

// take puts a connection into the queue, in the order of time.
func (f *filling) take(at time.Duration) {
	if f.rate == 0 {
		return
	}
	i, _ := slices.BinarySearch(f.taken, at)
	f.taken = slices.Insert(slices.Clip(f.taken), i, at)
}

func (f *filling) clone() rule { c := *f; return &c }

// draining are the settings of a queue that a program empties, slowly.
func draining(full func(*Trial) *dist) (list []Variant) {
	for rate := 0.25; rate < 12; rate *= 1.45 {
		list = append(list, rules(listens(), hostAlive(), targetTraces(diesAtHost), &filling{rate: rate, threshold: threshold{step: 0.15, blur: 0.7}, full: full}))
	}
	return list
}

// ignoredAWhile is what becomes of a third ACK that finds a queue full from which the
// program takes some a little later: what is retransmitted may find room.
func ignoredAWhile(t *Trial) *dist {
	switch t.Kind {
	case Connect:
		return connectsLate
	case Hold:
		return heldOrIgnored
	}
	return mostlyIgnored
}

var connectsLate = of(share{Ignored, 0}, share{LossyThere, 0.15}, share{Lossy, 0.15}, share{Silence, 0.1})
