package target

import (
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Ports is a set of TCP ports, immutable, in ascending order. The zero Ports is
// empty.
type Ports struct{ list []uint16 }

// PortsOf returns the set of the given ports.
func PortsOf(ports ...uint16) Ports {
	list := slices.Clone(ports)
	slices.Sort(list)
	return Ports{slices.Compact(list)}
}

// everyPort returns all 65536 ports.
func everyPort() Ports {
	var b PortBits
	b.AddRange(0, 65535)
	return b.Ports()
}

// Len returns the number of ports, at most 65536.
func (p Ports) Len() int { return len(p.list) }

// All walks the ports in ascending order.
func (p Ports) All() iter.Seq[uint16] { return slices.Values(p.list) }

// Contains reports whether port is in the set.
func (p Ports) Contains(port uint16) bool {
	_, ok := p.index(port)
	return ok
}

func (p Ports) index(port uint16) (int, bool) {
	if i := p.ifWhole(port); i < len(p.list) && p.list[i] == port {
		return i, true
	}
	return slices.BinarySearch(p.list, port)
}

// ifWhole is where a port is if none is missing from the first to it, as in -p-: a list of all is not in any cache.
func (p Ports) ifWhole(port uint16) int {
	if len(p.list) == 0 || port < p.list[0] {
		return 0
	}
	return int(port - p.list[0])
}

// Minus returns the ports of p that are not in q.
func (p Ports) Minus(q Ports) Ports {
	if len(p.list) == 0 || len(q.list) == 0 {
		return p
	}
	var b PortBits
	b.AddAll(p)
	b.Remove(q)
	return b.Ports()
}

// String writes the set the way ParsePorts reads it: "22,80,8000-8100".
func (p Ports) String() string {
	var b strings.Builder
	for first, last := range p.runs() {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Itoa(int(first)))
		if last > first {
			b.WriteByte('-')
			b.WriteString(strconv.Itoa(int(last)))
		}
	}
	return b.String()
}

// runs walks the maximal stretches of consecutive ports.
func (p Ports) runs() iter.Seq2[uint16, uint16] {
	return func(yield func(uint16, uint16) bool) {
		for i := 0; i < len(p.list); {
			j := i + 1
			for j < len(p.list) && p.list[j] == p.list[j-1]+1 {
				j++
			}
			if !yield(p.list[i], p.list[j-1]) {
				return
			}
			i = j
		}
	}
}
