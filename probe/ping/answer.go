package ping

import (
	"net/netip"
	"slices"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// retries is how often a probe is repeated because an old connection of the far
// end stood in its way.
const retries = 2

// retention is for how many timeouts a transmission is remembered: an answer
// that comes after its time is then counted as what it is.
const retention = 3

// noteDeparture takes the stamp of a probe that left.
func (p *pinger) noteDeparture(s *wire.Transmission, ev *wire.Event) {
	if ev.Kind == wire.KindDeviceDeparture {
		p.left(s, ev.Device)
		return
	}
	s.Tx.Left = ev.At.UnixNano()
	p.warm[p.targets[s.Index].nextHop()] = true
}

// acceptAnswer applies an answer to its transmission, or says why it is rejected.
func (p *pinger) acceptAnswer(ev *wire.Event) (reject string) {
	if !ev.Kind.Verified() {
		return p.unverified(ev)
	}
	s := p.Table.At(ev.Attempt)
	switch {
	case s == nil:
		return wire.RejectUnsolicited
	case s.Ended && p.Now-s.Tx.Sent > p.cfg.Timeout:
		return wire.RejectAfterVerdict
	case s.Ended:
		return wire.RejectDuplicate
	case ev.Kind == wire.KindPathMTU:
		return wire.RejectICMPType
	}
	p.answered(s, ev)
	return ""
}

// answered ends a transmission with its answer.
func (p *pinger) answered(s *wire.Transmission, ev *wire.Event) {
	t := p.targets[s.Index]
	sample := p.sample(s)
	sample.seen(wire.Judge(p.Matcher.Tech, s.Dst, ev), ev)
	if ev.Sender != s.Src.Addr() {
		sample.RTT, sample.Clock = s.Tx.Elapsed(ev.At, s.Handed.Wall, p.Now)
	}
	sample.Doubt = p.doubt(s, t, sample.Clock)
	if sample.Doubt == probe.DoubtClockStep {
		sample.RTT = 0
	}
	if ev.Kind != wire.KindICMP {
		t.rto.Sample(p.Now - s.Tx.Sent)
	}
	p.warm[t.nextHop()] = true
	s.Answered = true
	if p.byDevice(s, t, ev) {
		p.awaitDevice(s, sample, ev.Device)
		return
	}
	p.end(s, sample)
}

// seen takes over the verdict on an answer.
func (s *Sample) seen(v probe.Verdict, ev *wire.Event) {
	s.State, s.Reason, s.Responder, s.ICMP = v.State, v.Reason, v.Responder, v.ICMP
	s.TTL, s.ISN = ev.Seg.TTL, ev.Seg.Seq
}

// doubt says whether something but the way there and back is in the time.
func (p *pinger) doubt(s *wire.Transmission, t *pinged, clock netraw.Clock) probe.Doubt {
	switch {
	case s.Handed.Stepped(p.Reading):
		return probe.DoubtClockStep
	case clock == netraw.ClockKernel && time.Unix(0, s.Tx.Left).Sub(s.Back) > wire.HeldBack,
		clock != netraw.ClockKernel && !p.warm[t.nextHop()] && !t.route.Local:
		return probe.DoubtCold
	}
	return probe.DoubtNone
}

// sample is what is known of a probe without an answer.
func (p *pinger) sample(s *wire.Transmission) *Sample {
	sample := &Sample{
		Index: s.Index, Target: s.Dst, N: s.N, Attempt: s.Attempt,
		Due: s.Due, Sent: s.Handed.Wall, SourcePort: s.Src.Port(),
	}
	if s.Tx.Left != 0 {
		sample.Sent = time.Unix(0, s.Tx.Left)
	}
	return sample
}

// end reports a transmission and frees its port.
func (p *pinger) end(s *wire.Transmission, sample *Sample) {
	s.Ended = true
	if !s.Errand {
		p.deliver(sample)
	}
}

// unverified takes an answer that carries no number of ours: it concerns the
// newest transmission of its flow, if any.
func (p *pinger) unverified(ev *wire.Event) string {
	s := p.Table.Latest(netip.AddrPortFrom(ev.Seg.Dst.Addr(), ev.Seg.Dst.Port()), ev.Target)
	switch {
	case s == nil:
		return wire.RejectUnsolicited
	case ev.Kind == wire.KindChallenge:
		return p.challenged(s, ev)
	case p.pending[s.Id] != nil:
		return wire.RejectDuplicate
	}
	pending := p.sample(s)
	pending.seen(wire.Judge(p.Matcher.Tech, s.Dst, ev), ev)
	p.pending[s.Id] = pending
	return ""
}

// challenged resets the old connection that answered in place of the port, and
// repeats the probe from another port (RFC 9293 §3.10.7.4, RFC 5961 §4.2).
func (p *pinger) challenged(s *wire.Transmission, ev *wire.Event) string {
	p.Resets = append(p.Resets, wire.Reset{Src: ev.Seg.Dst, Dst: ev.Seg.Src, Seq: ev.Seg.Ack})
	if s.Errand || s.Attempt > retries || p.Stopping {
		return wire.RejectUnsolicited
	}
	s.Ended = true
	ports := p.Matcher.Ports
	next := ports[(slices.Index(ports, s.Src.Port())+1)%len(ports)]
	again := &wire.Transmission{Index: s.Index, N: s.N, Attempt: s.Attempt + 1, Due: s.Due}
	p.shoot(p.targets[s.Index], again, next)
	p.flush()
	return ""
}

// expire gives up the transmissions whose time is over, and forgets those that
// ended long ago. The exact RST is for a SYN-ACK that was lost on its way back:
// the far end would repeat it for a minute.
func (p *pinger) expire() {
	for s := p.Flying.Waiting(); s != nil && p.Now-s.Tx.Sent >= p.cfg.Timeout; s = p.Flying.Waiting() {
		p.Resets = append(p.Resets, s.Closing())
		sample := p.pending[s.Id]
		if sample == nil {
			sample = p.sample(s)
			sample.State, sample.Reason = p.Matcher.Tech.Silence, probe.ReasonNoResponse
		}
		p.end(s, sample)
	}
	for d := p.late.waiting(); d != nil && p.Now >= d.until; d = p.late.waiting() {
		p.settle(d)
	}
	for len(p.kept.List) > 0 && p.Now-p.kept.List[0].Tx.Sent > retention*p.cfg.Timeout {
		p.forget(p.kept.List[0])
		p.kept.Pop()
	}
}

// forget drops a transmission and those before it.
func (p *pinger) forget(s *wire.Transmission) {
	p.Table.Forget(s)
	delete(p.pending, s.Id)
	delete(p.devices, s.Id)
}
