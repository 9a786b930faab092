// Package world is a network of models under virtual time for the tests of
// package why: it makes trials as the live instrument does, against hosts,
// routers and boxes with one fault each. It simulates packets and states, and
// knows nothing of the likelihoods by which package why judges.
package world

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"synscope/probe/why"
)

// World is one scene: it implements [why.Instrument].
type World struct {
	Scene
	rng       *rand.Rand
	now       time.Duration
	sent      int
	held      int
	completed int
	reached   bool          // the last SYN was answered by a SYN-ACK, which may have been lost
	answered  bool          // the last packet was answered, whether the answer came or not
	twice     bool          // the last byte arrived more than once
	taken     bool          // the third ACK under way arrived
	ignoring  bool          // the host ignores the connection under way
	clock     time.Duration // of the connection under way
	pending   []withheld
	settled   time.Duration   // when the last of them was done
	flows     map[int]float64 // a hash of each flow, from 0 to 1
}

// New makes a world of a scene; its chance comes from the seed.
func New(s Scene, seed uint64) *World {
	return &World{Scene: s, rng: rand.New(rand.NewPCG(seed, 7)), flows: map[int]float64{}}
}

// Now is the virtual time.
func (w *World) Now() time.Duration { return w.now }

// Sent is how many packets have left.
func (w *World) Sent() int { return w.sent }

// End has nothing to do.
func (w *World) End() {}

// Closing takes no time.
func (w *World) Closing() time.Duration { return 0 }

// hash is the same for all packets of a flow.
func (w *World) hash(flow int) float64 {
	h, ok := w.flows[flow]
	if !ok {
		h = w.rng.Float64()
		w.flows[flow] = h
	}
	return h
}

// Run makes a batch of trials.
func (w *World) Run(_ context.Context, batch []why.Trial) ([]why.Trial, error) {
	begin, end := w.now, w.now
	w.held = 0
	for i := range batch {
		t := &batch[i]
		t.At = begin + t.After
		w.now = t.At
		w.settle(t.At)
		t.Held, t.Before, t.Completed = w.held, w.completed, w.completed
		t.Reply.Window = -1
		t.Reply.Port = uint16(20000 + t.Flow)
		took := w.trial(t)
		w.cut(t, t.At+took)
		end = max(end, t.At+took)
	}
	w.settle(1 << 62)
	w.held = 0
	w.now = max(end, w.settled) + 5*time.Millisecond
	if until := batch[0].Until; until > 0 {
		w.now = min(w.now, until)
	}
	return batch, nil
}

// cut takes back what came of a trial that ended after its time.
func (w *World) cut(t *why.Trial, end time.Duration) {
	if t.Until > 0 && end > t.Until {
		t.Outcome = why.NotMade
	}
}

// withheld is a connection whose third ACK is still to be sent.
type withheld struct {
	at time.Duration
	t  *why.Trial
}

// settle completes what was withheld until then.
func (w *World) settle(until time.Duration) {
	slices.SortStableFunc(w.pending, func(a, b withheld) int { return cmp.Compare(a.at, b.at) })
	for len(w.pending) > 0 && w.pending[0].at <= until {
		p := w.pending[0]
		w.pending = w.pending[1:]
		end := p.at + w.complete(p.t, p.at)
		w.cut(p.t, end)
		w.settled = max(w.settled, end)
	}
}

// kind of a packet.
type kind uint8

const (
	syn kind = iota
	ackOnly
	fin
	echo
	third // the ACK that completes a handshake
	data
)

// packet is one of ours on its way.
type packet struct {
	kind kind
	t    *why.Trial
	ttl  int
	size int
	at   time.Duration
	idle time.Duration // how long its connection was quiet
	nth  int           // of the trial's SYNs: 1 is of a tuple used before
}

// says is what an answer says.
type says uint8

const (
	saysSYNACK says = iota
	saysRST
	saysACK
	saysChallenge
	saysEcho
	saysExceeded
	saysUnreachable
	saysNoRoute
	saysProhibited
	saysRejected // by the host, with ICMP
	saysTooBig
	saysFIN
	saysWrong     // a SYN-ACK of another number
	saysElsewhere // a SYN-ACK from another address
)

// routers reports whether a router says so.
func (s says) routers() bool {
	return s == saysExceeded || s == saysUnreachable || s == saysNoRoute || s == saysProhibited
}

// answer is one packet that comes back.
type answer struct {
	says  says
	from  int // hops away
	after time.Duration
	zero  bool // window 0
	slow  time.Duration
}

// fate is what a box or host does with a packet: it passes, or ends there with answers.
type fate struct {
	ends    bool
	answers []answer
	also    []answer // sent although the packet passes
	refused bool     // this machine's kernel does not send it
}

var passes = fate{}
var dropped = fate{ends: true}

func ends(a ...answer) fate { return fate{ends: true, answers: a} }

// send carries a packet to where it ends, and back what comes of it.
func (w *World) send(p packet) (back []answer, refused bool) {
	if w.Local != nil {
		if f := w.Local(w, p); f.refused {
			return nil, true
		}
	}
	w.sent++
	var all []answer
	f := w.carry(p, &all)
	all = append(all, f.answers...)
	w.reached, w.answered = false, len(all) > 0
	for _, a := range all {
		w.reached = w.reached || a.says == saysSYNACK
		if w.rng.Float64() < w.LossBack || w.Back != nil && w.faulty(p.at) && w.Back(w, p, a) {
			continue
		}
		a.after += w.rtt()
		back = append(back, a)
	}
	return back, false
}

func (w *World) rtt() time.Duration {
	return w.RTT + time.Duration(w.rng.ExpFloat64()*float64(w.Jitter))
}

// carry takes a packet along the routers to the host.
func (w *World) carry(p packet, also *[]answer) fate {
	if w.rng.Float64() < w.LossOut {
		return dropped
	}
	for hop := 1; hop <= w.Routers; hop++ {
		if p.ttl == hop && !(w.BoxFirst && w.BoxAt == hop) {
			if w.Mute[hop-1] {
				return dropped
			}
			return ends(answer{says: saysExceeded, from: hop})
		}
		if w.BoxAt == hop && w.Box != nil && w.faulty(p.at) {
			f := w.Box(w, p)
			*also = append(*also, f.also...)
			if f.ends {
				return f
			}
		}
	}
	if w.Host != nil && w.faulty(p.at) {
		if f := w.Host(w, p); f.ends || len(f.also) > 0 {
			*also = append(*also, f.also...)
			if f.ends {
				return f
			}
		}
	}
	return w.healthy(p)
}

// faulty reports whether the fault is there at a time.
func (w *World) faulty(at time.Duration) bool {
	return at >= w.From && (w.Until == 0 || at < w.Until)
}

// far is how many hops away the host is.
func (w *World) far() int { return w.Routers + 1 }

// healthy is what a host does with which nothing is wrong.
func (w *World) healthy(p packet) fate {
	me := w.far()
	switch p.kind {
	case syn:
		if p.t.Role == why.Closed || p.t.Role == why.Served && p.t.Port%2 == 1 {
			if w.DropsUnused {
				return dropped
			}
			return ends(answer{says: saysRST, from: me})
		}
		return ends(answer{says: saysSYNACK, from: me})
	case ackOnly:
		if w.DropsACKs {
			return dropped
		}
		return ends(answer{says: saysRST, from: me})
	case fin:
		return dropped
	case echo:
		if w.DropsEcho {
			return dropped
		}
		return ends(answer{says: saysEcho, from: me})
	}
	return ends(answer{says: saysACK, from: me})
}

// initial TTL of what hosts and routers send.
func (w *World) ttl(hops int) uint8 { return w.Initial - uint8(hops) + 1 }

func (w *World) address(hop int, p packet) netip.Addr {
	if hop >= w.far() {
		return netip.AddrFrom4([4]byte{192, 0, 2, 7})
	}
	branch := byte(0)
	if w.Branch != nil && hop >= w.BoxAt {
		branch = w.Branch(w, p.t.Flow)
	}
	return netip.AddrFrom4([4]byte{10, 0, byte(hop), 1 + branch})
}
