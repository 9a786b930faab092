package check

import (
	"fmt"
	"io"
	"net/netip"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"synscope/internal/target"
	"synscope/probe"
)

// written is a file of expectations as it is written.
type written struct {
	Expect []writtenHost `yaml:"expect"`
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
// leastBound what is allowed in any case.
const (
	headroom   = 3
	leastBound = 5 * time.Millisecond
)

// Write writes expectations that hold now of the targets: what is open, that
// nothing else of the scope is, and how long the open ports take. comment is what
// was run; scope is "" for the commonly served ports.
func Write(w io.Writer, comment string, words []string, hosts Hosts, scope target.Ports, scoped bool, f *Facts) error {
	file := written{Expect: []writtenHost{}}
	for _, word := range words {
		for _, a := range hosts[word] {
			name := a.String()
			if len(hosts[word]) == 1 {
				name = word
			}
			file.Expect = append(file.Expect, describe(name, a, scope, scoped, f))
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
func describe(name string, a netip.Addr, scope target.Ports, scoped bool, f *Facts) writtenHost {
	h := writtenHost{Name: name, Targets: name}
	slowest := time.Duration(0)
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
		}
	}
	slices.Sort(h.Open)
	if scoped {
		h.Scope = scope.String()
	}
	if len(h.Open) == 0 {
		h.Only = true
		return h
	}
	h.Only = true
	if slowest > 0 {
		h.RTT = map[string]string{"p95": roundUp(max(headroom*slowest, leastBound)).String()}
		h.Loss = "10%"
	}
	return h
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
		Probing: Probing{Retries: -1, Count: defaultCount, Interval: defaultInterval},
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
