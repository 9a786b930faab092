package scan_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe/internal/probetest"
	"synscope/probe/simnet"
)

// truth is what a port is while nothing stands in between.
type truth uint8

const (
	truthSilent truth = iota
	truthOpen
	truthRefused
	truthRejected // by an ICMP error
)

// noise is what somebody on the way or in the host's place sends beside or instead of an answer.
type noise uint8

const (
	noiseWrongAck   noise = iota // SYN-ACK that acknowledges another number
	noiseElsewhere               // SYN-ACK with the right number, from another address
	noiseBareReset               // RST without a number of ours
	noiseOldReset                // RST that acknowledges the ISN itself
	noiseWrongReset              // RST that acknowledges another number
	noiseReset                   // RST with the right number
	noiseError                   // ICMP error with the right quote
	noiseWrongError              // ICMP error with another sequence number in its quote
	noises
)

// forges tells whether noise is a lie that nothing tells from an answer.
func (n noise) forges() bool { return n == noiseReset || n == noiseError }

// sound is noise that a port's every SYN draws, so long after it.
type sound struct {
	noise
	after time.Duration
}

// switched is what begins to answer in a host's place in mid-scan.
type switched uint8

const (
	switchedNone switched = iota
	switchedProxy
	switchedResets
	switchedErrors
	switchedSilence
	switches
)

// box is a host with everything that stands before it.
type box struct {
	simnet.Host
	truth  map[uint16]truth
	sounds map[uint16][]sound
	split  bool                  // open ports answer by a SYN
	guard  *probetest.Persistent // nil: SYNs pass
	limit  float64               // of its RSTs and errors, a second; 0: none
	then   switched
	at     int // after how many SYNs
	up     time.Duration
	moves  time.Duration // when its way becomes longer; 0: it does not
	longer time.Duration // by so much
	leaves time.Duration // when it is away for a while; 0: it is not
	back   time.Duration // and when it is there again

	began    time.Time
	syns     int
	tokens   float64
	credited time.Time
	kind     string
}

// honest tells whether nothing but guards and recognisable noise stands before the host.
func (b *box) honest() bool {
	if b.limit > 0 || b.then != switchedNone || b.up > 0 || b.leaves > 0 {
		return false
	}
	for _, list := range b.sounds {
		for _, s := range list {
			if s.forges() {
				return false
			}
		}
	}
	return true
}

// plain tells whether nothing at all stands before it.
func (b *box) plain() bool { return b.honest() && b.guard == nil && len(b.sounds) == 0 }

// answers tells whether a port of it answers at all.
func (b *box) answers() bool {
	for _, is := range b.truth {
		if is == truthOpen || is == truthRefused {
			return true
		}
	}
	return false
}

func (b *box) makes(n noise) bool {
	for _, list := range b.sounds {
		for _, s := range list {
			if s.noise == n {
				return true
			}
		}
	}
	return false
}

func (b *box) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	if passed := now.Sub(b.began); passed < b.up || b.leaves > 0 && passed > b.leaves && passed < b.back {
		return
	}
	if in.Flags == craft.SYN {
		for _, s := range b.sounds[in.Dst.Port()] {
			s.emit(in, out)
		}
		b.syns++
	}
	limited := simnet.Emitter(metered{out, b, now})
	if b.moves > 0 && now.Sub(b.began) >= b.moves {
		limited = farther{limited, b.longer}
	}
	switch {
	case b.then != switchedNone && b.syns > b.at:
		b.then.respond(now, in, limited)
	case b.guard != nil:
		b.guard.Respond(now, in, limited)
	default:
		b.Host.Respond(now, in, limited)
	}
}

func (s switched) respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	switch s {
	case switchedProxy:
		simnet.AllOpen{TTL: 60}.Respond(now, in, out)
	case switchedResets:
		simnet.Closed{TTL: 60}.Respond(now, in, out)
	case switchedErrors:
		prohibited(in).Respond(now, in, out)
	}
}

// prohibited is a router that rejects what is sent to a target.
func prohibited(in *craft.Segment) simnet.Rejected {
	if in.Dst.Addr().Is4() {
		return simnet.Rejected{ICMP: simnet.ICMP{From: netip.MustParseAddr("192.0.2.254"), Type: 3, Code: 13, QuoteTCP: 8}}
	}
	return simnet.Rejected{ICMP: simnet.ICMP{From: netip.MustParseAddr("2001:db8::254"), Type: 1, Code: 1, QuoteTCP: 8}}
}

func (s sound) emit(in *craft.Segment, out simnet.Emitter) {
	a := craft.Segment{Src: in.Dst, Dst: in.Src, TTL: 57, Seq: 77, Ack: in.Seq.Add(1), Flags: craft.RST | craft.ACK}
	switch s.noise {
	case noiseWrongAck:
		a.Flags, a.Ack, a.Window = craft.SYN|craft.ACK, in.Seq.Add(0x1234), 1000
	case noiseElsewhere:
		a.Flags, a.Window = craft.SYN|craft.ACK, 1000
		a.Src = netip.AddrPortFrom(elsewhereOf(in.Dst.Addr()), in.Dst.Port())
	case noiseBareReset:
		a.Flags, a.Seq, a.Ack = craft.RST, 0, 0
	case noiseOldReset:
		a.Ack = in.Seq
	case noiseWrongReset:
		a.Ack = in.Seq.Add(0x4321)
	case noiseError, noiseWrongError:
		m := prohibited(in).ICMP
		m.Quote = *in
		if s.noise == noiseWrongError {
			m.Quote.Seq = in.Seq.Add(99)
		}
		out.ICMP(s.after, &m)
		return
	}
	out.Segment(s.after, &a)
}

func elsewhereOf(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.MustParseAddr("203.0.113.9")
	}
	return netip.MustParseAddr("2001:db8:9::9")
}

// metered is what a box sends, through its limit.
type metered struct {
	simnet.Emitter
	box *box
	now time.Time
}

func (m metered) spend() bool {
	b := m.box
	if b.limit == 0 {
		return true
	}
	b.tokens = min(20, b.tokens+b.limit*m.now.Sub(b.credited).Seconds())
	b.credited = m.now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

func (m metered) Segment(after time.Duration, s *craft.Segment) {
	if !s.Flags.Has(craft.RST) || m.spend() {
		m.Emitter.Segment(after, s)
	}
}

func (m metered) ICMP(after time.Duration, e *simnet.ICMP) {
	if m.spend() {
		m.Emitter.ICMP(after, e)
	}
}

func (m metered) Schedule(after time.Duration, f func(time.Time, simnet.Emitter)) *simnet.Timer {
	return m.Emitter.Schedule(after, func(now time.Time, out simnet.Emitter) { f(now, metered{out, m.box, now}) })
}

// farther is a way that takes longer.
type farther struct {
	simnet.Emitter
	by time.Duration
}

func (f farther) Segment(after time.Duration, s *craft.Segment) { f.Emitter.Segment(after+f.by, s) }

func (f farther) ICMP(after time.Duration, m *simnet.ICMP) { f.Emitter.ICMP(after+f.by, m) }

// newBox draws a host; ports are those that will be asked for.
func newBox(r *rand.Rand, ports []uint16) *box {
	b := &box{truth: map[uint16]truth{}, sounds: map[uint16][]sound{}, began: time.Now(), tokens: 20}
	opens, answers := oneOf(r, 0, 0.02, 0.3, 1), oneOf(r, 0, 0.5, 1, 1)
	for _, port := range ports {
		switch {
		case r.Float64() < opens:
			b.truth[port] = truthOpen
		case r.Float64() < answers:
			b.truth[port] = truthRefused
		default:
			b.truth[port] = oneOf(r, truthSilent, truthSilent, truthRejected)
		}
	}
	b.Host = b.genuine(r)
	b.makeNoise(r, ports)
	if r.IntN(4) == 0 {
		b.guard = probetest.NewPersistent(b.Host)
		b.guard.Least = 600 * ms // what is reordered comes sooner
	}
	if r.IntN(6) == 0 {
		b.limit = oneOf(r, 20.0, 200)
	}
	if r.IntN(5) == 0 {
		b.then, b.at = switched(1+r.IntN(int(switches)-1)), r.IntN(1+len(ports))
	}
	if r.IntN(8) == 0 {
		b.up = time.Duration(r.IntN(2500)) * time.Millisecond
	}
	if r.IntN(8) == 0 {
		b.moves, b.longer = time.Duration(r.IntN(2000))*time.Millisecond, oneOf(r, 50*ms, 200*ms)
	}
	if r.IntN(8) == 0 {
		b.leaves = time.Duration(1+r.IntN(2000)) * time.Millisecond
		b.back = b.leaves + oneOf(r, 100*ms, 700*ms, 4*time.Second)
	}
	b.kind = fmt.Sprintf("away %v to %v moves %v by %v opens %.2f answers %.2f guard %t limit %v then %d after %d up after %v noise %d",
		b.leaves, b.back, b.moves, b.longer, opens, answers, b.guard != nil, b.limit, b.then, b.at, b.up, len(b.sounds))
	return b
}

// genuine is the host itself.
func (b *box) genuine(r *rand.Rand) simnet.Host {
	m := simnet.Mux{Ports: map[uint16]simnet.Host{}}
	split := r.IntN(10) == 0
	b.split = split
	for port, is := range b.truth {
		switch {
		case is == truthOpen && split:
			m.Ports[port] = simnet.Split{}
		case is == truthOpen:
			m.Ports[port] = &simnet.Listener{}
		case is == truthSilent:
			m.Ports[port] = simnet.Dropped{}
		case is == truthRejected:
			m.Ports[port] = simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) { prohibited(in).Respond(now, in, out) })
		}
	}
	if r.IntN(3) > 0 {
		return m
	}
	return simnet.Mangle(m, func(s *craft.Segment) { s.Options = nil }) // without time stamps
}

func (b *box) makeNoise(r *rand.Rand, ports []uint16) {
	if r.IntN(3) > 0 {
		return
	}
	share, loud := oneOf(r, 0.1, 1), 1+r.IntN(3)
	kinds := make([]noise, loud)
	for i := range kinds {
		kinds[i] = noise(r.IntN(int(noises)))
	}
	for _, port := range ports {
		if r.Float64() > share {
			continue
		}
		for _, k := range kinds {
			b.sounds[port] = append(b.sounds[port], sound{k, time.Duration(r.IntN(60)) * time.Millisecond})
		}
	}
}
