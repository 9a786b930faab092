package limit

import "time"

// Tuples is how many questions to one witness differ. Those beyond are retransmissions, since a
// SYN of other numbers is not answered where the SYN-ACK to the one before was lost.
const Tuples = 8

// question is one to a witness.
type question struct {
	sent     time.Duration
	answered bool
	took     time.Duration // how long the answer
	again    bool          // it is a retransmission: its answer may be to an earlier one
	void     bool          // nobody listened for the answer
	number   int           // of the pace's trial; -1: of none
}

// Witness is who has answered, and is asked the same again.
type Witness[T any] struct {
	Of     T
	asked  int
	latest [Tuples]int
}

// Next is which of the [Tuples] the next question is.
func (w *Witness[T]) Next() int { return w.asked % Tuples }

// Begin has the first question be another of the [Tuples]: those before were asked elsewhere, or are going to be.
func (w *Witness[T]) Begin(tuple int) { w.asked = tuple }

// Asked is how many questions there were.
func (w *Witness[T]) Asked() int { return w.asked }

// Witnesses are all of them, and what they were asked. What is silent tells nothing of loss,
// since a filter is silent too; who has answered does.
type Witnesses[T any] struct {
	Most int // questions to one at most

	list []*Witness[T]
	all  []question // in the order in which they left
	turn int
	from int // the first of the present pace
}

// Add takes one more witness.
func (w *Witnesses[T]) Add(of T) *Witness[T] {
	x := &Witness[T]{Of: of}
	w.list = append(w.list, x)
	return x
}

// List is who they are.
func (w *Witnesses[T]) List() []*Witness[T] { return w.list }

// Least is who is to be asked next of those that were asked fewer than so many times, nil if
// nobody may be any more.
func (w *Witnesses[T]) Least(most int) *Witness[T] {
	for range w.list {
		x := w.list[w.turn%len(w.list)]
		if w.turn++; x.asked < min(most, w.Most) {
			return x
		}
	}
	return nil
}

// Room is how many questions there may be yet.
func (w *Witnesses[T]) Room() (n int) {
	for _, x := range w.list {
		n += w.Most - x.asked
	}
	return n
}

// Left books a question to a witness that leaves; number is that of the pace's trial, -1 of none.
func (w *Witnesses[T]) Left(x *Witness[T], number int, now time.Duration) {
	x.latest[x.Next()] = len(w.all)
	x.asked++
	w.all = append(w.all, question{sent: now, number: number, again: x.asked > Tuples})
}

// Answered takes in the answer to the latest question of a tuple to a witness; ok is false where
// there was none that left after a time, or it has had its answer. now is when it came, number is that of the pace's trial, -1 of none, sent is when it left.
func (w *Witnesses[T]) Answered(x *Witness[T], tuple int, after, now time.Duration) (number int, sent time.Duration, ok bool) {
	if tuple < 0 || tuple >= Tuples || tuple >= x.asked {
		return -1, 0, false
	}
	q := &w.all[x.latest[tuple]]
	if q.answered || q.sent < after {
		return -1, 0, false
	}
	q.answered, q.took = true, now-q.sent
	return q.number, q.sent, true
}

// Void takes note that nobody listened from a time on, for the answers to what had left a wait before.
func (w *Witnesses[T]) Void(since, wait time.Duration) {
	for i := range w.all {
		if q := &w.all[i]; q.sent+wait > since && !q.answered {
			q.void = true
		}
	}
}

// Anew has the loss be that of the questions from now on.
func (w *Witnesses[T]) Anew() { w.from = len(w.all) }

// Loss is how many questions at the present pace have waited long enough, and how many of these
// were lost.
func (w *Witnesses[T]) Loss(now, wait time.Duration) (asked, lost int) {
	return lossOf(w.all[w.from:], now, wait)
}

// Late is that of the latest n questions that are over, answered or not: of those after them
// the answered ones alone are known.
func (w *Witnesses[T]) Late(n int, now, wait time.Duration) (asked, lost int) {
	all := w.all
	for len(all) > 0 && all[len(all)-1].sent+wait > now {
		all = all[:len(all)-1]
	}
	return lossOf(all[max(0, len(all)-n):], now, wait)
}

func lossOf(some []question, now, wait time.Duration) (asked, lost int) {
	for _, q := range some {
		switch {
		case q.answered:
			asked++
		case !q.void && q.sent+wait <= now:
			asked, lost = asked+1, lost+1
		}
	}
	return asked, lost
}

// Missed is how many questions in a row were not answered right before a time, and when the one before them left;
// 0: there was none.
func (w *Witnesses[T]) Missed(until time.Duration) (n int, since time.Duration) {
	for _, q := range w.all {
		switch {
		case q.sent >= until:
			return n, since
		case q.answered:
			n, since = 0, q.sent
		case !q.void:
			n++
		}
	}
	return n, since
}

// LongestMiss is how many questions in a row were not answered at most, when the one before them left, 0 where there was none, and the
// one after them; 0: none of these was answered yet. What came for a retransmission after more than a wait tells nothing.
func (w *Witnesses[T]) LongestMiss(wait time.Duration) (n int, since, until time.Duration) {
	run, before := 0, time.Duration(0)
	for _, q := range w.all {
		switch {
		case q.void, q.again && q.took > wait:
		case q.answered:
			if run == n {
				until = q.sent
			}
			run, before = 0, q.sent
		default:
			if run++; run > n {
				n, since, until = run, before, 0
			}
		}
	}
	return n, since, until
}

// Awaited tells whether the latest question may still be answered.
func (w *Witnesses[T]) Awaited(now, wait time.Duration) bool {
	n := len(w.all)
	return n > 0 && !w.all[n-1].answered && w.all[n-1].sent+wait > now
}

// Any tells whether anything was asked.
func (w *Witnesses[T]) Any() bool { return len(w.all) > 0 }
