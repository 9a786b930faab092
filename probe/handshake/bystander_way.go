package handshake

import (
	"time"

	"synscope/craft"
)

// way is what was captured of the numbers that one end used.
type way struct {
	seen    craft.Seq // after the highest one captured
	lo, hi  craft.Seq // the latest hole
	missing uint32    // numbers of it that have not been filled since
	missed  uint32    // numbers of it at first
	at      uint32    // when it was met, in milliseconds since the connection's first packet
	bytes   uint32    // of older holes that stayed
	gaps    uint16    // older holes that stayed

	stretches uint16 // that the latest hole consists of
	carried   uint16 // segments that used up numbers, up to 65,535
	begun     bool
	lost      bool // more was missed than numbers can tell
}

// settling is how long a segment may be captured after one that it came
// before, from another queue of the card.
const settling = int64(20 * time.Millisecond)

// joining is how far apart holes are at most that may yet be filled together,
// in milliseconds.
const joining = 50

// reach notes that numbers up to end were captured.
func (w *way) reach(end craft.Seq) {
	if !w.begun || w.seen.LessThan(end) {
		w.begun, w.seen = true, end
	}
}

// miss notes a hole from lo to hi. One that follows soon joins the one before,
// since both may yet be filled.
func (w *way) miss(at uint32, lo, hi craft.Seq) {
	if w.missing > 0 && at > w.at+joining {
		w.gaps += w.left()
		w.bytes += w.missing
		w.missing = 0
	}
	if w.missing == 0 {
		w.lo, w.missed, w.stretches = lo, 0, 0
	}
	w.hi, w.at = hi, at
	w.missing += uint32(hi.Sub(lo))
	w.missed += uint32(hi.Sub(lo))
	w.stretches = min(w.stretches, 1<<16-2) + 1
}

// missBefore notes a hole from a SYN, which was captured late, to the first
// number that was captured before it.
func (w *way) missBefore(at uint32, lo, hi craft.Seq) {
	if !lo.LessThan(hi) {
		return
	}
	old := w.hi
	if w.missing == 0 {
		old = hi
	}
	w.miss(at, lo, hi)
	w.lo, w.hi = lo, old
}

// left is about how many of the stretches that were missed have not been
// filled: at least one, where anything is missing.
func (w *way) left() uint16 {
	if w.missing == 0 {
		return 0
	}
	return uint16(max(1, uint64(w.stretches)*uint64(w.missing)/uint64(max(w.missed, w.missing))))
}

// fill takes in a segment that may close a hole.
func (w *way) fill(s *craft.Segment) {
	n := s.Len()
	if n > 0 && w.carried < 1<<16-1 {
		w.carried++
	}
	if n > 0 && w.missing > 0 && s.Seq.InRange(w.lo, w.hi) {
		w.missing -= min(w.missing, n)
	}
}

// lose gives up counting: the numbers have come round.
func (w *way) lose() { w.lost, w.missing = true, 0 }

// holes are how many there are, and of how many numbers, as far as the other
// end has acknowledged them: what it has not may have been lost for everybody.
func (w *way) holes(acked craft.Seq) (gaps int, bytes uint64) {
	gaps, bytes = int(w.gaps), uint64(w.bytes)
	if w.missing > 0 && w.lo.LessThan(acked) {
		gaps += int(w.left())
		bytes += uint64(w.missing)
	}
	if w.lost {
		gaps++
	}
	return gaps, bytes
}

// Gaps is what the capture misses of the connection for certain: holes in the
// numbers that were acknowledged, SYNs included, the bytes in them, and how
// many segments with numbers of their own it has.
func (b *Bystander) Gaps() (gaps int, bytes uint64, carried int) {
	for _, side := range []Side{Client, Server} {
		n, size := b.ways[side].holes(b.pair.end(side).Una)
		gaps, bytes = gaps+n, bytes+size
		carried += int(b.ways[side].carried)
	}
	if b.known.has(knowProven) && b.known.has(knowClientSYN) != b.known.has(knowServerSYN) {
		gaps++
	}
	return gaps, bytes, carried + int(b.syn.count) + int(b.answer.count)
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

// Missing names what the capture does not have of the opening, where it is
// proven to have been sent.
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
