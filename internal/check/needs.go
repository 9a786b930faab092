package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"synscope/internal/target"
)

// Hosts are the addresses of each target. A target without any is one
// whose name did not resolve.
type Hosts map[string][]netip.Addr

// Words are all targets, each once.
func (p *Expectations) Words() (all []string) {
	seen := map[string]bool{}
	for i := range p.Expect {
		for _, w := range p.Expect[i].Targets {
			if !seen[w] {
				seen[w] = true
				all = append(all, w)
			}
		}
	}
	return all
}

// Place is where in the files a target is first named, "" where it is in none.
func (p *Expectations) Place(word string) string {
	for i := range p.Expect {
		if slices.Contains(p.Expect[i].Targets, word) {
			return p.Expect[i].Where
		}
	}
	return ""
}

// Needs says what has to be probed to judge expectations: for each way of probing the
// addresses with their ports, as the commands read them.
type Needs struct {
	Scan, Ping, Handshake, ISN, QuickISN, Trace []string
}

// wanted gathers ports by address, in the order in which they are first named. Addresses
// that want the same ports share one set: networks of thousands of hosts, of which all
// ports are asked for, take no memory for each.
type wanted struct {
	order []netip.Addr
	of    map[netip.Addr]int // the place of its set
	sets  []*target.PortBits
	known map[target.PortBits]int // places of sets
	union map[[2]int]int          // places of unions, by those of their parts
}

func (w *wanted) add(hosts []netip.Addr, ports ...uint16) {
	if w.of == nil {
		w.of, w.known, w.union = map[netip.Addr]int{}, map[target.PortBits]int{}, map[[2]int]int{}
	}
	var set target.PortBits
	for _, p := range ports {
		set.Add(p)
	}
	id := w.place(&set)
	for _, a := range hosts {
		before, known := w.of[a]
		if !known {
			w.order = append(w.order, a)
			w.of[a] = id
			continue
		}
		w.of[a] = w.both(before, id)
	}
}

// place finds or keeps a set.
func (w *wanted) place(s *target.PortBits) int {
	id, known := w.known[*s]
	if !known {
		id = len(w.sets)
		w.known[*s], w.sets = id, append(w.sets, s)
	}
	return id
}

// both is the place of the union of two sets.
func (w *wanted) both(a, b int) int {
	if a == b {
		return a
	}
	pair := [2]int{min(a, b), max(a, b)}
	id, known := w.union[pair]
	if !known {
		union := *w.sets[a]
		union.Union(w.sets[b])
		id = w.place(&union)
		w.union[pair] = id
	}
	return id
}

// Needs of the expectations, each address once for each way.
func (p *Expectations) Needs(hosts Hosts) *Needs {
	var scan, ping, handshake, isn, quick, trace wanted
	for i := range p.Expect {
		for _, word := range p.Expect[i].Targets {
			e, here := p.Expect[i].of(word), hosts[word]
			if ports := e.scanned(); len(ports) > 0 {
				scan.add(here, ports...)
			}
			measured := e.measured()
			if len(e.RTT) > 0 || e.Loss != nil {
				ping.add(here, measured...)
			}
			if e.Handshake != nil {
				handshake.add(here, measured...)
			}
			if e.ISN != nil && e.ISN.Quick {
				quick.add(here, measured...)
			} else if e.ISN != nil {
				isn.add(here, measured...)
			}
			if e.Path != nil {
				trace.add(here, measured[0])
			}
		}
	}
	return &Needs{
		Scan: scan.lines(), Ping: ping.lines(), Handshake: handshake.lines(),
		ISN: isn.lines(), QuickISN: quick.lines(), Trace: trace.single(),
	}
}

// scanned are the ports whose state matters.
func (e *Expectation) scanned() (all []uint16) {
	for _, s := range e.States {
		all = slices.AppendSeq(all, s.Ports.All())
	}
	all = slices.AppendSeq(all, e.NotOpen.All())
	if e.Only {
		all = slices.AppendSeq(all, e.scope().All())
	}
	return all
}

// scope is where nothing else may be open.
func (e *Expectation) scope() target.Ports {
	if e.Scope.Len() > 0 {
		return e.Scope
	}
	return target.DefaultPorts()
}

// lines writes each address with its ports.
func (w *wanted) lines() (lines []string) {
	texts := make([]string, len(w.sets))
	for _, a := range w.order {
		id := w.of[a]
		if texts[id] == "" {
			texts[id] = w.sets[id].Ports().String()
		}
		lines = append(lines, bracketed(a)+":"+texts[id])
	}
	return lines
}

// single writes a line for each port of each address.
func (w *wanted) single() (lines []string) {
	for _, a := range w.order {
		for p := range w.sets[w.of[a]].Ports().All() {
			lines = append(lines, netip.AddrPortFrom(a, p).String())
		}
	}
	return lines
}

func bracketed(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}

// placeOf names a port of a target for people.
func placeOf(word, addr string, port uint16) string {
	host := addr
	if word != "" && word != addr && !strings.Contains(word, "/") && !rangeWord(word) {
		host = word
	}
	if port == 0 {
		return host
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(port))
}

// rangeWord tells whether a target stands for several addresses.
func rangeWord(word string) bool {
	return strings.Trim(word, "0123456789.-,") == "" && strings.ContainsAny(word, "-,")
}

func portList(ports []uint16) string {
	words := make([]string, len(ports))
	for i, p := range ports {
		words[i] = fmt.Sprint(p)
	}
	return strings.Join(words, ",")
}
