package wide

import (
	"net/netip"
	"slices"

	"synscope/craft"
	"synscope/probe/internal/wire"
)

// What answers no probe says something of a target that is silent otherwise
// (probe/internal/wire/stray.go): that is then told of, as one whose answers prove nothing. The xdp
// engine leaves such segments in the kernel, which counts them.

const (
	// mostElsewhere is how many targets a plan may have in which one is looked for whose answer
	// came from another address.
	mostElsewhere = nearTargets
	// mostSearched bounds the work for that in a run: 50 ns each.
	mostSearched = 1 << 20
)

// noteStray lets an event that was rejected say what it says of a target all the same.
func (w *run) noteStray(ev *wire.Event) {
	if !ev.Strange() || !w.cfg.Technique.Opens() {
		return
	}
	s, attempt := &ev.Seg, slices.Index(w.matcher.Ports, ev.Seg.Dst.Port())
	ev.Target, ev.Attempt = netip.AddrPortFrom(w.sources.inZone(s.Src.Addr(), ev.Link), s.Src.Port()), attempt
	stray := wire.OtherNumber(s, w.matcher.Cookie.Numbers(s.Dst, s.Src, attempt).Seq)
	if target, attempt, ok := w.elsewhere(s); ok {
		ev.Target, ev.Attempt = target, attempt
		if stray = wire.FromElsewhere(ev); s.Flags.Has(craft.SYN) {
			w.responses.add(wire.CloseAfter(ev), w.now)
		}
	}
	if stray == (wire.Stray{}) {
		return
	}
	if d, _ := w.doubtOf(ev); d != nil {
		d.outcome.NoteStray(stray)
	}
}

// elsewhere finds the target with another address than a segment's source whose SYN it acknowledges.
func (w *run) elsewhere(s *craft.Segment) (target netip.AddrPort, attempt int, ok bool) {
	count := w.cfg.Plan.Count()
	if count > mostElsewhere || w.searched >= mostSearched {
		return target, 0, false
	}
	for i := w.cfg.From; i < count; i++ {
		w.searched++
		target = wire.Unmapped(w.cfg.Plan.At(i))
		if !target.IsValid() || target.Addr().WithZone("") == s.Src.Addr() {
			continue
		}
		if attempt, ok = w.matcher.Acknowledged(s, target); ok {
			return target, attempt, true
		}
	}
	return target, 0, false
}
