package scan

import (
	"cmp"
	"fmt"
	"net/netip"

	"synscope/probe"
	"synscope/probe/internal/wire"
)

// tally is what the verdicts on one host's ports have in common.
type tally struct {
	ports, open            uint32
	strayed                uint32     // packets that our kernel gave up for want of a link address, since the last answer
	canaries, openCanaries uint8      // canaries sent, and of those, how many answered open
	synackTTL, rstTTL      uint8      // of the first of each kind
	zeroWindow             bool       // a SYN-ACK offered no window
	otherAcks              *otherAcks // nil: none came
}

func (t *tally) seen(ev *wire.Event) {
	t.strayed = 0
	switch ev.Kind {
	case wire.KindSYNACK:
		t.synackTTL = cmp.Or(t.synackTTL, ev.Seg.TTL)
		t.zeroWindow = t.zeroWindow || ev.Seg.Window == 0 && !ev.Fragment
	case wire.KindReset:
		t.rstTTL = cmp.Or(t.rstTTL, ev.Seg.TTL)
	}
}

func (t *tally) verdict(s probe.State) {
	t.ports++
	if s == probe.StateOpen {
		t.open++
	}
}

func (t *tally) canary(s probe.State) {
	if s == probe.StateOpen {
		t.openCanaries++
	}
}

// manyOpen tells whether so many ports are open that something may answer for the
// host: all, or a quarter and more than a busy server has.
func (t *tally) manyOpen() bool {
	return t.ports >= 2 && t.open == t.ports || t.open >= 30 && 4*t.open >= t.ports
}

// marked tells whether the SYN-ACKs look like those of a proxy in front of the
// host. A TTL that differs by one is within what a change of route does.
func (t *tally) marked() bool {
	apart := int(t.synackTTL) - int(t.rstTTL)
	return t.zeroWindow || t.synackTTL != 0 && t.rstTTL != 0 && (apart > 1 || apart < -1)
}

// nearerRefusals tells whether RSTs passed fewer routers than SYN-ACKs, by more than
// what a change of route does: then it is those that something else sent.
func (t *tally) nearerRefusals() bool {
	return !t.zeroWindow && t.synackTTL != 0 && t.rstTTL != 0 && wire.RoutersPassed(t.synackTTL)-wire.RoutersPassed(t.rstTTL) > 1
}

// canariesPerHost are probed where a host looks too good to be true.
const canariesPerHost = 2

// canaries is the last round of a scan: ports that nothing serves, on hosts
// that are suspected of answering for everything, and ports that have answered, on
// hosts whose answers may have changed.
type canaries struct{ sent bool }

// sendCanaries starts the round, once, and tells whether it goes on.
func (e *engine) sendCanaries() bool {
	opens := e.cfg.Technique.Opens()
	if !e.cfg.Canaries || e.canaries.sent || !opens && !e.cfg.Technique.ByWindow() {
		return false
	}
	e.canaries.sent = true
	for _, h := range e.hosts.all() {
		if h.tally.manyOpen() || h.tally.open > 0 && h.tally.marked() {
			e.sendCanary(h)
		}
		if opens {
			e.sendRechecks(h)
		}
	}
	return e.flights.live > 0
}

// sendCanary queues probes of dynamic ports (RFC 6335 §6: never assigned).
func (e *engine) sendCanary(h *host) {
	for i := range canariesPerHost {
		seed := e.Matcher.Cookie.Numbers(netip.AddrPortFrom(h.way.source, uint16(i)), netip.AddrPortFrom(h.addr, 0), 0)
		port := 49152 + uint16(uint32(seed.Seq)%8192)*2 + uint16(i)
		id := e.flights.add(h, port)
		e.flights.at(id).canary = true
		h.tally.canaries++
		e.enqueue(id)
	}
}

func (t *tally) manyOpenText(byWindow bool) string {
	if byWindow {
		return "the RSTs of ports that nothing serves have a window too: this host's windows do not tell, scan it with --technique syn"
	}
	if t.open == t.ports {
		return "every port answers open, also ports that nothing serves: something answers for the host, so open means little here"
	}
	return "ports that nothing serves answer open by now: something answers for the host, so open means little here"
}

// findings are told of a host; byWindow: the windows of RSTs say what is open.
func (t *tally) findings(byWindow bool) (f []probe.Finding) {
	if t.openCanaries == t.canaries && t.canaries > 0 {
		f = append(f, probe.Finding{
			Code: "all-open", Severity: probe.SeverityWarning,
			Text:     t.manyOpenText(byWindow),
			Evidence: fmt.Sprintf("%d of %d probed ports open, %d of %d canaries open", t.open, t.ports, t.openCanaries, t.canaries),
		})
	}
	switch {
	case t.nearerRefusals():
		f = append(f, probe.Finding{
			Code: "refused-by-middlebox", Severity: probe.SeverityInfo,
			Text:     "refusals seem to come from something before the host: RSTs passed fewer routers than its SYN-ACKs",
			Evidence: fmt.Sprintf("TTL of SYN-ACK %d, of RST %d", t.synackTTL, t.rstTTL),
		})
	case t.marked():
		f = append(f, probe.Finding{
			Code: "syn-proxy-suspected", Severity: probe.SeverityNotice,
			Text:     "the SYN-ACKs look like those of a proxy in front of the host",
			Evidence: fmt.Sprintf("TTL of SYN-ACK %d, of RST %d, zero window %t", t.synackTTL, t.rstTTL, t.zeroWindow),
		})
	}
	if t.strayed > 0 {
		f = append(f, probe.Finding{
			Code: "neighbour-lost", Severity: probe.SeverityWarning,
			Text:     "the host's link address did not resolve any more during the run: what is silent from then on may not be filtered",
			Evidence: fmt.Sprintf("%d packets given up by this machine's kernel since the host's last answer", t.strayed),
		})
	}
	return f
}
