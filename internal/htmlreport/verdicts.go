package htmlreport

import (
	"net/netip"
	"strconv"
	"time"

	"synscope/internal/report/record"
	"synscope/probe"
)

// Limits on what is kept of verdicts.
const (
	mostHosts    = 100_000
	mostVerdicts = 2_000_000
	mostDetails  = 300 // ports of a host of which all is kept
)

// sighting is what one run saw of one host.
type sighting struct {
	record  *record.Host
	ports   map[uint16]verdict
	counts  map[probe.State]uint64
	details map[uint16]*record.Port
	fastest time.Duration // of all answers; 0 none
}

// verdict is what a run says of one port.
type verdict struct {
	state  probe.State
	reason string
	rtt    time.Duration // 0: not measured
}

// host is the sighting of an address; nil where there is no room for another.
func (r *run) host(a netip.Addr, target string) *sighting {
	s := r.hosts[a]
	if s == nil {
		if len(r.hosts) == mostHosts {
			r.left["hosts"]++
			return nil
		}
		s = &sighting{ports: map[uint16]verdict{}, counts: map[probe.State]uint64{}, details: map[uint16]*record.Port{}}
		r.hosts[a] = s
	}
	if name := record.HostName(target); name != "" {
		r.names[a] = name
	}
	return s
}

func (r *run) takeHost(h *record.Host) {
	if !h.Addr.IsValid() {
		return
	}
	s := r.host(h.Addr, h.Target)
	if s == nil {
		return
	}
	s.record = h
	r.takeFindings(place{Target: h.Target, Addr: h.Addr}, h.Findings)
}

func (r *run) takePort(p *record.Port) {
	at := place{p.Target, p.Addr, p.Port}
	r.takeFindings(at, p.Findings)
	rtt, timed := p.RTT.Get()
	s := r.judge(at, verdict{p.State, string(p.Reason), rtt})
	if s == nil {
		return
	}
	if timed {
		r.trips.add(p.State.String(), p.Time, rtt, r.head.Start)
	}
	if p.State != probe.StateRefused && len(s.details) < mostDetails || record.PossiblyOpen(p.State) && len(s.details) < 4*mostDetails {
		s.details[p.Port] = p
	}
}

// judge notes the verdict on a port. Of several in one run the most telling
// stays.
func (r *run) judge(at place, v verdict) *sighting {
	if !at.Addr.IsValid() || at.Port == 0 {
		return nil
	}
	s := r.host(at.Addr, at.Target)
	if s == nil {
		return nil
	}
	if v.rtt > 0 && (s.fastest == 0 || v.rtt < s.fastest) {
		s.fastest = v.rtt
	}
	old, known := s.ports[at.Port]
	switch {
	case known && rank(old.state) <= rank(v.state):
		return s
	case known:
		s.counts[old.state]--
	case r.verdicts == mostVerdicts && !record.PossiblyOpen(v.state):
		s.counts[v.state]++
		r.omitted++
		return s
	default:
		r.verdicts++
	}
	s.counts[v.state]++
	s.ports[at.Port] = v
	return s
}

// rank is a state's place among the states, the most telling first.
func rank(s probe.State) int {
	for i, state := range []probe.State{probe.StateOpen, probe.StateRefused, probe.StateUnfiltered, probe.StateOpenFiltered, probe.StateFiltered} {
		if s == state {
			return i
		}
	}
	return 9
}

func portWord(p uint16) string { return strconv.Itoa(int(p)) }
