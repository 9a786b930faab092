package cli

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/discover"
)

// What --discover may be.
const (
	searchAuto = "auto" // hosts are looked for first where many addresses are given
	searchNone = "none"
	searchOnly = "only"
)

// fewAddresses are probed without asking first whether they are there.
const fewAddresses = 8

// discoverFlags say whether hosts are looked for, in our words and in nmap's.
func discoverFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "discover", Value: searchAuto, Usage: "look for hosts first, and probe those that are up: `WHEN` is " +
			"auto (more than " + units.Count(fewAddresses) + " addresses), none (nmap's -Pn) or only (-sn: a list of hosts)"},
		&cli.BoolFlag{Name: "Pn", Hidden: true},
		&cli.BoolFlag{Name: "sn", Hidden: true},
	}
}

// readDiscovery reads the choice from our flags or nmap's.
func (j *scanJob) readDiscovery() error {
	j.discovery = j.options.Discover
	var chosen []string
	if j.options.Pn {
		chosen = append(chosen, searchNone)
	}
	if j.options.SN {
		chosen = append(chosen, searchOnly)
	}
	if j.options.given["discover"] {
		chosen = append(chosen, j.discovery)
	}
	slices.Sort(chosen)
	switch chosen = slices.Compact(chosen); len(chosen) {
	case 0:
		return nil
	case 1:
		j.discovery, j.discoverAsked = chosen[0], true
	default:
		return usagef("--discover, -Pn and -sn: one of them at a time, not %s", strings.Join(chosen, " and "))
	}
	if !slices.Contains([]string{searchAuto, searchNone, searchOnly}, j.discovery) {
		return usagef("--discover: %q: want auto, none or only", j.discovery)
	}
	return j.checkHostsOnly()
}

// checkHostsOnly refuses what needs ports where none is probed.
func (j *scanJob) checkHostsOnly() error {
	if j.discovery != searchOnly {
		return nil
	}
	for _, name := range []string{"p", "top-ports", "expect", "resume", "stateless", "shard"} {
		if j.options.given[name] {
			return usagef("%s: only hosts are looked for (--discover only, -sn), and no port is probed", dashed(name))
		}
	}
	for name, flag := range map[string]string{"list": "oL", "masscan": "oM", "zmap": "oZ"} {
		if j.options.Format == name || j.options.given[flag] {
			return usagef("format %s: it tells of open ports, and only hosts are looked for (--discover only, -sn)", name)
		}
	}
	if j.connects() {
		return usagef("--discover only: connections by the kernel do not look for hosts: leave out --engine connect and -sT")
	}
	return nil
}

// hostsOnly reports whether no port is probed.
func (j *scanJob) hostsOnly() bool { return j.discovery == searchOnly }

// many reports whether there are so many addresses that hosts are looked for first.
func (j *scanJob) many() bool { return j.discovery == searchAuto && j.set.Addresses() > fewAddresses }

// looksFirst reports whether this run looks for hosts over that engine.
func (j *scanJob) looksFirst(e *opened) bool {
	return e.conn != nil && (j.hostsOnly() || j.many())
}

// looksFirstStateless is the same for a run without state, which does not unless
// it is told to.
func (j *scanJob) looksFirstStateless() bool { return j.discoverAsked && j.many() }

// discoverNote says that hosts are not looked for although many addresses were
// given, "" where they are, or should not be.
func (j *scanJob) discoverNote(engine string, stateless bool) string {
	switch {
	case !j.many():
		return ""
	case engine == engineConnect:
		return "hosts are not looked for first (engine connect): every address is probed"
	case stateless && !j.looksFirstStateless():
		return "hosts are not looked for first (stateless): every address is probed; --discover auto looks for them"
	}
	return ""
}

// hostSearch is what a search for hosts has found.
type hostSearch struct {
	probed  []netip.Addr // to be probed: up, or could not be asked
	up      map[netip.Addr]probe.HostReport
	counts  map[probe.HostState]uint64
	down    map[probe.Reason]uint64
	summary probe.Summary     // of a search by itself
	byPort  bool              // it was the scan itself
	links   map[string]uint64 // addresses by the link address that answered for them
}

func newHostSearch() *hostSearch {
	return &hostSearch{up: map[netip.Addr]probe.HostReport{}, counts: map[probe.HostState]uint64{}, down: map[probe.Reason]uint64{}, links: map[string]uint64{}}
}

// proxied is a sentence about link addresses that answered for more addresses than a machine has.
func (s *hostSearch) proxied() (remarks []string) {
	for _, mac := range slices.Sorted(maps.Keys(s.links)) {
		if n := s.links[mac]; n >= discover.ManyAddresses {
			remarks = append(remarks, fmt.Sprintf("%s answers address resolution for %s: a router or the network does so for all (proxy ARP), "+
				"so that these were asked by segments, and only those that answered are up", mac, hostsWord(n)))
		}
	}
	return remarks
}

// discoverConfig is the search for the hosts of this job.
func (j *scanJob) discoverConfig() discover.Config {
	c := discover.Config{
		Hosts: j.hosts(), Total: j.set.Addresses(),
		Rate: j.cfg.Rate, Timeout: j.cfg.Timeout, Profile: j.cfg.Profile, TTL: j.cfg.TTL, TOS: j.cfg.TOS,
		Neighbours: j.cfg.Neighbours, Forbidden: j.forbidden(), ACK: j.cfg.Technique.Acknowledges(),
	}
	if j.onePort() {
		c.Port = j.portOf
	}
	return c
}

// forbidden are the ports by which hosts are looked for and that must not be
// probed.
func (j *scanJob) forbidden() (list []uint16) {
	ports, err := j.options.excludedPorts()
	if err != nil {
		return nil
	}
	for _, port := range discover.Ports() {
		if ports.Contains(port) {
			list = append(list, port)
		}
	}
	return list
}

// hosts are the addresses that this part of the plan probes.
func (j *scanJob) hosts() iter.Seq[netip.Addr] {
	if j.shard.count <= 1 {
		return j.set.Hosts()
	}
	return func(yield func(netip.Addr) bool) {
		for a := range j.set.Hosts() {
			if j.inShard(a) > 0 && !yield(a) {
				return
			}
		}
	}
}

// inShard is how many pairs of an address belong to this part of the plan.
func (j *scanJob) inShard(a netip.Addr) (n uint64) {
	order := j.set.Order(j.seed)
	for pair := range j.set.Pairs(a) {
		if i, ok := order.Index(pair); ok && i%j.shard.count == j.shard.index {
			n++
		}
	}
	return n
}

// found takes one host.
func (j *scanJob) found(h probe.HostReport, r *results) error {
	s := r.search
	j.count(&h, r)
	if len(h.MAC) > 0 {
		s.links[h.MAC.String()]++
	}
	if h.State != probe.HostDown {
		s.probed = append(s.probed, h.Addr)
	}
	if h.State == probe.HostUp && !j.hostsOnly() {
		s.up[h.Addr] = h // reported when its ports are
		return nil
	}
	if h.State == probe.HostUnknown && !j.hostsOnly() {
		return nil
	}
	return r.writeHost(&h)
}

// count counts one host, and whether its ports fail --expect because it is down.
func (j *scanJob) count(h *probe.HostReport, r *results) {
	r.search.counts[h.State]++
	if h.State != probe.HostDown {
		return
	}
	r.search.down[h.Reason]++
	if j.expect != nil && j.leftOutState(h.Reason) != *j.expect {
		r.leftOut++
	}
}

// leftOutState is what the ports of a host that is down would have been.
func (j *scanJob) leftOutState(why probe.Reason) probe.State {
	if why == probe.ReasonNoResponse {
		return j.cfg.Technique.Silence
	}
	return probe.StateFiltered
}

// merge takes into the report on a host what was found before its ports were
// probed.
func (s *hostSearch) merge(h *probe.HostReport) {
	if s == nil {
		return
	}
	known, ok := s.up[h.Addr]
	if !ok {
		return
	}
	delete(s.up, h.Addr)
	known.Time, known.Ports, known.Loss, known.Findings = h.Time, h.Ports, h.Loss, h.Findings
	*h = known
}

// rest are the hosts that are up and were not reported, by address.
func (s *hostSearch) rest() (list []probe.HostReport) {
	for _, a := range slices.SortedFunc(maps.Keys(s.up), netip.Addr.Compare) {
		list = append(list, s.up[a])
	}
	return list
}

// add adds what the search took to what the scan after it did. Of a run that
// only looks for hosts these are its probes.
func (s *hostSearch) add(sum *probe.Summary, hostsOnly bool) {
	if s.byPort {
		return
	}
	part := s.summary
	if !hostsOnly {
		part.Probes = 0
	}
	sum.Rate = rateOfBoth(sum, &part)
	sum.Add(&part)
	sum.Took += part.Took
	if hostsOnly || len(s.probed) == 0 || !part.Complete {
		sum.Complete = part.Complete
	}
}

// rateOfBoth is the rate of the packets of both parts over the sum of the times in which
// they were sent.
func rateOfBoth(a, b *probe.Summary) float64 {
	sending := 0.0
	for _, s := range []*probe.Summary{a, b} {
		if s.Rate > 0 && s.Sent > 1 {
			sending += float64(s.Sent) / s.Rate
		}
	}
	if sending == 0 {
		return 0
	}
	return float64(a.Sent+b.Sent) / sending
}

// settle withdraws the error that nothing could be sent where something was found out: ARP
// and neighbour solicitations are the kernel's packets and not counted, and a missing route
// concerns its own targets alone.
func (s *hostSearch) settle(sum *probe.Summary) {
	if s.counts[probe.HostUp]+s.counts[probe.HostDown] > 0 {
		sum.Refusal = nil
	}
}

// tell writes what was found into the summary of the run.
func (s *hostSearch) tell(r *record.Summary) {
	r.HostsUp, r.HostsDown, r.Down = record.Some(s.counts[probe.HostUp]), record.Some(s.counts[probe.HostDown]), s.down
	if n := s.counts[probe.HostUnknown]; n > 0 {
		r.HostsUnknown = record.Some(n)
	}
}

// openNeighbours opens what resolves hosts on the link for a run over raw sockets,
// for its searches and scans. note says why it could not, for -v.
func (j *scanJob) openNeighbours(e *opened) (n neighbours, note string) {
	if e.conn == nil {
		return n, ""
	}
	r := &linkResolver{dead: &j.probing.dead}
	j.cfg.Neighbours = r
	if j.noneToResolve(e.conn) {
		return n, ""
	}
	n, err := openNeighbours(j.streams, &j.probing, j.neighbourWait())
	if err != nil {
		return n, inWords(err)
	}
	r.neighbours = n.Neighbours
	return n, ""
}

// neighbourWait is longer where a few addresses are all there is.
func (j *scanJob) neighbourWait() time.Duration {
	if j.set.Addresses() <= fewAddresses {
		return patientWait
	}
	return 0
}

// noneToResolve reports whether no target is on the link, by the routes of a few targets:
// then no link address is needed. A long run resolves anyway, since its router may get
// another link address.
func (j *scanJob) noneToResolve(conn *netraw.Conn) bool {
	if j.set.Addresses() > fewAddresses {
		return false
	}
	for a := range j.set.Hosts() {
		if route, err := conn.Route(a); err == nil && (isOnLink(&route) || route.NextHop.IsValid() && j.lasts()) {
			return false
		}
	}
	return true
}

// lasting is how many seconds a run lasts in which routers may change.
const lasting = 5

// lasts reports whether a run may last so long.
func (j *scanJob) lasts() bool {
	return j.cfg.Total >= thousands || float64(j.cfg.Total) > lasting*j.cfg.Rate && j.cfg.Rate > 0
}

// lookStateless looks for hosts before a run without state, over a connection of
// its own, and leaves those that are up to be probed.
func (j *scanJob) lookStateless(ctx context.Context, r *results) (done bool, err error) {
	conn := j.probing.network(discover.SourcePorts)
	conn.SourcePort = 0 // the run itself holds it
	c, err := netraw.Open(conn)
	if err != nil {
		return true, &exit{exitUnable, err}
	}
	e := opened{name: engineRaw, conn: c}
	defer e.close()
	n, note := j.openNeighbours(&e)
	defer n.close()
	if note != "" && r.level > 0 {
		r.remark(note)
	}
	return j.searchAll(ctx, c, r)
}

// checkStatelessDiscovery refuses to narrow a plan whose positions must mean the
// same to several processes.
func (j *scanJob) checkStatelessDiscovery() error {
	if j.looksFirstStateless() && (j.shard.count > 1 || j.resume.path != "") {
		return usagef("--discover auto: a stateless run that is split or resumed probes every address: leave out --discover, --shard or --resume")
	}
	return nil
}
