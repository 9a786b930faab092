package world

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"synscope/probe/why"
)

// refuses is a kernel that lets a share of the packets not leave.
func refuses(share float64, _ *rand.Rand) func(*World, packet) fate {
	return func(w *World, p packet) fate {
		return fate{refused: w.rng.Float64() < share && (p.kind != third && p.kind != data || share == 1)}
	}
}

func localFirewall(s *Scene, rng *rand.Rand) {
	switch rng.IntN(3) {
	case 0: // what leaves
		s.Local = refuses(1, rng)
	case 1: // what leaves for this port
		s.Local = func(_ *World, p packet) fate { return fate{refused: p.target()} }
	case 2: // answers, which packet sockets see before the firewall does
		s.Connect2 = func(*World) why.Outcome { return why.Silence }
	}
}

func oneOfSeveral(s *Scene, rng *rand.Rand) {
	paths := oneOf(rng, 2, 3, 4, 6, 8)
	loss := oneOf(rng, 1, 1, 1, 0.6)
	path := func(w *World, flow int) byte { return byte(w.hash(flow) * float64(paths)) }
	s.Branch = path
	s.Box = func(w *World, p packet) fate {
		if p.kind != echo && path(w, p.t.Flow) == 0 && w.rng.Float64() < loss {
			return dropped
		}
		return passes
	}
}

func rateLimit(s *Scene, rng *rand.Rand) {
	rate, burst, any := math.Exp(between(rng, 0.4, 3.6)), float64(1+rng.IntN(18)), rng.IntN(2) == 0
	switch rng.IntN(5) {
	case 0: // of minutes
		rate, burst, any = between(rng, 0.05, 1), burst+2, false
	case 1: // a ban
		rate, burst, any = 0, burst+3, false
	}
	tokens, last := burst, time.Duration(0)
	s.Box = func(w *World, p packet) fate {
		if p.kind != syn || !any && !p.opening() {
			return passes
		}
		tokens = min(burst, tokens+rate*(p.at-last).Seconds())
		last = p.at
		if tokens < 1 {
			return dropped
		}
		tokens--
		return passes
	}
}

// drops ends SYNs silently or with a reset.
func drops(rng *rand.Rand) func(w *World) fate {
	if rng.IntN(3) == 0 {
		return func(w *World) fate { return ends(answer{says: saysRST, from: w.BoxAt}) }
	}
	return func(*World) fate { return dropped }
}

func byLook(rng *rand.Rand, hit ...why.Look) func(*World, packet) fate {
	end := drops(rng)
	return func(w *World, p packet) fate {
		for _, l := range hit {
			if p.opening() && p.t.Look == l {
				return end(w)
			}
		}
		return passes
	}
}

// carries tells which looks carry an option.
var carries = []func(why.Look) bool{
	why.Look.Timestamps,
	func(l why.Look) bool { return l != why.Bare && l != why.MSSOnly && l != why.NoSACK },
	func(l why.Look) bool { return l != why.Bare && l != why.MSSOnly && l != why.NoScale },
	func(l why.Look) bool { return l == why.FastOpen },
	func(l why.Look) bool { return l == why.MPTCP },
	func(l why.Look) bool { return l == why.Unassigned },
	func(l why.Look) bool { return l == why.FastOpen || l == why.MPTCP || l == why.Unassigned },
}

func dropsOption(s *Scene, rng *rand.Rand) {
	hit, end := oneOf(rng, carries...), drops(rng)
	s.Box = func(w *World, p packet) fate {
		if p.opening() && hit(p.t.Look) {
			return end(w)
		}
		return passes
	}
}

// paws keeps the newest timestamp, of others behind the same address too.
func paws(s *Scene, rng *rand.Rand) {
	age := func(l why.Look) int { return map[why.Look]int{why.OldTimestamp: -1, why.NewTimestamp: 1}[l] }
	newest := oneOf(rng, 0, 0, 1)
	keeps := rng.IntN(2) == 0
	s.Host = func(w *World, p packet) fate {
		if !p.opening() || !p.t.Look.Timestamps() {
			return passes
		}
		a := age(p.t.Look)
		if a < newest {
			return dropped
		}
		if keeps {
			newest = a
		}
		return passes
	}
}

// hostDown: the last router says so at once, or after it asked for the link address in vain.
func hostDown(s *Scene, rng *rand.Rand) {
	share, late := oneOf(rng, 1, 1, 0.5, 0.1), rng.IntN(4) > 0
	if share < 0.5 {
		s.Fact = func(w *World, f why.Fact) bool { return f == why.LateUnreachable && late && w.now > 3*time.Second }
	}
	s.Host = func(w *World, p packet) fate {
		if w.rng.Float64() < share {
			return ends(answer{says: saysUnreachable, from: w.Routers})
		}
		return dropped
	}
}

// rejects: a router does not let it pass, has no way to the host, or one in a circle.
func rejects(s *Scene, rng *rand.Rand) {
	share := oneOf(rng, 1, 1, 0.7, 0.4)
	switch rng.IntN(4) {
	case 0:
		s.circle(share)
	case 1:
		s.unrouted(share, oneOf(rng, saysUnreachable, saysNoRoute))
	default:
		all := rng.IntN(2) == 0
		s.Box = func(w *World, p packet) fate {
			switch {
			case !all && !p.opening():
				return passes
			case w.rng.Float64() > share:
				return dropped
			}
			return ends(answer{says: saysProhibited, from: w.BoxAt})
		}
	}
}

// unrouted is a router that looks for a route before it looks at the TTL, as Linux does.
func (s *Scene) unrouted(share float64, word says) {
	s.BoxFirst, s.Mute[s.BoxAt-1] = true, false
	s.Box = func(w *World, _ packet) fate {
		if w.rng.Float64() > share {
			return dropped
		}
		return ends(answer{says: word, from: w.BoxAt})
	}
}

// circle lets two routers send everything to each other.
func (s *Scene) circle(share float64) {
	s.Mute[s.BoxAt-1], s.Mute[s.BoxAt] = false, false
	s.Box = func(w *World, p packet) fate {
		if w.rng.Float64() > share {
			return dropped
		}
		return ends(answer{says: saysExceeded, from: w.BoxAt + (p.ttl-w.BoxAt)%2})
	}
}

func hostFirewall(s *Scene, rng *rand.Rand) {
	s.near(rng)
	rejects, all := rng.IntN(2) == 0, rng.IntN(3) == 0
	s.DropsUnused = all
	s.Host = func(w *World, p packet) fate {
		switch {
		case p.kind == echo:
			return passes
		case !all && p.t.Role != why.Target:
			return passes
		case rejects && p.kind == syn:
			return ends(answer{says: saysRejected, from: w.far()})
		}
		return dropped
	}
	if all && !rejects {
		s.DropsEcho = false
	}
}

// backends puts a balancer before several hosts, one of which fares as bad says.
// New connections are given out by a hash of the flow, or in any order; while a
// connection is remembered it keeps to its backend.
func backends(s *Scene, rng *rand.Rand, bad func(*World, packet) fate) {
	n := oneOf(rng, 2, 3, 4, 6)
	s.DropsUnused = rng.Float64() < 0.1
	forgets, table := rng.IntN(2) == 0, map[int]bool{}
	s.Host = func(w *World, p packet) fate {
		if !p.target() || p.kind == ackOnly || p.kind == fin {
			return passes
		}
		isBad, known := int(w.hash(p.t.Flow)*float64(n)) == 0, false
		if forgets {
			if isBad, known = table[p.t.Flow]; !known || p.kind == syn && !isBad {
				isBad = w.rng.IntN(n) == 0
			}
			table[p.t.Flow] = isBad
		}
		if !isBad {
			return passes
		}
		f := bad(w, p)
		if len(f.answers) > 0 && p.kind == syn && forgets { // its connection was closed
			delete(table, p.t.Flow)
		}
		return f
	}
}

func flapping(s *Scene, rng *rand.Rand) {
	up, down := between(rng, 0.8, 4), between(rng, 0.8, 3)
	phase := rng.Float64() * (up + down)
	bad := dropped
	switch rng.IntN(3) {
	case 0:
		bad = ends(answer{says: saysRST, from: s.far()})
	case 1:
		bad = ends(answer{says: oneOf(rng, saysUnreachable, saysNoRoute), from: s.Routers})
	}
	all := rng.IntN(2) == 0 // open connections go down with it
	s.Host = func(w *World, p packet) fate {
		if !p.opening() && (!all || p.kind != third && p.kind != data) {
			return passes
		}
		at := phase + p.at.Seconds()
		at -= float64(int(at/(up+down))) * (up + down)
		switch {
		case at < up:
			return passes
		case p.kind != syn:
			return dropped
		}
		return bad
	}
}

// names gives the name several addresses, one of which, or all IPv6 ones, are dead.
func names(s *Scene, rng *rand.Rand, six bool) {
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
	which := rng.IntN(fours)
	end := oneOf(rng, dropped, dropped, ends(answer{says: saysRST, from: s.far()}), ends(answer{says: saysUnreachable, from: s.Routers}))
	how := 1.0
	if !six && rng.IntN(4) == 0 { // half dead
		how = between(rng, 0.4, 0.8)
	}
	s.Host = func(w *World, p packet) fate {
		dead := p.t.Addr == which
		if six {
			dead = p.t.Addr >= fours
		}
		if p.opening() && dead && w.rng.Float64() < how {
			return end
		}
		return passes
	}
}
