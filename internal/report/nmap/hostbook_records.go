package nmap

import (
	"fmt"
	"strings"
	"synscope/internal/report/record"
	"synscope/internal/report/text"
	"synscope/probe"
	"synscope/probe/isn"
)

// story is a record that has no place of its own in nmap's formats, beside the
// port that it tells of.
type story struct {
	record.Record
	words string // the same for people, in a line
}

// record takes what a record tells of a host.
func (b *hostbook) record(r record.Record) {
	switch r := r.(type) {
	case *record.Port:
		b.add(r)
		b.settleWay(r)
	case *record.Host:
		b.host(r)
	case *record.RTT:
		b.probe(r)
	case *record.RTTSummary:
		b.probes(r)
	case *record.Connection:
		b.connection(r)
	case *record.ISNSample:
		b.sample(r)
	case *record.ISN:
		b.sequence(r)
	case *record.Hop:
		b.hops = append(b.hops, r)
	}
}

// again tells whether r is of a port that a connection was told of already:
// each is told in full, so its host must be told first.
func (b *hostbook) again(r record.Record) bool {
	c, ok := r.(*record.Connection)
	if !ok {
		return false
	}
	page := b.pages[c.Result.Target.Addr()]
	if page == nil {
		return false
	}
	_, known := page.numbered[c.Result.Target.Port()]
	return known
}

// settleWay gives the hops that came before their port to the port's host, and
// to the port what happened to its probes on the way.
func (b *hostbook) settleWay(p *record.Port) {
	if len(b.hops) == 0 {
		return
	}
	page := b.page(p.Target, p.Addr)
	page.way = &way{p.Port, b.hops}
	b.hops = nil
	for _, h := range page.way.answers() {
		if len(h.Changes) > 0 {
			page.addStory(p.Port, story{h, fmt.Sprintf("hop %d, %s: %s", h.TTL, h.Addr, strings.Join(h.ChangeWords(), ", "))})
		}
	}
}

func (b *hostbook) host(h *record.Host) {
	page := b.page(h.Target, h.Addr)
	page.findings = append(page.findings, h.Findings...)
	if h.State != probe.HostUnknown || h.Reason != "" {
		page.about = h
		if rtt, ok := h.RTT.Get(); ok && !page.times.Known() {
			page.times.Sample(rtt)
		}
	}
	b.kept++
}

// probe takes one probe of a ping.
func (b *hostbook) probe(r *record.RTT) {
	page := b.page(r.Target, r.Addr)
	page.put(&record.Port{
		Target: r.Target, Addr: r.Addr, Port: r.Port, State: r.State, Reason: r.Reason,
		TTL: r.TTL, Responder: r.Responder, ICMPType: r.ICMPType, ICMPCode: r.ICMPCode,
	})
	if rtt, ok := r.RTT.Get(); ok && r.Doubt == "" {
		page.times.Sample(rtt)
	}
}

// probes takes all the probes of one target of a ping. A target whose name has
// not resolved yet has no address.
func (b *hostbook) probes(r *record.RTTSummary) {
	if !r.Addr.IsValid() || r.Addr.IsUnspecified() {
		return
	}
	page := b.page(r.Target, r.Addr)
	if _, told := page.numbered[r.Port]; !told {
		page.put(&record.Port{Target: r.Target, Addr: r.Addr, Port: r.Port, State: r.State})
	}
	page.addStory(r.Port, story{r, text.RTTWords(r)})
}

// connection takes one connection attempt.
func (b *hostbook) connection(c *record.Connection) {
	target := c.Result.Target
	p := &record.Port{
		Target: c.Target, Addr: target.Addr(), Port: target.Port(), State: c.State, Reason: c.Reason,
		Attempts: c.Attempts, Responder: c.Responder, Findings: c.Findings,
	}
	if c.Reply != nil {
		p.TTL = record.Some(c.Reply.TTL)
	}
	page := b.page(c.Target, p.Addr)
	page.during(c.Begin, c.Took)
	page.put(p)
	page.addStory(p.Port, story{c, text.ConnectionWords(c)})
	if rtt, ok := c.RTT.Get(); ok {
		page.times.Sample(rtt)
	}
	b.kept++
}

// sample takes one SYN of those that show a port's sequence numbers.
func (b *hostbook) sample(s *record.ISNSample) {
	if _, answered := s.ISN.Get(); !answered || !s.Addr.IsValid() {
		return
	}
	p := &record.Port{Target: s.Target, Addr: s.Addr, Port: s.Port, State: probe.StateOpen, Reason: probe.ReasonSYNACK}
	if ttl, ok := s.TTL.Get(); ok {
		p.TTL = record.Some(ttl)
	}
	page := b.page(s.Target, s.Addr)
	page.put(p)
	if rtt, ok := s.RTT(); ok {
		page.times.Sample(rtt)
	}
}

// sequence takes what the sequence numbers of a port show. Samples of a file
// belong to no host that is known.
func (b *hostbook) sequence(r *record.ISN) {
	if !r.Addr.IsValid() {
		return
	}
	page := b.page(r.Target, r.Addr)
	page.put(&record.Port{Target: r.Target, Addr: r.Addr, Port: r.Port, State: r.State, Reason: r.Reason, TTL: page.ttl(r.Port), Findings: r.Report.Findings})
	page.addStory(r.Port, story{r, text.ISNWords(r)})
	if n, ok := r.Report.Nmap.Get(); ok {
		page.figures(n)
	}
	b.kept++
}

// figures keeps those of the port whose numbers are the easiest to guess: the
// formats of nmap have room for one port's.
func (p *hostPage) figures(n isn.Nmap) {
	index, ok := n.SP.Get()
	if ok && (p.sequence == nil || index < p.sequence.SP.Value) {
		p.sequence = &n
	}
}

// put takes what one more probe found of a port. An answer outweighs silence,
// and silence a probe that never left; else what is later counts.
func (p *hostPage) put(port *record.Port) {
	if p.numbered == nil {
		p.numbered = map[uint16]int{}
	}
	i, known := p.numbered[port.Port]
	switch {
	case !known:
		p.numbered[port.Port] = len(p.ports)
		p.ports = append(p.ports, port)
	case weight(port.State) >= weight(p.ports[i].State):
		p.ports[i] = port
	}
}

// weight orders states by how much they tell of a port.
func weight(s probe.State) int {
	switch s {
	case probe.StateUnknown:
		return 0
	case probe.StateFiltered, probe.StateOpenFiltered:
		return 1
	}
	return 2
}

// ttl is that of the answers of a port so far.
func (p *hostPage) ttl(port uint16) (ttl record.Maybe[uint8]) {
	if i, known := p.numbered[port]; known {
		return p.ports[i].TTL
	}
	return ttl
}

func (p *hostPage) addStory(port uint16, s story) {
	if p.stories == nil {
		p.stories = map[uint16][]story{}
	}
	p.stories[port] = append(p.stories[port], s)
}
