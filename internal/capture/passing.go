package capture

import (
	"net/netip"
	"time"
)

// passing remembers packets as they leave, since a tap shows each once for every interface that it passes: a
// bridge and its port, a macvlan and the interface below it. The stamps differ, unlike those of arrivals, of
// which netraw shows each once. The zero value is ready for use.
type passing struct {
	last [64]departing
	next int
}

// departing is a packet as an interface had it.
type departing struct {
	held   *held
	target netip.AddrPort
	id     packetIdentity
	link   int
	at     time.Time
}

// passesWithin is how much later the last interface has a packet than the first at most: a queue between them may
// hold it for a while, and no SYN is sent again sooner (RFC 6298 §2.1).
const passesWithin = 500 * time.Millisecond

// again tells whether an own packet is one that another interface had before, and gives that the later stamp,
// which is nearer to the wire; so do the round trips of a run.
func (p *passing) again(echo *held, link int) bool {
	for i := range p.last {
		d := &p.last[i]
		if d.held == nil || d.id != echo.id || d.target != echo.target || d.link == link {
			continue
		}
		if apart := echo.packet.Time.Sub(d.at); apart >= 0 && apart < passesWithin {
			if d.held.stamped && !d.held.gone {
				d.held.packet.Time = echo.packet.Time
			}
			return true
		}
	}
	return false
}

// note takes note of one that no interface had before.
func (p *passing) note(h *held, link int) {
	p.last[p.next%len(p.last)] = departing{h, h.target, h.id, link, h.packet.Time}
	p.next++
}
