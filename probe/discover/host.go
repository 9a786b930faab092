package discover

import (
	"net/netip"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// host is one address until it is decided.
type host struct {
	Host
	key      netip.Addr
	asks     *questions
	id       uint32
	source   netip.Addr
	route    netraw.Route
	round    int           // under way, from 0
	from     int           // round from which on it is asked anew at a lower pace; 0: it was not
	place    int           // of the next segment of the round
	sent     []wire.Stamps // of the segments of all rounds, in order
	refused  int           // how often the kernel refused the next segment
	walled   bool          // this machine's firewall did, the last time
	unsent   error         // why a segment could not be sent, nil if all could
	left     bool          // one was
	asked    int           // questions about answers that proved nothing
	also     []netip.Addr  // other spellings of the address: its link by name and by number
	believed bool          // its link address is what the kernel knew before
	waiting  bool          // in the list of those to be sent to
	queues   bool          // waits for a place in its network
	due      time.Duration // when it is looked at again
	began    time.Duration // when the last segment of its round left; 0: not all of them have
	untold   bool          // its silence is kept back, since began
	placed   bool          // has or had one
	entered  time.Duration // when it got that
}

// transmission finds the segment that an answer is to, nil if it was not sent.
func (h *host) transmission(ev *wire.Event) *wire.Stamps {
	tx, _ := h.answered(ev)
	return tx
}

// answered is transmission, and what was sent.
func (h *host) answered(ev *wire.Event) (*wire.Stamps, segment) {
	at := 0
	for round := range ev.Attempt {
		at += len(h.segmentsOf(round))
	}
	for i, s := range h.segmentsOf(ev.Attempt) {
		if s.answeredBy(ev) && at+i < len(h.sent) {
			return &h.sent[at+i], s
		}
	}
	return nil, segment{}
}

// lastSent is when the latest of its segments left. At least one has.
func (h *host) lastSent() time.Duration { return h.sent[len(h.sent)-1].Sent }

// answeredBy tells whether an answer is to such a segment.
func (s segment) answeredBy(ev *wire.Event) bool {
	if ev.Kind == wire.KindEcho {
		return s.echo != 0 && s.echo+1 == ev.Echo
	}
	return s.echo == 0 && s.port == ev.Target.Port()
}

// mostAtOnce bounds the hosts that are looked for at a time.
const mostAtOnce = 1 << 16

// admit takes up new hosts.
func (e *engine) admit(budget int) {
	for ; budget > 0 && !e.exhausted && e.sought() < mostAtOnce; budget-- {
		a, ok := e.next()
		if !ok {
			e.exhausted = true
			return
		}
		e.meet(a)
	}
}

// meet decides how a host is looked for.
func (e *engine) meet(a netip.Addr) {
	h := &host{Host: Host{Addr: a, Began: time.Now()}, asks: e.asksOf(a), id: uint32(len(e.byID))}
	var err error
	if h.route, err = e.Network.Route(a); err != nil {
		e.lost, e.Counters.Refusal = err, err
		e.unroutable++
		h.Reason, h.Err = probe.ReasonNoRoute, err
		e.deliver(h)
		return
	}
	h.source, h.key = h.route.Source, wire.AsCarried(a, h.route.IfIndex)
	if same := e.hosts[h.key]; same != nil {
		same.also = append(same.also, a)
		return
	}
	e.hosts[h.key] = h
	e.byID = append(e.byID, h)
	if e.Ramp != nil {
		e.Ramp.Towards(h.route)
	}
	switch {
	case h.route.Local:
		e.up(h, probe.ReasonLocalhost)
	case h.route.Broadcast:
		e.down(h, wire.ReasonNotAHost(h.Addr))
	case e.resolving.Asks():
		if n, known := e.resolving.Ask(h.Addr, h.route, h); known {
			e.resolved(h, &n)
		}
	default:
		e.approach(h)
	}
}

// resolved decides a host on the link; others are asked themselves.
func (e *engine) resolved(h *host, n *netraw.Neighbour) {
	switch n.State {
	case netraw.NeighbourResolved:
		h.MAC, h.believed = n.MAC, n.Believed
		if n.Asked == 1 {
			h.RTT, h.Clock = n.Took, netraw.ClockUser
		}
		if n.Believed || e.shared.shares(h) {
			e.approach(h)
			return
		}
		e.upByLink(h)
	case netraw.NeighbourFailed:
		e.down(h, probe.ReasonNoNeighbour)
	default:
		e.approach(h)
	}
}

// begin lets a host have its first round.
func (e *engine) begin(h *host) {
	if !h.waiting {
		h.waiting = true
		e.due = append(e.due, h)
	}
}

func (e *engine) up(h *host, why probe.Reason) {
	e.found, e.foundAt = e.found+1, e.Now
	h.Up, h.Reason = true, why
	e.decide(h)
}

// down keeps what a router said of the host, if one did. A host that nothing
// could be sent to is not down for that.
func (e *engine) down(h *host, why probe.Reason) {
	if e.shared.resolvedAlone(h) {
		e.upByLink(h)
		return
	}
	h.RTT, h.Clock = 0, netraw.ClockNone
	if e.silence(h, why) {
		return
	}
	switch {
	case h.unsent != nil && !h.left:
		h.Reason, h.Err = wire.Unsendable(netip.AddrPortFrom(h.Addr, 0), h.unsent).Reason, h.unsent
	case h.Reason == "":
		h.Reason = why
	}
	h.disbelieve()
	e.decide(h)
}

// disbelieve forgets the link address of a host that has not shown that it is there.
func (h *host) disbelieve() {
	if h.believed {
		h.MAC = nil
	}
}

func (e *engine) decide(h *host) {
	e.unqueue(h)
	e.seek(h)
	delete(e.hosts, h.key)
	e.byID[h.id] = nil
	e.deliver(h)
}

func (e *engine) deliver(h *host) {
	if h.Time.IsZero() {
		h.Time = time.Now()
	}
	for _, a := range append([]netip.Addr{h.Addr}, h.also...) {
		e.Counters.Probes++
		h.Addr = a
		if err := e.yield(h.Host); err != nil {
			e.Fail(err)
			return
		}
	}
}
