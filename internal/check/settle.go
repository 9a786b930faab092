package check

import (
	"slices"

	"go.yaml.in/yaml/v3"

	"synscope/internal/target"
	"synscope/probe"
)

// notOpen is the key of ports that may be refused or filtered.
const notOpen = "not-open"

// claim is a set of ports that a key says something of.
type claim struct {
	key   string
	ports target.Ports
}

// settle holds what a mapping says of ports against itself, and lets it win over
// what was inherited: a port is expected to be one thing.
func (r *reader) settle(n *yaml.Node, e *Expectation) {
	if n.Kind != yaml.MappingNode {
		return
	}
	var said []claim
	for _, c := range e.claims() {
		if node := valueOf(n, c.key); node != nil {
			for _, other := range said {
				r.apart(node, c, other)
			}
			said = append(said, c)
		}
	}
	for _, c := range said {
		e.yield(n, c)
	}
}

// claims are what an expectation says of the state of ports.
func (e *Expectation) claims() (all []claim) {
	for _, s := range e.States {
		all = append(all, claim{s.State.String(), s.Ports})
	}
	if e.NotOpen.Len() > 0 {
		all = append(all, claim{notOpen, e.NotOpen})
	}
	return all
}

// apart refuses two claims that cannot both hold. Refused and filtered ports are
// not open.
func (r *reader) apart(n *yaml.Node, a, b claim) {
	open := probe.StateOpen.String()
	if (a.key == notOpen || b.key == notOpen) && a.key != open && b.key != open {
		return
	}
	for p := range a.ports.All() {
		if b.ports.Contains(p) {
			r.wrong(n, "port %d is expected to be %s, and %s", p, b.key, a.key)
			return
		}
	}
}

// yield takes the ports of a claim out of those that the mapping did not speak of.
func (e *Expectation) yield(n *yaml.Node, c claim) {
	e.States = slices.Clone(e.States)
	for i, s := range e.States {
		if s.State.String() != c.key && valueOf(n, s.State.String()) == nil {
			e.States[i].Ports = s.Ports.Minus(c.ports)
		}
	}
	e.States = slices.DeleteFunc(e.States, func(s PortState) bool { return s.Ports.Len() == 0 })
	if c.key == probe.StateOpen.String() && valueOf(n, notOpen) == nil {
		e.NotOpen = e.NotOpen.Minus(c.ports)
	}
}
