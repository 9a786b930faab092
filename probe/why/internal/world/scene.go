package world

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"synscope/probe/why"
)

// Scene is a network with one fault. Its functions are asked where a packet
// passes: at this machine, at the router BoxAt, at the host, and on the way back.
type Scene struct {
	Code    why.Code
	Addrs   []why.Address
	Routers int
	Mute    []bool // routers that send no ICMP
	RTT     time.Duration
	Jitter  time.Duration
	Initial uint8 // TTL of what the host sends

	LossOut, LossBack                 float64
	DropsUnused, DropsACKs, DropsEcho bool
	Cookies                           bool
	TellsNoDuplicates                 bool // of segments
	Greets, Answers                   int  // bytes of what the program says to line ends, and to a request
	BackMTU                           int  // of the way back, where nobody says so; 0: none
	Facts                             map[why.Fact]bool

	Fact     func(*World, why.Fact) bool
	Local    box
	BoxAt    int
	BoxFirst bool // it looks at a packet before its router looks at the TTL
	Box      box
	Host     box
	Back     func(*World, packet, answer) bool // loses it
	Branch   func(w *World, flow int) byte     // which of several routers
	Connect2 func(*World) why.Outcome          // of connect(2); NotMade: as the network says

	From, Until time.Duration // when boxes, host and way back have the fault; Until 0: to the end
	still       bool          // the host stays as far away as it is
}

// Codes are those for which there are scenes.
func Codes() []why.Code {
	var list []why.Code
	for _, f := range faults() {
		list = append(list, f.code)
	}
	return list
}

// Random is a scene with the fault of a code, its parameters and everything
// around it drawn by a seed. loss is the share of packets lost at random, both ways together.
func Random(code why.Code, seed uint64, loss float64) Scene {
	rng := rand.New(rand.NewPCG(seed, 11))
	s := network(rng, loss)
	s.Code = code
	for _, f := range faults() {
		if f.code == code {
			f.make(&s, rng)
		}
	}
	return s
}

// network is a way to a host with nothing wrong.
func network(rng *rand.Rand, loss float64) Scene {
	s := Scene{
		Routers: 3 + rng.IntN(7), Initial: []uint8{64, 64, 128}[rng.IntN(3)],
		RTT: time.Duration(1+rng.IntN(120)) * time.Millisecond, LossOut: loss / 2, LossBack: loss / 2,
		DropsUnused: rng.Float64() < 0.2, DropsACKs: rng.Float64() < 0.2, DropsEcho: rng.Float64() < 0.3,
		Facts: map[why.Fact]bool{},
		Addrs: []why.Address{{AddrPort: netip.MustParseAddrPort("192.0.2.7:443")}},
	}
	s.TellsNoDuplicates = rng.Float64() < 0.12
	s.Jitter = time.Duration(rng.Float64() * float64(s.RTT) / 5)
	quiet := rng.Float64() < 0.05
	for range s.Routers {
		s.Mute = append(s.Mute, quiet || rng.Float64() < 0.06)
	}
	s.Mute[s.Routers-1] = quiet || rng.Float64() < 0.03
	s.BoxAt = 1 + rng.IntN(s.Routers-1)
	s.Greets, s.Answers = oneOf(rng, 0, 40, 400, 4000), oneOf(rng, 0, 400, 4000, 4000)
	return s
}

// near puts the host on the link, half of the times.
func (s *Scene) near(rng *rand.Rand) {
	if rng.IntN(2) == 0 && !s.still {
		s.link()
	}
}

func (s *Scene) link() {
	s.Routers, s.Mute, s.BoxAt = 0, nil, 0
	s.Facts[why.OnLink] = true
}

// target reports whether a packet goes to the port in question.
func (p packet) target() bool { return p.t.Role == why.Target && p.kind != echo }

// opening reports whether it is a SYN to it.
func (p packet) opening() bool { return p.target() && p.kind == syn }

// between draws a number.
func between(rng *rand.Rand, low, high float64) float64 { return low + rng.Float64()*(high-low) }

// oneOf draws one of a list.
func oneOf[T any](rng *rand.Rand, list ...T) T { return list[rng.IntN(len(list))] }
