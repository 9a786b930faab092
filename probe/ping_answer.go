package probe

import (
	"net/netip"
	"slices"
	"time"

	"synscope/netraw"
)

// retries is how often a probe is repeated because an old connection of the far
// end stood in its way.
const retries = 2

// retention is for how many timeouts a transmission is remembered: an answer
// that comes after its time is then counted as what it is.
const retention = 3

// noteDeparture takes the stamp of a probe that left.
func (p *pinger) noteDeparture(s *shot, ev *event) {
	if ev.kind == answerLeft {
		p.left(s, ev.device)
		return
	}
	s.tx.left = ev.at.UnixNano()
	p.warm[p.targets[s.index].nextHop()] = true
}

// acceptAnswer applies an answer to its transmission, or says why it is rejected.
func (p *pinger) acceptAnswer(ev *event) (reject string) {
	if !ev.kind.verified() {
		return p.unverified(ev)
	}
	s := p.table.at(ev.attempt)
	switch {
	case s == nil:
		return rejectUnsolicited
	case s.ended && p.now-s.tx.sent > p.cfg.Timeout:
		return rejectAfterVerdict
	case s.ended:
		return rejectDuplicate
	case ev.kind == answerPathMTU:
		return rejectICMPType
	}
	p.answered(s, ev)
	return ""
}

// answered ends a transmission with its answer.
func (p *pinger) answered(s *shot, ev *event) {
	t := p.targets[s.index]
	sample := p.sample(s)
	sample.seen(judge(p.matcher.tech, s.dst, ev), ev)
	if ev.sender != s.src.Addr() {
		sample.RTT, sample.Clock = s.tx.elapsed(ev.at, s.handed.wall, p.now)
	}
	sample.Doubt = p.doubt(s, t, sample.Clock)
	if sample.Doubt == DoubtClockStep {
		sample.RTT = 0
	}
	if ev.kind != answerICMP {
		t.rto.Sample(p.now - s.tx.sent)
	}
	p.warm[t.nextHop()] = true
	s.answered = true
	if p.byDevice(s, t, ev) {
		p.awaitDevice(s, sample, ev.device)
		return
	}
	p.end(s, sample)
}

// seen takes over the verdict on an answer.
func (s *Sample) seen(v Verdict, ev *event) {
	s.State, s.Reason, s.Responder, s.ICMP = v.State, v.Reason, v.Responder, v.ICMP
	s.TTL, s.ISN = ev.seg.TTL, ev.seg.Seq
}

// doubt says whether something but the way there and back is in the time.
func (p *pinger) doubt(s *shot, t *pinged, clock netraw.Clock) Doubt {
	switch {
	case s.handed.stepped(p.reading):
		return DoubtClockStep
	case clock == netraw.ClockKernel && time.Unix(0, s.tx.left).Sub(s.back) > heldBack,
		clock != netraw.ClockKernel && !p.warm[t.nextHop()] && !t.route.Local:
		return DoubtCold
	}
	return DoubtNone
}

// sample is what is known of a probe without an answer.
func (p *pinger) sample(s *shot) *Sample {
	sample := &Sample{
		Index: s.index, Target: s.dst, N: s.n, Attempt: s.attempt,
		Due: s.due, Sent: s.handed.wall, SourcePort: s.src.Port(),
	}
	if s.tx.left != 0 {
		sample.Sent = time.Unix(0, s.tx.left)
	}
	return sample
}

// end reports a transmission and frees its port.
func (p *pinger) end(s *shot, sample *Sample) {
	s.ended = true
	if !s.errand {
		p.deliver(sample)
	}
}

// unverified takes an answer that carries no number of ours: it concerns the
// newest transmission of its flow, if any.
func (p *pinger) unverified(ev *event) string {
	s := p.table.latest(netip.AddrPortFrom(ev.seg.Dst.Addr(), ev.seg.Dst.Port()), ev.target)
	switch {
	case s == nil:
		return rejectUnsolicited
	case ev.kind == answerChallenge:
		return p.challenged(s, ev)
	case p.pending[s.id] != nil:
		return rejectDuplicate
	}
	pending := p.sample(s)
	pending.seen(judge(p.matcher.tech, s.dst, ev), ev)
	p.pending[s.id] = pending
	return ""
}

// challenged resets the old connection that answered in place of the port, and
// repeats the probe from another port (RFC 9293 §3.10.7.4, RFC 5961 §4.2).
func (p *pinger) challenged(s *shot, ev *event) string {
	p.resets = append(p.resets, reset{src: ev.seg.Dst, dst: ev.seg.Src, seq: ev.seg.Ack})
	if s.errand || s.attempt > retries || p.stopping {
		return rejectUnsolicited
	}
	s.ended = true
	ports := p.matcher.ports
	next := ports[(slices.Index(ports, s.src.Port())+1)%len(ports)]
	again := &shot{index: s.index, n: s.n, attempt: s.attempt + 1, due: s.due}
	p.shoot(p.targets[s.index], again, next)
	p.flush()
	return ""
}

// expire gives up the transmissions whose time is over, and forgets those that
// ended long ago. The exact RST is for a SYN-ACK that was lost on its way back:
// the far end would repeat it for a minute.
func (p *pinger) expire() {
	for s := p.flying.waiting(); s != nil && p.now-s.tx.sent >= p.cfg.Timeout; s = p.flying.waiting() {
		p.resets = append(p.resets, s.closing())
		sample := p.pending[s.id]
		if sample == nil {
			sample = p.sample(s)
			sample.State, sample.Reason = p.matcher.tech.Silence, ReasonNoResponse
		}
		p.end(s, sample)
	}
	for d := p.late.waiting(); d != nil && p.now >= d.until; d = p.late.waiting() {
		p.settle(d)
	}
	for len(p.kept.list) > 0 && p.now-p.kept.list[0].tx.sent > retention*p.cfg.Timeout {
		p.forget(p.kept.list[0])
		p.kept.pop()
	}
}

// forget drops a transmission and those before it.
func (p *pinger) forget(s *shot) {
	p.table.forget(s)
	delete(p.pending, s.id)
	delete(p.devices, s.id)
}
