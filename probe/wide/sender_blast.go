package wide

import (
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"synscope/craft"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// blast sends probes; those that the kernel refuses are delayed.
func (s *sender) blast(c *cursor, probes []craft.Fields) (tried int) {
	now := s.now()
	clock := clockAt(now)
	for i := range probes {
		probes[i].TSval += clock
	}
	for tried < len(probes) && s.goesOn() && !s.stuck() {
		n, err := s.net.Blast(probes[tried:])
		if s.book(c, probes[tried:], n, err, now); err != nil {
			n++
		}
		tried += n
	}
	for i := range probes[tried:] {
		probes[tried+i].TSval -= clock
	}
	return tried
}

// book notes what became of probes that were stamped at now: n left, and the
// next one did not if there is an error.
func (s *sender) book(c *cursor, probes []craft.Fields, n int, err error, now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left(c.attempt, n, now)
	if err != nil {
		d := delayed{probe: probes[n], attempt: c.attempt, position: c.chunk.at(c.used + n), sent: s.status.sent}
		d.probe.TSval -= clockAt(now)
		s.refuse(d, err)
		n++
	}
	c.advance(n, s.now())
}

// left counts probes that left. The lock is held.
func (s *sender) left(attempt, n int, now time.Duration) {
	if n == 0 {
		return
	}
	s.status.sent += uint64(n)
	s.status.lastSend = now
	if attempt > 0 {
		s.status.retransmitted += uint64(n)
	}
	s.outage.End()
	s.inVain, s.refusals = 0, 0
}

// mostInVain is how many probes in a row may be given up before a run is,
// whatever the reason; but for neighbours that do not answer, of which a
// network may well have more.
const mostInVain = 4096

// cannotSend is the error of a run of which nothing leaves, or nothing any more once some
// probes have.
func cannotSend(refusal error, sent uint64) error {
	switch {
	case wire.RefusalOf(refusal) == wire.RefusedByFirewall && sent > 0:
		return fmt.Errorf("%w: no probe leaves any more: %w: %w", probe.ErrNetworkDown, netraw.ErrLocalFirewall, syscall.EPERM)
	case wire.RefusalOf(refusal) == wire.RefusedByFirewall:
		return fmt.Errorf("%w: %w: %w", probe.ErrNothingSent, netraw.ErrLocalFirewall, syscall.EPERM)
	}
	return fmt.Errorf("%w: no probe could be sent: %w", probe.ErrNetworkDown, refusal)
}

// refusedTargets tells the run of a target that the firewall keeps from being
// probed. The lock is held.
func (s *sender) refusedTargets(target netip.AddrPort, err error) {
	if len(s.told) < mostDelayed {
		s.told = append(s.told, refusedTarget{target, err})
	}
}
