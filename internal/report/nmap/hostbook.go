package nmap

import (
	"net/netip"
	"slices"
	"time"

	"synscope/internal/report/record"
	"synscope/probe"
	"synscope/probe/isn"
	"synscope/probe/rtt"
)

// hostbook gathers records by host, for the formats of nmap, which tell of one
// host at a time. Of states that fill the screen it keeps a few ports and else
// counts, as nmap does.
type hostbook struct {
	pages map[netip.Addr]*hostPage
	kept  int           // ports kept one by one, on all pages
	hops  []*record.Hop // of a trace whose port has not been told yet
}

// hostPage is one host.
type hostPage struct {
	addr     netip.Addr
	name     string    // what the user typed, if that is a name
	began    time.Time // when it was first heard of, or made
	ended    time.Time // when it was heard of last; zero: until it is told of
	ports    []*record.Port
	few      map[stateReason]int // how many of ports, of states that may be ignored
	extra    map[stateReason]int // ports that are only counted
	numbered map[uint16]int      // where in ports each is, for commands that probe ports again and again
	stories  map[uint16][]story  // by port
	findings []probe.Finding     // of the host as a whole
	about    *record.Host        // the host as a whole; nil: nothing is known
	times    rtt.Smoothed
	sequence *isn.Nmap // of the most guessable port; nil: none was measured
	way      *way      // nil: none was looked for
}

// down tells whether the host did not answer and no port of it was probed.
func (p *hostPage) down() bool {
	return p.about != nil && p.about.State == probe.HostDown && len(p.ports)+len(p.extra) == 0
}

// status is the host's state and reason in nmap's words. A host whose ports are
// told of counts as up, as in nmap where one was told not to look for hosts.
func (p *hostPage) status() (state, reason string) {
	switch {
	case p.down():
		return "down", Reason(p.about.Reason)
	case p.about != nil && p.about.State == probe.HostUp:
		return "up", Reason(p.about.Reason)
	case len(p.ports)+len(p.extra) > 0 || p.about == nil:
		return "up", "user-set"
	}
	return "unknown", "unknown-response"
}

// reasonTTL is that of the answer by which a host is up; 0 where it was none of IP.
func (p *hostPage) reasonTTL() uint8 {
	if p.about == nil {
		return 0
	}
	ttl, _ := p.about.TTL.Get()
	return ttl
}

// stateReason is what ports are counted by.
type stateReason struct {
	state  probe.State
	reason probe.Reason
}

const (
	// fewPorts of a state and reason that is not open are told one by one.
	fewPorts = 25
	// bookSize is how many ports are held back. A host of a run with more may
	// be told of in several parts, as other scanners with this format do.
	bookSize = 1 << 16
)

// gather takes what tells of a host, and has the hosts so far written where there is
// no room for more.
func (b *hostbook) gather(r record.Record, write func() error) error {
	if b.again(r) {
		if err := write(); err != nil {
			return err
		}
	}
	b.record(r)
	if b.kept >= bookSize {
		return write()
	}
	return nil
}

// add takes a port that is told of once.
func (b *hostbook) add(p *record.Port) {
	page := b.page(p.Target, p.Addr)
	if rtt, ok := p.RTT.Get(); ok {
		page.times.Sample(rtt)
	}
	b.supersede(page, p)
	key := stateReason{p.State, p.Reason}
	if !record.PossiblyOpen(p.State) {
		if page.few[key] == fewPorts {
			page.extra[key]++
			return
		}
		page.few[key]++
	}
	page.ports = append(page.ports, p)
	b.kept++
}

// supersede takes back what an earlier record said of a port, of which another says something else:
// that very record where it is kept, and otherwise one of the most that are counted.
func (b *hostbook) supersede(page *hostPage, by *record.Port) {
	before, ok := by.Before.Get()
	if !ok {
		return
	}
	if i := slices.IndexFunc(page.ports, func(p *record.Port) bool { return p.Port == by.Port }); i >= 0 {
		page.few[stateReason{page.ports[i].State, page.ports[i].Reason}]--
		page.ports = slices.Delete(page.ports, i, i+1)
		b.kept--
		return
	}
	var most stateReason
	for key, n := range page.extra {
		if key.state == before && (n > page.extra[most] || n == page.extra[most] && key.reason < most.reason) {
			most = key
		}
	}
	if page.extra[most]--; page.extra[most] <= 0 {
		delete(page.extra, most)
	}
}

// page is that of a host, which the user called target.
func (b *hostbook) page(target string, a netip.Addr) *hostPage {
	if b.pages == nil {
		b.pages = map[netip.Addr]*hostPage{}
	}
	page := b.pages[a]
	if page == nil {
		page = &hostPage{addr: a, name: record.HostName(target), began: time.Now(), few: map[stateReason]int{}, extra: map[stateReason]int{}}
		b.pages[a] = page
	}
	return page
}

// during takes a time into the host's: the records of a capture are about
// another time than the one at which it is read.
func (p *hostPage) during(begin time.Time, took time.Duration) {
	if begin.IsZero() {
		return
	}
	if p.ended.IsZero() || begin.Before(p.began) {
		p.began = begin
	}
	if end := begin.Add(took); end.After(p.ended) {
		p.ended = end
	}
}

// take empties the book and returns its pages by address, the ports of each in
// order. Where a state overflowed, its few are counted with the rest.
func (b *hostbook) take() []*hostPage {
	var pages []*hostPage
	for _, page := range b.pages {
		page.settle()
		pages = append(pages, page)
	}
	slices.SortFunc(pages, func(a, b *hostPage) int { return a.addr.Compare(b.addr) })
	*b = hostbook{hops: b.hops}
	return pages
}

func (p *hostPage) settle() {
	p.ports = slices.DeleteFunc(p.ports, func(port *record.Port) bool {
		key := stateReason{port.State, port.Reason}
		if p.extra[key] > 0 {
			p.extra[key]++
			return true
		}
		return false
	})
	slices.SortFunc(p.ports, func(a, b *record.Port) int { return int(a.Port) - int(b.Port) })
}

// extras are the counted states, the largest first, each with its reasons.
func (p *hostPage) extras() (list []extraPorts) {
	byState := map[probe.State]*extraPorts{}
	for key, n := range p.extra {
		e := byState[key.state]
		if e == nil {
			e = &extraPorts{state: key.state}
			byState[key.state] = e
		}
		e.count += n
		e.reasons = append(e.reasons, reasonCount{key.reason, n})
	}
	for _, e := range byState {
		slices.SortFunc(e.reasons, func(a, b reasonCount) int { return b.n - a.n })
		list = append(list, *e)
	}
	slices.SortFunc(list, func(a, b extraPorts) int { return b.count - a.count })
	return list
}

type extraPorts struct {
	state   probe.State
	count   int
	reasons []reasonCount
}

type reasonCount struct {
	reason probe.Reason
	n      int
}

// nmapState is nmap's word for a state.
func nmapState(s probe.State) string {
	if s == probe.StateRefused {
		return "closed"
	}
	return s.String()
}

// nmapReasons are nmap's words where they differ from ours.
var nmapReasons = map[probe.Reason]string{
	"net-unreachable": "net-unreach", "host-unreachable": "host-unreach",
	"proto-unreachable": "proto-unreach", "port-unreachable": "port-unreach",
	"addr-unreachable": "addr-unreach", "connected": "syn-ack", probe.ReasonConnReset: "syn-ack",
	probe.ReasonNoNeighbour: "no-response", probe.ReasonLocalhost: "localhost-response",
}

// Reason is nmap's word for a reason.
func Reason(r probe.Reason) string {
	if word, ok := nmapReasons[r]; ok {
		return word
	}
	return string(r)
}
