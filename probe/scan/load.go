package scan

import (
	"fmt"
	"slices"
	"time"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// Firewalls and servers limit connections: so many SYNs a second, or so many open connections of
// one address. They refuse the rest by an RST or an ICMP error, which looks as if nobody served the
// port, and stop when the load does. So while ports are refused, one that was open is asked again.
// And if several connections were half open at a time, a few more than these are asked for at once
// at the end: if one is refused then, the limit may have refused other ports, too.

const (
	// firstControl is after how many refusals a port that was open is asked again, and
	// controlEvery by what factor more are needed for the next time.
	firstControl = 24
	controlEvery = 4
	// mostTogether bounds the ports that are asked at once, and leastTogether is how many
	// connections were open at a time where that is done, with as many more as moreTogether.
	mostTogether  = 32
	leastTogether = 2
	moreTogether  = 2
	// pressedTogether are asked at least where many were refused while others were open.
	pressedTogether = 5
)

// load is what is known of a host's answers under load.
type load struct {
	opens   []uint16    // ports that were open, the first of them
	latest  []time.Time // the answers of those that may be half open still
	peak    int         // the most of those
	opened  []time.Time // the answers of the latest that were open
	newest  time.Time   // of those
	pressed pressed
	control int    // refusals after which a port is asked again
	limited uint16 // a port that was open before and refused under load; 0: none was
	reason  probe.Reason
	asked   time.Time
}

// note takes the first verdict on a port.
func (l *load) note(v *probe.Verdict) {
	if v.State != probe.StateOpen {
		return
	}
	gone := func(at time.Time) bool { return v.Time.Sub(at) >= v.RTT }
	if l.latest = slices.DeleteFunc(l.latest, gone); len(l.latest) < mostTogether {
		l.latest = append(l.latest, v.Time)
	}
	l.peak = max(l.peak, len(l.latest))
	l.accepted(v.Time)
	if len(l.opens) < mostTogether {
		l.opens = append(l.opens, v.Target.Port())
	}
}

// controlLoad asks a port that was open again, where many others were refused since the last time.
func (e *engine) controlLoad(h *host) {
	if h.several == nil || h.several.samples == nil || !e.cfg.Canaries || !e.cfg.Technique.Opens() || e.Stopping || h.onlyAgain() || h.gone() {
		return
	}
	s := h.several.samples
	l := &s.load
	if l.control = max(l.control, firstControl); s.open.not < l.control {
		return
	}
	l.control *= controlEvery
	e.sendRecheckFirst(h, s.open.port)
}

// sendTogether asks for more ports at once than were open at a time.
func (e *engine) sendTogether(h *host) {
	s := h.several.samples
	if s.open.not < leastChanged || s.load.peak < leastTogether && len(s.load.pressed.waiting) < leastChanged {
		return
	}
	most := s.load.peak + moreTogether
	if len(s.load.pressed.waiting) >= leastChanged { // how many were open at a time may be more than it seems
		most = max(most, pressedTogether)
	}
	for _, port := range s.load.opens[:min(len(s.load.opens), most)] {
		e.sendRecheck(h, port)
	}
}

// accepted takes note of a SYN-ACK.
func (l *load) accepted(at time.Time) {
	l.opened = append(l.opened[max(0, len(l.opened)-mostTogether+1):], at)
	if at.After(l.newest) {
		l.newest = at
	}
}

// rechecked takes the answer of a port that was open before.
func (l *load) rechecked(v *probe.Verdict) {
	if v.State == probe.StateOpen {
		l.accepted(v.Time)
	}
	if l.limited == 0 && slices.Contains(l.opens, v.Target.Port()) && refuses(v) {
		l.limited, l.reason, l.asked = v.Target.Port(), v.Reason, v.Time
	}
}

// refuses tells whether a verdict on a port that was open before is a refusal. A router that finds
// no way to the host at the moment refuses nothing.
func refuses(v *probe.Verdict) bool {
	return otherwise(probe.StateOpen, v) && !wire.SoftError(v, 0)
}

func (l *load) findings(refused int) []probe.Finding {
	if l.limited == 0 {
		return nil
	}
	return []probe.Finding{{
		Code: "refused-under-load", Severity: probe.SeverityWarning,
		Text: "a port that was open before was refused while others were probed: the host, or something on the way, limits connections, " +
			"a second or at a time, so that other ports that are refused may be open: probe them again, more slowly (--rate 5)",
		Evidence: fmt.Sprintf("port %d, which had been open, answered %v at %s; %d ports refused or rejected%s",
			l.limited, l.reason, l.asked.Format("15:04:05.000"), refused, l.pressed.evidence()),
	}}
}
