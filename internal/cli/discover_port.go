package cli

import (
	"context"
	"fmt"
	"net/netip"

	"synscope/internal/report/units"
	"synscope/probe"
	"synscope/probe/discover"
)

// Where one port of each address is asked for, a search with questions of its own would
// cost six packets for one probe. So the probe itself looks for the host (see
// scan.Config.Search): a silent address costs three.

// searchesByPort reports whether a scan that looks for hosts does it by their port. Its
// technique has to be one where silence means filtered: otherwise a silent host with an open
// port would not be reported.
func (j *scanJob) searchesByPort() bool {
	return j.many() && !j.keepsNoState() && !j.connect && j.cfg.Technique.Silence == probe.StateFiltered && j.onePort()
}

// onePort reports whether one port of each address is asked for. A search with questions of its
// own takes that, then.
func (j *scanJob) onePort() bool { return !j.hostsOnly() && j.set.Count() == j.set.Addresses() }

// portOf is the port that an address is asked for.
func (j *scanJob) portOf(a netip.Addr) (port uint16) {
	for pair := range j.set.Pairs(a) {
		port = pair.Port()
	}
	return port
}

const (
	// byPortMost are the packets that such a search sends to a silent address at most,
	// byPortLost how many more where packets are lost: three rounds of an echo and a probe.
	byPortMost = 3
	byPortLost = 6
)

// probeByPort probes all addresses, and reports the ports of those that are up.
func (j *scanJob) probeByPort(ctx context.Context, r *results) (probe.Summary, error) {
	r.search = newHostSearch()
	r.search.byPort = true
	cfg := j.cfg
	cfg.Search = true
	sum, err := scanUnlooked(ctx, r, cfg, &portSearch{r, j})
	if c := r.search.counts; err == nil && c[probe.HostUp]+c[probe.HostUnknown] == 0 {
		r.remark("no address answered, so no port is told of: --discover none tells of them all the same")
	}
	return sum, err
}

// portSearch takes in what such a scan finds, and counts the hosts.
type portSearch struct {
	*results
	job *scanJob
}

func (s *portSearch) Host(h probe.HostReport) error {
	s.tap.host(h.Addr, h.State == probe.HostUp, h.Reason, s.job.portsOf(h.Addr))
	s.job.count(&h, s.results)
	return s.writeHost(&h)
}

// portsOf are those that an address is asked at, and 0 for ICMP.
func (j *scanJob) portsOf(a netip.Addr) []uint16 {
	ports := []uint16{0}
	for pair := range j.set.Pairs(a) {
		ports = append(ports, pair.Port())
	}
	return ports
}

// mostSearched are the packets that the search sends to one silent address at most, and how
// many more where packets are lost.
func (j *scanJob) mostSearched() (most, lost int) {
	if j.onePort() {
		return byPortMost, byPortLost
	}
	return discover.Most, discover.MostLost
}

// searchWords says what a search for the hosts sends.
func (j *scanJob) searchWords() string {
	n := j.set.Addresses()
	most, lost := j.mostSearched()
	each, then := fmt.Sprintf("%d to %d packets", discover.Most/2, discover.Most), "; then the ports of those that are up"
	switch {
	case j.hostsOnly():
		then = ""
	case j.searchesByPort():
		each, then = "an echo request and 2 probes of the port", "; the ports of those that are up are told of"
	case j.onePort():
		each = "an echo request and 2 segments to the port"
	}
	return fmt.Sprintf("%s looked for: 2 ARP requests or neighbour solicitations each on the link, %s each elsewhere, %s at most, and up to %d more each where packets are lost%s",
		hostsWord(n), each, units.Count(times(n, most)), lost, then)
}
