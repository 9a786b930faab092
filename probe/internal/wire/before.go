package wire

import (
	"synscope/craft"
	"synscope/probe"
)

// A search for hosts ends once it knows about each of them. Answers to its other segments may still
// arrive while the ports are being probed. They are not forgeries, and a SYN-ACK among them shows
// an open port and a half-open connection to close.

// BeforeOf tells answers to an earlier run, nil where there was none.
func BeforeOf(x *probe.Earlier, ports []uint16) *Matcher {
	if x == nil {
		return nil
	}
	return &Matcher{Cookie: NewCookie(x.Key), Tech: probe.Techniques()[0], Ports: ports, Attempts: x.Attempts, Echoes: true}
}

// answersBefore tells whether a packet that answers nothing of this run answers the earlier run,
// and takes note of it.
func (m *Matcher) answersBefore(p *craft.Packet, outgoing bool, ev *Event, reject string) bool {
	if m.Before == nil || outgoing || p.Fragment || reject == "" && (ev.Kind == KindNone || ev.Kind.Verified()) {
		return false
	}
	a, reject := m.Before.match(p, false)
	if reject != "" || !a.Kind.Verified() {
		return false
	}
	ev.answer, ev.Before = a, true
	return true
}
