package scan

import (
	"math"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/internal/binomial"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// A run that searches (see [Config.Search]) does not know which of its hosts are there. It finds
// them by the transmissions to their ports and an echo request beside the first: an address that
// answers nothing costs three packets if one port is asked for. The verdicts of a host are kept
// back until something is heard of it. Some of the hosts that reply to an echo are asked twice
// more; if these replies are lost, or ports answer only repeated probes, silent hosts are asked
// again, by an echo request too.

const (
	// mostSearched transmissions are worth the while of a host that answers nothing.
	mostSearched = 5
	// overlooked is the share of the hosts that answer one kind of question alone which
	// may be missed.
	overlooked = 0.02
	// echoTrials are how often a host that has replied is asked again at once.
	echoTrials = 2
	// mostRefused echo requests wait for a firewall or a queue of this machine.
	mostRefused = 1024
)

// search is what a run does to find hosts.
type search struct {
	echoes   []echo // to be sent
	refused  []echo // by this machine, to be sent later
	withheld uint64 // verdicts
}

// echo is one request to a host.
type echo struct {
	host    *host
	attempt int
	refused int           // how often this machine did not send it
	due     time.Duration // not before
}

// searched is what is kept of a host that is searched for.
type searched struct {
	greeted   uint8           // echo requests are of attempts below it
	greetedAt time.Duration   // when the latest left
	held      []probe.Verdict // kept back while nothing was heard of it
}

// greet asks a host for an echo beside a transmission to one of its ports: beside the
// first, and where more than the usual two are worth it.
func (e *engine) greet(f *flight, attempt int) {
	h := f.host
	if !e.cfg.Search || h.found.up || attempt-f.inGaps(attempt) == 1 {
		return
	}
	if h.searched == nil {
		h.searched = new(searched)
	}
	if attempt < int(h.searched.greeted) {
		return
	}
	h.searched.greeted = uint8(attempt) + 1
	if e.keptShared() { // who answers the probe need not be asked
		e.search.refused = append(e.search.refused, echo{host: h, attempt: attempt, due: e.Now + e.trialWait(&e.limits.all)})
		return
	}
	e.search.echoes = append(e.search.echoes, echo{host: h, attempt: attempt})
}

// sendEchoes sends the requests that wait, as far as the budget allows, and returns what
// it leaves of it.
func (e *engine) sendEchoes(budget int) int {
	s := &e.search
	e.retryEchoes()
	for budget > 0 && len(s.echoes) > 0 && e.Now >= e.Paused {
		next := s.echoes[0]
		s.echoes = s.echoes[1:]
		if next.host.found.up {
			continue
		}
		if err := e.sendEcho(next.host, next.attempt); err != nil {
			e.echoRefused(next, err)
		} else {
			next.host.searched.greetedAt = e.Now
		}
		budget--
	}
	return budget
}

func (e *engine) sendEcho(h *host, attempt int) error {
	b, err := e.Matcher.Echo(craft.EchoRequest, h.way.source, h.addr, attempt)
	if err != nil {
		return err
	}
	e.Now = time.Since(e.Start)
	if _, err = e.Network.Send([][]byte{b}); err == nil {
		e.Counters.Departed(attempt, e.Now)
	}
	return err
}

// echoRefused lets a request wait that this machine did not send, for a while.
func (e *engine) echoRefused(x echo, err error) {
	e.Refused(err)
	wait, again := wire.Backoff(err, x.refused)
	if again && len(e.search.refused) < mostRefused {
		x.refused, x.due = x.refused+1, e.Now+wait
		e.search.refused = append(e.search.refused, x)
	}
}

func (e *engine) retryEchoes() {
	s := &e.search
	still := s.refused[:0]
	for _, x := range s.refused {
		if x.due <= e.Now {
			s.echoes = append(s.echoes, x)
		} else {
			still = append(still, x)
		}
	}
	s.refused = still
}

// replied takes in the reply to an echo request, or says why it is rejected.
func (e *engine) replied(ev *wire.Event) (reject string) {
	h := e.hosts.find(ev.Target.Addr(), ev.Link)
	switch {
	case h == nil:
		return wire.RejectAfterVerdict
	case h.searched == nil || ev.Attempt >= int(h.searched.greeted):
		return wire.RejectUnsolicited
	case h.found.up:
		return wire.RejectAfterVerdict
	}
	v := probe.Verdict{Reason: probe.ReasonEchoReply, TTL: ev.Seg.TTL}
	if ev.Attempt == int(h.searched.greeted)-1 {
		tx := wire.Stamps{Sent: h.searched.greetedAt}
		v.RTT, v.Clock = e.measure(tx, ev.At)
		h.expected = tx.Took(ev.At, e.Start.Add(tx.Sent), e.Now)
		e.near(h.expected)
	}
	if e.Ramp != nil {
		e.Ramp.Answered(0)
	}
	e.hear(h, &v)
	e.tryEchoes(h)
	return ""
}

// tryEchoes asks a host again that has replied, if more has to be known of the loss.
func (e *engine) tryEchoes(h *host) {
	s := &e.limits.all
	if len(s.asks.List()) >= mostTried || h.way.local {
		return
	}
	w := s.asks.Add(witness{host: h})
	for range echoTrials {
		if s.state == paceFull && e.askOne(s, w) {
			e.Booked(1)
		}
	}
}

// searchLoss is what was seen of the loss: by the ports that answered, and by the questions
// that are over.
func (e *engine) searchLoss() trials {
	s := &e.limits.all
	asked, lost := s.asks.Loss(e.Now, max(e.trialWait(s), shortestGuess))
	return trials{e.seen.lost + float64(lost), e.seen.of + float64(asked)}
}

// worthSearching is how many transmissions a port gets of a host that answers nothing: two, and
// where packets are lost as many as leave few such hosts unseen, by two standard
// errors of what was seen of the loss.
func (e *engine) worthSearching() int {
	loss := e.searchLoss()
	share := loss.share(priorLoss)
	if loss.lost > 0 {
		share += 2 * math.Sqrt(share*(1-share)/max(loss.of, 1))
	}
	return max(silentAttempts, min(binomial.Trials(min(share, 0.9), overlooked), mostSearched))
}

// withhold keeps a verdict back while nothing was heard of its host, and tells whether
// it did. Those that this machine made impossible are told in any case.
func (e *engine) withhold(h *host, v *probe.Verdict) bool {
	if !e.cfg.Search || h.found.up {
		return false
	}
	switch v.Reason {
	case probe.ReasonNoNeighbour, probe.ReasonBroadcast, probe.ReasonNoHost:
	case probe.ReasonInterrupted:
		e.Counters.Unfinished++
		return true
	default:
		if v.Attempts == 0 {
			return false
		}
	}
	if h.searched == nil {
		h.searched = new(searched)
	}
	h.searched.held = append(h.searched.held, *v)
	h.found.done = max(v.Time.Sub(e.Start), 1)
	h.found.note(v.Reason)
	e.search.withheld++
	return true
}

// withheld is how many verdicts of a host are kept back.
func (h *host) withheld() int {
	if h.searched == nil {
		return 0
	}
	return len(h.searched.held)
}

// note keeps why a host is taken to be down, unless that is known better.
func (f *found) note(why probe.Reason) {
	if f.reason == "" && (why == probe.ReasonNoNeighbour || wire.SaysNotAHost(why)) {
		f.reason = why
	}
}

// release hands out what was kept back of a host that turns out to be there.
func (e *engine) release(h *host) {
	held := h.searched.held
	h.searched.held = nil
	e.search.withheld -= uint64(len(held))
	for _, v := range held {
		e.deliver(h, v)
	}
}

// PreviewSearch yields the echo request that a run which searches sends beside the first
// transmission to each host; as for [Preview].
func PreviewSearch(cfg Config, target netip.Addr, from4, from6 netip.Addr, port uint16) (craft.Echo, error) {
	cfg.setDefaults()
	from := from6
	if target.Is4() {
		from = from4
	}
	m := wire.Matcher{Cookie: wire.NewCookie(cfg.Key), Ports: []uint16{port}}
	b, err := m.Echo(craft.EchoRequest, from, target, 0)
	if err != nil {
		return craft.Echo{}, err
	}
	return craft.DecodeEcho(b, craft.TrustChecksums)
}
