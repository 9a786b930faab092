package htmlreport

import (
	"net/netip"
	"strconv"
	"time"

	"synscope/internal/report/record"
	"synscope/probe"
)

// mostOfHost is of how many ports of a host all is kept.
const mostOfHost = 300

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
		if !has(&r.store.hosts, mostHosts) {
			r.left["records of more hosts"]++
			return nil
		}
		s = newSighting()
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
	r.takeFindings(place{Target: h.Target, Addr: h.Addr}, h.Findings)
	h.Findings = nil
	s.record = h
}

func (r *run) takePort(p *record.Port) {
	at := place{p.Target, p.Addr, p.Port}
	r.takeFindings(at, p.Findings)
	rtt, timed := p.RTT.Get()
	p.Reason = probe.Reason(r.store.word(string(p.Reason)))
	s := r.judge(at, verdict{p.State, string(p.Reason), rtt})
	if s == nil {
		return
	}
	if timed {
		r.trips.add(p.State.String(), p.Time, rtt, r.head.Start)
	}
	if _, known := s.details[p.Port]; known || s.tells(p) && has(&r.store.details, mostDetails) && r.keeps() {
		s.detail(p)
	}
}

func newSighting() *sighting {
	return &sighting{ports: map[uint16]verdict{}, counts: map[probe.State]uint64{}}
}

// detail keeps all of a port.
func (s *sighting) detail(p *record.Port) {
	if s.details == nil {
		s.details = map[uint16]*record.Port{}
	}
	s.details[p.Port] = p
}

// tells tells whether all of a port is worth keeping: an open one more than others.
func (s *sighting) tells(p *record.Port) bool {
	return p.State != probe.StateRefused && len(s.details) < mostOfHost || record.PossiblyOpen(p.State) && len(s.details) < 4*mostOfHost
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
	case !has(&r.store.verdicts, mostVerdicts):
		s.counts[v.state]++
		r.omitted++
		return s
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
