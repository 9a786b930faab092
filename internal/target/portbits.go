package target

import "math/bits"

// PortBits is a set of ports under construction: a bit for each, 8 KiB whatever is in it.
// The zero PortBits is empty; two are equal if they have the same ports.
type PortBits [1 << 16 / 64]uint64

// Add puts a port in.
func (b *PortBits) Add(port uint16) { b[port/64] |= 1 << (port % 64) }

// AddRange puts the ports from first to last in.
func (b *PortBits) AddRange(first, last uint16) {
	for p := uint32(first); p <= uint32(last); p++ {
		b.Add(uint16(p))
	}
}

// AddAll puts the ports of a set in.
func (b *PortBits) AddAll(p Ports) {
	for _, port := range p.list {
		b.Add(port)
	}
}

// Union puts the ports of another in.
func (b *PortBits) Union(other *PortBits) {
	for i, w := range other {
		b[i] |= w
	}
}

// Remove takes the ports of a set out.
func (b *PortBits) Remove(p Ports) {
	for _, port := range p.list {
		b[port/64] &^= 1 << (port % 64)
	}
}

// Len is how many ports are in the set.
func (b *PortBits) Len() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// Ports are the ports of the set.
func (b *PortBits) Ports() Ports {
	list := make([]uint16, 0, b.Len())
	for i, w := range b {
		for ; w != 0; w &= w - 1 {
			list = append(list, uint16(i*64+bits.TrailingZeros64(w)))
		}
	}
	return Ports{list}
}
