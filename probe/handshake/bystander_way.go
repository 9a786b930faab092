package handshake

import (
	"slices"
	"sort"
	"time"

	"synscope/craft"
)

// way is what was captured of the numbers that one end used.
type way struct {
	holes   *holes    // nil until the first
	seen    craft.Seq // after the highest one captured
	carried uint16    // segments that used up numbers, up to 65,535
	begun   bool
}

// holes are those in the numbers that one end used.
type holes struct {
	open  []hole // those that may yet be filled, the lowest first
	gaps  uint32 // those that were given up, and stayed
	bytes uint64 // numbers in them
	lost  bool   // more was missed than numbers can tell

	cut   craft.Seq // the lowest number of the holes that were given up to make room, before they were acknowledged
	isCut bool      // there is one
}

// hole is a stretch of numbers that were not captured. What is lost on the way
// is retransmitted, and fills it; what only the capture lost is acknowledged.
type hole struct {
	lo, hi craft.Seq
	at     uint32 // when it was met, in milliseconds since the connection's first packet
}

// settling is how long a segment may be captured after one that it came
// before, from another queue of the card.
const settling = int64(20 * time.Millisecond)

// Holes that were acknowledged stay open for a while, in milliseconds, since
// what fills them may be captured after its acknowledgement; and so many at a
// time.
const (
	stayOpen  = 50
	mostHoles = 1024
)

// reach notes that numbers up to end were captured.
func (w *way) reach(end craft.Seq) {
	if !w.begun || w.seen.LessThan(end) {
		w.begun, w.seen = true, end
	}
}

// miss notes a hole from lo to hi; acked is what the other end has acknowledged.
func (w *way) miss(at uint32, lo, hi, acked craft.Seq) {
	if !lo.LessThan(hi) {
		return
	}
	h := w.missed()
	h.settle(at, acked)
	h.open = slices.Insert(h.open, h.before(lo), hole{lo, hi, at})
	h.crowd(acked)
}

// crowd makes room: the smallest hole is given up.
func (h *holes) crowd(acked craft.Seq) {
	for len(h.open) > mostHoles {
		least := 0
		for i := range h.open {
			if h.open[i].length() < h.open[least].length() {
				least = i
			}
		}
		h.forget(h.open[least], acked)
		h.open = slices.Delete(h.open, least, least+1)
	}
}

// forget gives a hole up that may yet be filled. What was acknowledged of it is a
// gap; whether the rest is one cannot be known, and so nor that there is none.
func (h *holes) forget(one hole, acked craft.Seq) {
	h.give(one, acked)
	if one.lo.LessThan(acked) {
		one.lo = acked
	}
	if one.lo.LessThan(one.hi) && (!h.isCut || one.lo.LessThan(h.cut)) {
		h.cut, h.isCut = one.lo, true
	}
}

// before is how many holes end at or below a number.
func (h *holes) before(n craft.Seq) int {
	return sort.Search(len(h.open), func(i int) bool { return n.LessThan(h.open[i].hi) })
}

// within are the places of the holes that have any of the numbers from lo to hi.
func (h *holes) within(lo, hi craft.Seq) (from, to int) {
	from = h.before(lo)
	for to = from; to < len(h.open) && h.open[to].lo.LessThan(hi); to++ {
	}
	return from, to
}

func (h *hole) length() uint32 { return uint32(h.hi.Sub(h.lo)) }

func (w *way) missed() *holes {
	if w.holes == nil {
		w.holes = new(holes)
	}
	return w.holes
}

// settle closes holes that were acknowledged some time ago.
func (h *holes) settle(at uint32, acked craft.Seq) {
	old := 0
	for old < len(h.open) && !acked.LessThan(h.open[old].hi) && at > h.open[old].at+stayOpen {
		h.give(h.open[old], acked)
		old++
	}
	h.open = h.open[:copy(h.open, h.open[old:])]
}

// give counts a hole, as far as it was acknowledged: the rest may have been lost
// for everybody.
func (h *holes) give(one hole, acked craft.Seq) {
	if n := one.size(acked); n > 0 {
		h.gaps++
		h.bytes += n
	}
}

// size is how many numbers of a hole were acknowledged.
func (h *hole) size(acked craft.Seq) uint64 {
	if h.hi.LessThan(acked) {
		acked = h.hi
	}
	if !h.lo.LessThan(acked) {
		return 0
	}
	return uint64(acked.Sub(h.lo))
}

// lacks tells whether a number lies in a hole.
func (w *way) lacks(n craft.Seq) bool { return w.overlaps(n, n.Add(1)) }

// fill takes in a segment that may close a hole; acked is what the other end has
// acknowledged.
func (w *way) fill(s *craft.Segment, acked craft.Seq) {
	n := s.Len()
	if n == 0 {
		return
	}
	w.carried = min(w.carried, 1<<16-2) + 1
	if w.holes == nil {
		return
	}
	lo, hi := s.Seq, s.Seq.Add(n)
	from, to := w.holes.within(lo, hi)
	if from == to {
		return
	}
	var room [2]hole
	left := room[:0]
	for _, h := range w.holes.open[from:to] {
		left = h.without(left, lo, hi)
	}
	w.holes.open = slices.Replace(w.holes.open, from, to, left...)
	w.holes.crowd(acked)
}

// overlaps tells whether any of the numbers from lo to hi lies in a hole.
func (w *way) overlaps(lo, hi craft.Seq) bool {
	if w.holes == nil {
		return false
	}
	at := w.holes.before(lo)
	return at < len(w.holes.open) && w.holes.open[at].lo.LessThan(hi)
}

// without appends what is left of a hole once the numbers from lo to hi were
// captured.
func (h hole) without(left []hole, lo, hi craft.Seq) []hole {
	if !lo.LessThan(h.hi) || !h.lo.LessThan(hi) {
		return append(left, h)
	}
	if h.lo.LessThan(lo) {
		left = append(left, hole{h.lo, lo, h.at})
	}
	if hi.LessThan(h.hi) {
		left = append(left, hole{hi, h.hi, h.at})
	}
	return left
}

// lose gives up counting: the numbers have come round.
func (w *way) lose() {
	h := w.missed()
	h.lost, h.open, h.isCut = true, nil, false
}

// count is how many holes there are, and of how many numbers, as far as the other
// end has acknowledged them.
func (w *way) count(acked craft.Seq) (gaps int, bytes uint64) {
	h := w.holes
	if h == nil {
		return 0, 0
	}
	gaps, bytes = int(h.gaps), h.bytes
	for _, one := range h.open {
		if n := one.size(acked); n > 0 {
			gaps, bytes = gaps+1, bytes+n
		}
	}
	if h.lost || h.isCut && h.cut.LessThan(acked) {
		gaps++
	}
	return gaps, bytes
}

// Gaps is what the capture certainly misses of the connection: how many holes there are in the
// acknowledged numbers, SYNs included, and how many bytes they hold; carried is how many captured
// segments had numbers of their own.
func (b *Bystander) Gaps() (gaps int, bytes uint64, carried int) {
	for _, side := range []Side{Client, Server} {
		n, size := b.ways[side].count(b.pair.end(side).Una)
		gaps, bytes = gaps+n, bytes+size
		carried += int(b.ways[side].carried)
	}
	if b.known.has(knowProven) && b.known.has(knowClientSYN) != b.known.has(knowServerSYN) {
		gaps++
	}
	return gaps, bytes, carried + int(b.syn.count) + int(b.answer.count)
}

// Weight is about how many bytes the bystander takes beside itself.
func (b *Bystander) Weight() int {
	const more, marks, list, one = 704, 80, 56, 12 // of rarely, both resetMarks, holes and hole
	n := 0
	if b.resets != nil {
		n += marks
	}
	for i := range b.ways {
		if h := b.ways[i].holes; h != nil {
			n += list + one*cap(h.open)
		}
	}
	if m := b.more; m != nil {
		n += more + len(m.banner) + len(m.synack) + len(m.synackDiff) + len(m.fastOpen) + len(m.cookie) +
			8*(cap(m.synacks)+cap(m.finsAt[0])+cap(m.finsAt[1]))
	}
	return n
}

// tail is how many numbers an end has used, as the other has acknowledged,
// after the last one captured: a FIN may be among them.
func (b *Bystander) tail(s Side) uint32 {
	w, next := &b.ways[s], b.pair.end(s).Nxt
	if m := b.mark(s); m.set && next.LessThan(m.seq) {
		next = m.seq // what an RST says that it has used
	}
	if w.begun && w.seen.LessThan(next) {
		return uint32(next.Sub(w.seen))
	}
	return 0
}

// Missing names the segments of the opening that were not captured but must have been sent.
func (b *Bystander) Missing() (list []string) {
	began := b.known.has(knowProven) || b.known.has(knowServerSYN)
	if began && !b.known.has(knowClientSYN) {
		list = append(list, "SYN")
	}
	if b.known.has(knowProven) && !b.known.has(knowServerSYN) {
		list = append(list, "SYN-ACK")
	}
	return list
}
