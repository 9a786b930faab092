package ping

import (
	"time"

	"synscope/probe/internal/wire"
)

// refuse takes note of a transmission that the kernel did not take.
func (p *pinger) refuse(s *wire.Transmission, err error) {
	s.Ended, s.Closed = true, true
	p.kept.Push(s)
	if !s.WarmUp && s.First == nil {
		p.unsent(s, err)
	}
}

// unsent lets a probe that did not leave wait for another try, or reports it. Its
// route is looked up again before.
func (p *pinger) unsent(s *wire.Transmission, err error) {
	t := p.targets[s.Index]
	t.known, s.Refusal = false, err
	wait, again := wire.Backoff(err, s.Refused)
	if p.letsSomePass(t, s, err) {
		wait, again = somePause, true
	}
	p.hold(t, err, wait)
	if again && p.worthWaiting(t, s, err) {
		p.refused.push(p.Now+wait, s)
		return
	}
	t.walled = wire.RefusalOf(err) == wire.RefusedByFirewall
	p.Counters.Refusal = err
	v := wire.Unsendable(s.Dst, err)
	sample := p.sample(s)
	sample.State, sample.Reason, sample.Err, sample.Findings = v.State, v.Reason, v.Err, v.Findings
	p.deliver(sample)
}

const (
	// someTries is how often a probe is sent against a firewall that lets others
	// pass, somePause apart.
	someTries = 12
	somePause = 100 * time.Millisecond
	// someLately is how long ago one must have passed.
	someLately = time.Second
)

// letsSomePass tells whether a firewall that refused a probe has let others to
// the same target pass lately: it limits, or its table is full, and no rule
// forbids them.
func (p *pinger) letsSomePass(t *pinged, s *wire.Transmission, err error) bool {
	return wire.RefusalOf(err) == wire.RefusedByFirewall && s.Refused > 0 && s.Refused < someTries &&
		t.left > 0 && p.Now-t.left < someLately
}

// hold keeps the other packets for a target back too, where the kernel has no
// room or no network for any. A firewall may let some pass.
func (p *pinger) hold(t *pinged, err error, wait time.Duration) {
	p.absence.note(t, err, p.Now)
	if p.cfg.Count > 0 && p.absence.outage.Certain(p.Now) {
		p.Stopping = true
	}
	if p.Now >= t.held && wire.RefusalOf(err) != wire.RefusedByFirewall {
		t.held, t.heldBack = p.Now+wait, err
	}
}

// worthWaiting tells whether a probe that did not leave is to be sent later. An
// outage costs the probes that were due more than a timeout before its end; a
// firewall that refused the probe before this for good is asked once.
func (p *pinger) worthWaiting(t *pinged, s *wire.Transmission, err error) bool {
	switch wire.RefusalOf(err) {
	case wire.RefusedNetworkAway:
		return !p.Stopping && p.Now-p.origin-s.Due < p.cfg.Timeout
	case wire.RefusedByFirewall:
		return !p.Stopping && !t.walled
	}
	return !p.Stopping
}

// sendAnew sends a probe that the kernel refused before.
func (p *pinger) sendAnew(s *wire.Transmission) {
	again := s.Retransmission()
	again.Attempt, again.Refused = s.Attempt, s.Refused+1
	p.send(p.targets[s.Index], again)
}

// dropRefused reports the probes that will not be sent any more.
func (p *pinger) dropRefused() {
	for len(p.refused.list) > 0 {
		s := p.refused.take(p.refused.list[0].at)
		p.unsent(s, s.Refusal)
	}
}
