package scan_test

import (
	"errors"
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"synscope/probe"
	"synscope/probe/internal/probetest"
	"synscope/probe/scan"
)

// check holds what a scan has said against what was sent, what came, and what is true.
func (m *mixed) check(t *testing.T) {
	for _, w := range m.wrong[:min(5, len(m.wrong))] {
		t.Error(w)
	}
	if m.err != nil && !errors.Is(m.err, probe.ErrInterrupted) && !errors.Is(m.err, probe.ErrWentSilent) {
		t.Error(m.err)
	}
	probetest.Balance(t, &m.summary)
	m.checkCounters(t)
	m.checkRecords(t)
	m.checkPackets(t)
	for a, b := range m.boxes {
		if m.lossless() {
			m.checkTruth(t, a, b)
		}
		m.checkLossy(t, a, b)
		m.checkQueued(t, a, b)
		m.checkFindings(t, a, b)
	}
	if m.ended > 10*time.Minute {
		t.Errorf("took %v", m.ended)
	}
}

// checkCounters holds the counters against the packets.
func (m *mixed) checkCounters(t *testing.T) {
	s, x := &m.summary, m.tap
	if s.Sent != uint64(len(x.departed)) || s.Resets != x.resets {
		t.Errorf("%d packets and %d RSTs are said to have left, of %d and %d", s.Sent, s.Resets, len(x.departed), x.resets)
	}
	before := 0
	for _, at := range x.delivered {
		if at < m.ended {
			before++
		}
	}
	if int(s.Received) < before || int(s.Received) > len(x.delivered) {
		t.Errorf("%d packets are said to have been received, %d were before the end, of %d", s.Received, before, len(x.delivered))
	}
	if s.Probes != uint64(len(m.found.ports)) {
		t.Errorf("%d probes, %d records", s.Probes, len(m.found.ports))
	}
}

// checkRecords finds out whether each target has its record.
func (m *mixed) checkRecords(t *testing.T) {
	if m.stop > 0 {
		return
	}
	missing := 0
	for _, target := range m.all {
		_, reported := m.found.ports[target]
		up := m.found.hosts[target.Addr()].State == probe.HostUp
		if !reported && (!m.cfg.Search || up) {
			missing++
		}
	}
	if missing > 0 || (m.err == nil) != m.summary.Complete {
		t.Errorf("%d records are missing, complete %t: %v", missing, m.summary.Complete, m.err)
	}
}

// checkPackets bounds what is sent: to each port, to silent addresses, and in a second.
func (m *mixed) checkPackets(t *testing.T) {
	retries := m.cfg.Retries
	switch {
	case retries == 0:
		retries = scan.DefaultRetries
	case retries < 0:
		retries = 0
	}
	for _, target := range m.all {
		n := m.tap.syns[target]
		_, answered := m.tap.best(target, math.MaxInt64)
		switch {
		case answered == proofNone && n > retries+2:
			t.Errorf("%d SYNs to %v, of which nothing came", n, target)
		case m.boxes[target.Addr()] == nil && m.calm() && n > 3:
			t.Errorf("%d SYNs to %v, where nobody is", n, target)
		}
	}
	if rate := m.cfg.Rate; rate > 0 && !math.IsInf(rate, 1) {
		most := int(1.01*rate) + 10
		for i := range m.tap.departed {
			if k := i + most; k < len(m.tap.departed) && m.tap.departed[k]-m.tap.departed[i] < time.Second {
				t.Errorf("%d packets in %v at %v a second", most, m.tap.departed[k]-m.tap.departed[i], rate)
				break
			}
		}
	}
}

// calm tells whether nothing in the whole network makes anybody expect loss.
func (m *mixed) calm() bool {
	for _, b := range m.boxes {
		if !b.plain() {
			return false
		}
	}
	return m.lossless()
}

// checkTruth holds the verdicts on an honest host against what its ports are.
func (m *mixed) checkTruth(t *testing.T, a netip.Addr, b *box) {
	if !b.honest() || b.moves > 0 && (m.cfg.RoundTrip != nil || b.guard != nil) || b.split && m.refuses > 0 || b.guard != nil && (m.cfg.Timeout > 0 && m.cfg.Timeout < time.Second) {
		return
	}
	for port, is := range b.truth {
		v, ok := m.found.ports[netip.AddrPortFrom(a, port)]
		if ok && v.State != stateOf[is] && v.Reason != probe.ReasonUnverifiedReset {
			t.Errorf("%v is %v (%v), want %v", v.Target, v.State, v.Reason, stateOf[is])
		}
		direct := m.net.Out.Delay + m.net.Back.Delay
		if steady := m.longest() == direct; ok && len(b.sounds) == 0 && steady && v.RTT != 0 && (v.RTT-direct).Abs() > time.Microsecond {
			t.Errorf("%v: round trip %v, want %v", v.Target, v.RTT, direct)
		}
	}
	if up := m.found.hosts[a].State; up != probe.HostUp && b.answers() {
		t.Errorf("%v is %v", a, up)
	}
	if h := m.found.hosts[a]; m.calm() && h.Loss.Unanswered > 0 {
		t.Errorf("%v: loss %v", a, h.Loss)
	}
}

// stateOf is what a port is said to be by who sees all.
var stateOf = map[truth]probe.State{truthSilent: probe.StateFiltered, truthOpen: probe.StateOpen, truthRefused: probe.StateRefused, truthRejected: probe.StateFiltered}

// checkLossy bounds how many ports of an honest host are missed because packets are lost, and of one that
// limits its RSTs how many open ones.
func (m *mixed) checkLossy(t *testing.T, a netip.Addr, b *box) {
	limited := b.limit > 0 && b.then == switchedNone && b.up == 0 && b.leaves == 0 && len(b.sounds) == 0 && b.guard == nil
	if !m.direct() || m.net.Out.Loss+m.net.Back.Loss > 0.2 || m.cfg.Retries > 0 || m.cfg.Timeout > 0 || b.moves > 0 && m.cfg.RoundTrip != nil || !b.honest() && !limited {
		return
	}
	most := 2 + len(b.truth)/50
	if b.guard != nil { // which few ports do not show
		most += 2
	}
	m.checkMissed(t, a, b, most)
}

// checkQueued bounds how many ports are missed behind a queue, which a guard would hide, where the pace is the scan's own.
func (m *mixed) checkQueued(t *testing.T, a netip.Addr, b *box) {
	if m.direct() || m.stop > 0 || m.cfg.Retries != 0 || m.cfg.Timeout > 0 || m.cfg.Rate > 0 || m.net.Out.Loss+m.net.Back.Loss > 0 || !b.honest() || b.guard != nil || b.moves > 0 {
		return
	}
	m.checkMissed(t, a, b, 2+len(b.truth)/20)
}

func (m *mixed) checkMissed(t *testing.T, a netip.Addr, b *box, most int) {
	missed := 0
	for port, is := range b.truth {
		v, ok := m.found.ports[netip.AddrPortFrom(a, port)]
		if ok && v.State != stateOf[is] && v.Reason != probe.ReasonUnverifiedReset && (b.limit == 0 || is == truthOpen) {
			missed++
		}
	}
	if missed > most {
		t.Errorf("%v: %d of %d ports are missed", a, missed, len(b.truth))
	}
}

// checkFindings looks for claims that nothing bears out.
func (m *mixed) checkFindings(t *testing.T, a netip.Addr, b *box) {
	h := m.found.hosts[a]
	list := probetest.Codes(h.Findings)
	for _, v := range m.found.ports {
		if v.Target.Addr() == a {
			list = append(list, probetest.Codes(v.Findings)...)
		}
	}
	for code, may := range map[string]bool{
		"answers-changed":             b.then != switchedNone || !b.honest() || !m.lossless(),
		"went-silent":                 b.then != switchedNone || b.limit > 0 || !m.lossless() || b.leaves > 0,
		"syn-retransmission-required": b.guard != nil || !m.lossless() || b.up > 0 || b.leaves > 0 || b.limit > 0,
		"wrong-ack":                   b.makes(noiseWrongAck) || b.makes(noiseWrongReset),
		"other-address":               b.makes(noiseElsewhere),
		"forged-reset":                b.makes(noiseReset) || b.then == switchedResets || b.then == switchedProxy || b.makes(noiseBareReset) || b.makes(noiseOldReset),
		"challenge-ack":               b.then == switchedProxy || !m.lossless(),
		"path-mtu":                    false,
	} {
		if !may && slices.Contains(list, code) {
			t.Errorf("%v: finding %s", a, code)
		}
	}
}
