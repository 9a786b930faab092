package flow

import (
	"hash/maphash"

	"synscope/craft"
)

// Two networks (VLANs, tunnels) may hold the same addresses and ports: those are
// two connections. The two directions of one connection may also have different
// tags, and a packet may be captured inside and outside of a tunnel: so a
// network tells connections apart only where the numbers do not say that a
// segment goes on with what another network had.

// name remembers what a network is called, for a connection that begins.
func (t *Table) name(p *Packet) {
	if p.Network == 0 || p.NetworkName == nil || t.names[p.Network] != "" || len(t.names) == mostJoined {
		return
	}
	if t.names == nil {
		t.names = map[uint32]string{}
	}
	t.names[p.Network] = p.NetworkName.String()
}

func (t *Table) hash(k *key) uint32 { return uint32(maphash.Bytes(t.seed, k[:])) }

// find returns the record of a segment between two endpoints, noRef where there
// is none.
func (t *Table) find(k *key, hash, network uint32, swapped bool, s *craft.Segment) ref {
	r := t.index.find(hash, func(r ref) bool { return *t.keyOf(r) == *k })
	if r == noRef || !t.shared && t.networkOf(r) == network {
		return r
	}
	return t.choose(k, hash, network, swapped, s)
}

// fit says how well the numbers of a segment continue those of a record.
type fit uint8

const (
	foreign fit = iota
	near        // by chance, once in some hundreds
	certain
)

// choose is find where there are several records, or one of another network: it prefers
// the record whose numbers fit, then one of the same network.
func (t *Table) choose(k *key, hash, network uint32, swapped bool, s *craft.Segment) (best ref) {
	const here, most = 1, 2*int(certain) + 1
	points := 0
	t.index.find(hash, func(r ref) bool {
		if *t.keyOf(r) != *k {
			return false
		}
		n := 2 * int(t.fits(r, swapped, s))
		if t.networks.same(t.networkOf(r), network) {
			n += here
		}
		if n > points {
			best, points = r, n
		}
		return n == most
	})
	switch {
	case best == noRef:
		t.shared = true
	case points == 2*int(certain):
		t.networks.join(t.networkOf(best), network)
	}
	return best
}

func (t *Table) networkOf(r ref) uint32 {
	if r.isLone() {
		return t.lone(r).network
	}
	return t.flow(r).network
}

// fits compares the numbers of a segment with a record.
func (t *Table) fits(r ref, swapped bool, s *craft.Segment) fit {
	if r.isLone() {
		return t.lone(r).fits(swapped, s)
	}
	f := t.flow(r)
	switch fits, sure := f.watch.Fits(f.side(swapped, s), s); {
	case sure:
		return certain
	case fits:
		return near
	}
	return foreign
}

// fits compares the numbers of a segment with a SYN: it may be a retransmission, the
// answer, or what both ends send after that.
func (l *lone) fits(swapped bool, s *craft.Segment) fit {
	n, first := s.Seq, int32(1)
	if swapped != (l.offers&fromSecond != 0) {
		n = s.Ack
		if !s.Flags.Has(craft.ACK) {
			return foreign
		}
	}
	used := n.Sub(craft.Seq(l.isn))
	if s.Flags&(craft.SYN|craft.ACK) == craft.SYN {
		first = 0
	}
	switch {
	case used == first:
		return certain
	case first > 0 && used > first && used < apartAtMost:
		return near
	}
	return foreign
}

// networks are those that were found to be one: a segment of the one has gone on
// with a connection of the other, or was captured in both.
type networks struct{ of map[uint32]uint32 }

// root is the network that stands for all that are the same as this one.
func (n *networks) root(network uint32) uint32 {
	for {
		up, ok := n.of[network]
		if !ok {
			return network
		}
		if above, ok := n.of[up]; ok {
			n.of[network] = above // half as far for the next who asks
		}
		network = up
	}
}

func (n *networks) same(a, b uint32) bool { return a == b || n.of != nil && n.root(a) == n.root(b) }

func (n *networks) join(a, b uint32) {
	if a, b = n.root(a), n.root(b); a == b {
		return
	}
	if n.of == nil {
		n.of = map[uint32]uint32{}
	}
	if len(n.of) < mostJoined {
		n.of[b] = a
	}
}

// mostJoined bounds what is remembered of networks.
const mostJoined = 1 << 16
