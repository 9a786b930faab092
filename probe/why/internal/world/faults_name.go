package world

import (
	"math/rand/v2"
	"net/netip"

	"synscope/probe/why"
)

// nameFaults are dead addresses of a name that has several.
func nameFaults() []fault {
	return []fault{
		{why.NameDeadAddress, func(s *Scene, rng *rand.Rand) { names(s, rng, deadOne) }},
		{why.NameIPv6Broken, func(s *Scene, rng *rand.Rand) { names(s, rng, deadIPv6) }},
	}
}

// deadOnes are which of a name's addresses are dead.
type deadOnes uint8

const (
	deadOne  deadOnes = iota // one
	deadIPv6                 // all IPv6 ones
)

// names gives the name several addresses, some of which are dead.
func names(s *Scene, rng *rand.Rand, which deadOnes) {
	six := which == deadIPv6
	n := 2 + rng.IntN(3)
	s.Addrs = nil
	fours := n
	if six || rng.IntN(3) == 0 && n > 2 {
		fours = 1 + rng.IntN(n-1)
	}
	for i := range n {
		text := []string{"192.0.2.7:443", "192.0.2.8:443", "192.0.2.9:443", "192.0.2.10:443"}[i]
		if i >= fours {
			text = []string{"", "[2001:db8::1]:443", "[2001:db8::2]:443", "[2001:db8::3]:443"}[i]
		}
		s.Addrs = append(s.Addrs, why.Address{AddrPort: netip.MustParseAddrPort(text)})
	}
	victim := rng.IntN(fours)
	end := oneOf(rng, dropped, dropped, ends(answer{says: saysRST, from: s.far()}), ends(answer{says: saysUnreachable, from: s.Routers}))
	how := 1.0
	if !six && rng.IntN(4) == 0 { // half dead
		how = between(rng, 0.4, 0.8)
	}
	s.Host = when(func(w *World, p packet) bool {
		dead := p.t.Addr == victim
		if six {
			dead = p.t.Addr >= fours
		}
		return p.opening() && dead && w.rng.Float64() < how
	}, always(end))
}
