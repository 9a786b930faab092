package check

import (
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"synscope/internal/binomial"
	"synscope/internal/target"
	"synscope/probe"
)

// written is a file of expectations as it is written.
type written struct {
	Probing map[string]int `yaml:"probing,flow,omitempty"`
	Expect  []writtenHost  `yaml:"expect"`
}

type writtenHost struct {
	Name    string            `yaml:"name"`
	Targets string            `yaml:"targets"`
	Open    []uint16          `yaml:"open,flow,omitempty"`
	NotOpen string            `yaml:"not-open,omitempty"`
	Only    bool              `yaml:"only,omitempty"`
	Scope   string            `yaml:"scope,omitempty"`
	RTT     map[string]string `yaml:"rtt,omitempty"`
	Loss    string            `yaml:"loss,omitempty"`
}

// headroom is how many times the round trips of now may be exceeded later, and
// leastBound what is allowed in any case. initCount is how many probes are sent to
// know them.
const (
	headroom   = 3
	leastBound = 5 * time.Millisecond
	initCount  = 50
)

// Scope are the ports that were looked at.
type Scope struct {
	target.Ports
	Asked bool // the user named them; else they are the commonly served ones
}

// Write writes expectations that hold now of the targets: what is open, that
// nothing else of the scope is, and how long the open ports take. comment is what
// was run.
func Write(w io.Writer, comment string, words []string, hosts Hosts, scope Scope, f *Facts) error {
	file := written{Expect: []writtenHost{}}
	if unsteady(f) {
		file.Probing = map[string]int{"count": initCount}
	}
	for _, word := range words {
		for _, a := range hosts[word] {
			name := a.String()
			if len(hosts[word]) == 1 {
				name = word
			}
			file.Expect = append(file.Expect, describe(name, a, scope, f))
		}
	}
	if _, err := fmt.Fprintf(w, "# What held when this was written by: %s\n# `synscope check FILE` says whether it still does.\n", comment); err != nil {
		return err
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(file); err != nil {
		return err
	}
	return e.Close()
}

// describe is what is seen of one host.
func describe(name string, a netip.Addr, scope Scope, f *Facts) writtenHost {
	h := writtenHost{Name: name, Targets: name}
	slowest := time.Duration(0)
	var lost, sent uint64 // of the port that lost most
	for port := range scope.All() {
		at := f.of(netip.AddrPortFrom(a, port))
		if at.port == nil || at.port.State != probe.StateOpen.String() {
			continue
		}
		h.Open = append(h.Open, port)
		if at.rtt != nil {
			if d, ok := at.rtt.time("p95"); ok {
				slowest = max(slowest, d)
			}
			if d, ok := at.rtt.time("max"); ok && jumpy(at.rtt) {
				slowest = max(slowest, 2*d/headroom) // what is a p95 there is chance
			}
			if at.rtt.Lost*max(sent, 1) >= lost*at.rtt.Sent {
				lost, sent = at.rtt.Lost, at.rtt.Sent
			}
		}
	}
	slices.Sort(h.Open)
	if scope.Asked {
		h.Scope = scope.String()
	}
	if len(h.Open) == 0 {
		h.Only = true
		return h
	}
	h.Only = true
	if slowest > 0 {
		h.RTT = map[string]string{"p95": roundUp(max(headroom*slowest, leastBound)).String()}
		h.Loss = percent(allowance(lost, sent))
	}
	return h
}

// unsteady tells whether a few probes more or less make another answer of a port:
// some were lost, or some took far longer than most. Then later ones have to be as
// many as these.
func unsteady(f *Facts) bool {
	for _, at := range f.at {
		if r := at.rtt; r != nil && (r.Lost > 0 || jumpy(r)) {
			return true
		}
	}
	return false
}

// jumpy tells whether some round trips took far longer than most.
func jumpy(r *entry) bool {
	return r.Max != nil && r.P50 != nil && *r.Max > max(headroom**r.P50, leastBound)
}

// fewLost is the share of lost probes that is allowed where none was lost.
const fewLost = 0.1

// allowance is the share of lost probes that as many later ones hardly ever exceed: two
// and a half standard deviations above a loss that is one above what was seen.
func allowance(lost, sent uint64) float64 {
	if lost == 0 || sent == 0 {
		return fewLost
	}
	n := float64(sent)
	_, upper := binomial.Interval(n, float64(lost), 1)
	return max(fewLost, math.Min(1, math.Ceil(100*(upper+2.5*math.Sqrt(upper*(1-upper)/n)))/100))
}

// roundUp is a time to two digits, not below it.
func roundUp(d time.Duration) time.Duration {
	unit := time.Nanosecond
	for unit*100 <= d {
		unit *= 10
	}
	return (d + unit - 1) / unit * unit
}

// Seen are expectations that look at all ports of a scope and expect nothing yet.
func Seen(words []string, scope target.Ports) *Expectations {
	return &Expectations{
		Probing: Probing{Retries: -1, Count: initCount, Interval: defaultInterval},
		Expect:  []Expectation{{Targets: words, Only: true, Scope: scope}},
	}
}

// Measured are expectations that time the ports that were found open.
func Measured(p *Expectations, hosts Hosts, f *Facts) *Expectations {
	timed := &Expectations{Probing: p.Probing}
	for _, word := range p.Words() {
		for _, a := range hosts[word] {
			var open []uint16
			for port := range p.Expect[0].Scope.All() {
				if r := f.of(netip.AddrPortFrom(a, port)).port; r != nil && r.State == probe.StateOpen.String() {
					open = append(open, port)
				}
			}
			if len(open) > 0 {
				timed.Expect = append(timed.Expect, Expectation{
					Targets: []string{word}, Ports: target.PortsOf(open...), RTT: []Bound{{"p95", time.Hour}},
				})
			}
		}
	}
	return timed
}
