package capture

import (
	"net/netip"
	"slices"
	"time"

	"synscope/craft"
)

// held is a packet that waits for its verdict.
type held struct {
	packet  Packet
	target  netip.AddrPort // the far end; zero where there is none
	id      packetIdentity
	settled bool // the comment is final
	unsent  bool // the kernel refused it
	stamped bool // the time is that of the network, not of Send
	gone    bool // written, or not to be
}

// identify finds the target: the far end of a segment, or of the segment that
// an ICMP error quotes.
func (h *held) identify() error {
	var p craft.Packet
	if err := p.Decode(h.packet.Data, craft.TrustChecksums); err != nil {
		return h.identifyEcho(err)
	}
	s := &p.Segment
	h.target, h.id = s.Src, packetIdentity{s.Src, s.Dst, s.Seq, s.Ack, s.Flags}
	switch {
	case p.Kind == craft.PacketICMPError:
		h.target, h.id = p.ICMP.Quote.Dst, packetIdentity{}
	case h.packet.Direction == Outbound:
		h.target = s.Dst
	}
	return nil
}

// identifyEcho finds the target of an echo or time stamp message, whose port is
// 0; err is what became of it as a segment.
func (h *held) identifyEcho(err error) error {
	e, failed := craft.DecodeEcho(h.packet.Data, craft.TrustChecksums)
	if failed != nil {
		return err
	}
	src, dst := netip.AddrPortFrom(e.Src, 0), netip.AddrPortFrom(e.Dst, 0)
	h.target, h.id = src, packetIdentity{src: src, dst: dst, seq: craft.Seq(e.Token), ack: craft.Seq(e.Seq)}
	if h.packet.Direction == Outbound {
		h.target = dst
	}
	return nil
}

// opens tells a SYN of ours, which makes an earlier verdict void.
func (h *held) opens() bool {
	return h.packet.Direction == Outbound && h.id.flags.Has(craft.SYN)
}

func (h *held) settle(comment string) {
	if !h.settled {
		h.packet.Comment, h.settled = comment, true
	}
}

// Packets without a verdict wait for it, but no more of them, and no longer, than
// this: a peer decides neither about our memory nor about when a capture is
// written.
const (
	maxWaiting      = 1 << 18
	maxWaitingBytes = 64 << 20
	maxDelay        = time.Minute
)

// sweepInterval bounds how long a packet with a verdict waits, while others
// come, to be put in order with them.
const sweepInterval = 250 * time.Millisecond

func (r *Recorder) sweepSometimes() {
	switch now := r.now(); {
	case len(r.waiting) > maxWaiting || r.bytes > maxWaitingBytes:
		r.sweep(room{maxWaiting / 2, maxWaitingBytes / 2, now.Add(-maxDelay)})
	case now.Sub(r.swept) >= sweepInterval:
		r.swept = now
		r.sweep(room{maxWaiting, maxWaitingBytes, now.Add(-maxDelay)})
	}
}

// room is what may go on waiting without a verdict.
type room struct {
	packets, bytes int
	since          time.Time // nothing older
}

// sweep writes in the order of time what has its verdict, up to the first
// packet that has none, and beyond it what there is no room for.
func (r *Recorder) sweep(left room) {
	slices.SortStableFunc(r.waiting, func(a, b *held) int { return a.packet.Time.Compare(b.packet.Time) })
	n := 0
	for _, h := range r.waiting {
		if !h.settled && !h.unsent && len(r.waiting)-n <= left.packets && r.bytes <= left.bytes && !h.packet.Time.Before(left.since) {
			break
		}
		r.write(h)
		r.bytes -= len(h.packet.Data)
		n++
	}
	r.forget(r.waiting[:n])
	r.waiting = slices.Delete(r.waiting, 0, n)
	if err := r.w.Flush(); r.err == nil {
		r.err = err
	}
}

func (r *Recorder) write(h *held) {
	if h.unsent {
		return
	}
	if !h.settled {
		h.packet.Comment = r.verdicts.without(h.target)
	}
	if err := r.w.Write(&h.packet); r.err == nil {
		r.err = err
	}
}

// forget takes packets that have been written out of those that wait for a
// verdict.
func (r *Recorder) forget(written []*held) {
	targets := map[netip.AddrPort]bool{}
	for _, h := range written {
		h.gone = true
		targets[h.target] = targets[h.target] || !h.settled
	}
	for target, waited := range targets {
		if !waited {
			continue
		}
		rest := slices.DeleteFunc(r.byTarget[target], func(h *held) bool { return h.gone })
		if r.byTarget[target] = rest; len(rest) == 0 {
			delete(r.byTarget, target)
		}
	}
}

// verdicts remembers the latest verdicts for packets that come after them. Its
// memory is bounded: when one generation is full it becomes the old one, and
// the one before is forgotten.
type verdicts struct{ young, old map[netip.AddrPort]judged }

// judged is a verdict, which a SYN to the same target may have followed.
type judged struct {
	comment string
	asked   bool
}

// generation is how many verdicts are remembered at least.
const generation = 1 << 15

func (v *verdicts) keep(target netip.AddrPort, comment string) {
	if v.young == nil || len(v.young) >= generation {
		v.young, v.old = make(map[netip.AddrPort]judged), v.young
	}
	v.young[target] = judged{comment: comment}
}

func (v *verdicts) find(target netip.AddrPort) (string, bool) {
	j, ok := v.last(target)
	return j.comment, ok && !j.asked
}

func (v *verdicts) last(target netip.AddrPort) (j judged, ok bool) {
	if j, ok = v.young[target]; !ok {
		j, ok = v.old[target]
	}
	return j, ok
}

// follow notes that the target is asked again: what comes now is no longer of the
// verdict.
func (v *verdicts) follow(target netip.AddrPort) {
	if j, ok := v.last(target); ok && !j.asked {
		v.keep(target, j.comment)
		v.young[target] = judged{j.comment, true}
	}
}

// without is the comment of a packet that has no verdict of its own: a scan asks a
// port that has answered whether its host still does.
func (v *verdicts) without(target netip.AddrPort) string {
	if j, ok := v.last(target); ok {
		return "after the verdict: " + j.comment
	}
	return "no verdict"
}
