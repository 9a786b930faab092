package scan_test

import (
	"net/netip"
	"sync"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/simnet"
)

// proof is how much a packet that arrived proves of a port, by a naive reading of RFC 9293.
type proof uint8

const (
	proofNone proof = iota
	proofError
	proofReset
	proofOpen
	proofs
)

// tap sees all packets as they leave and arrive, and tells what they prove: it knows the numbers
// of everything that left, and no keys.
type tap struct {
	mu        sync.Mutex
	start     time.Time
	sent      map[netip.AddrPort]map[netip.AddrPort]map[craft.Seq]craft.Flags // by target and source: SYNs, and what was asked with that number
	asked     map[netip.AddrPort]map[netip.AddrPort]map[craft.Seq]bool        // the acknowledgment numbers of questions
	arrived   map[netip.AddrPort]*[proofs]time.Duration                       // when the first of each kind came; 0: none
	syns      map[netip.AddrPort]int
	departed  []time.Duration // all that is no RST
	resets    uint64
	delivered []time.Duration
	closed    map[netip.AddrPort]int // RSTs by where they went
}

func newTap() *tap {
	return &tap{
		start: time.Now(), sent: map[netip.AddrPort]map[netip.AddrPort]map[craft.Seq]craft.Flags{},
		asked:   map[netip.AddrPort]map[netip.AddrPort]map[craft.Seq]bool{},
		arrived: map[netip.AddrPort]*[proofs]time.Duration{}, syns: map[netip.AddrPort]int{}, closed: map[netip.AddrPort]int{},
	}
}

func (t *tap) observe(e simnet.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := e.Time.Sub(t.start.Round(0))
	switch {
	case e.Dir == simnet.Out && (e.Fate == simnet.Passed || e.Fate == simnet.Lost || e.Fate == simnet.Limited):
		t.leaves(e.Data, at)
	case e.Dir == simnet.In && (e.Fate == simnet.Passed || e.Fate == simnet.Duplicated):
		t.delivered = append(t.delivered, at)
		t.arrives(e.Data, at)
	}
}

func (t *tap) leaves(data []byte, at time.Duration) {
	var p craft.Packet
	if err := p.Decode(data, craft.VerifyChecksums); err != nil || p.Kind != craft.PacketTCP {
		t.departed = append(t.departed, at) // an echo request
		return
	}
	s := &p.Segment
	if s.Flags.Has(craft.RST) {
		t.resets++
		t.closed[s.Dst]++
		return
	}
	t.departed = append(t.departed, at)
	if s.Flags.Has(craft.SYN) {
		if s.Flags == craft.SYN {
			t.syns[s.Dst]++
		}
		put(t.sent, s.Dst, s.Src, s.Seq, t.sent[s.Dst][s.Src][s.Seq]|s.Flags)
		return
	}
	put(t.asked, s.Dst, s.Src, s.Ack, true)
}

func put[V any](m map[netip.AddrPort]map[netip.AddrPort]map[craft.Seq]V, dst, src netip.AddrPort, n craft.Seq, v V) {
	if m[dst] == nil {
		m[dst] = map[netip.AddrPort]map[craft.Seq]V{}
	}
	if m[dst][src] == nil {
		m[dst][src] = map[craft.Seq]V{}
	}
	m[dst][src][n] = v
}

func (t *tap) arrives(data []byte, at time.Duration) {
	var p craft.Packet
	if err := p.Decode(data, craft.VerifyChecksums); err != nil {
		return
	}
	target, what := t.proves(&p)
	if what == proofNone {
		return
	}
	times := t.arrived[target]
	if times == nil {
		times = new([proofs]time.Duration)
		t.arrived[target] = times
	}
	if times[what] == 0 {
		times[what] = max(at, 1)
	}
}

// proves reads one packet.
func (t *tap) proves(p *craft.Packet) (netip.AddrPort, proof) {
	if p.Kind == craft.PacketICMPError {
		q := &p.ICMP.Quote
		if _, ok := t.sent[q.Dst][q.Src][q.Seq]; ok {
			return q.Dst, proofError
		}
		return q.Dst, proofNone
	}
	s := &p.Segment
	flags, acknowledged := t.sent[s.Src][s.Dst][s.Ack.Add(^uint32(0))]
	switch s.Flags & (craft.SYN | craft.ACK | craft.RST) {
	case craft.SYN | craft.ACK:
		if acknowledged {
			return s.Src, proofOpen
		}
	case craft.ACK:
		if acknowledged && flags == craft.SYN|craft.ACK { // a split handshake that was completed
			return s.Src, proofOpen
		}
	case craft.RST | craft.ACK:
		if acknowledged {
			return s.Src, proofReset
		}
	case craft.RST:
		if t.asked[s.Src][s.Dst][s.Seq] {
			return s.Src, proofReset
		}
	}
	return s.Src, proofNone
}

// best is the best proof that had come surely before a time, and at that time at the latest.
func (t *tap) best(target netip.AddrPort, now time.Duration) (before, by proof) {
	t.mu.Lock()
	defer t.mu.Unlock()
	times := t.arrived[target]
	if times == nil {
		return proofNone, proofNone
	}
	for what := proofError; what < proofs; what++ {
		at := times[what]
		if at > 0 && at < now {
			before = what
		}
		if at > 0 && at <= now {
			by = what
		}
	}
	return before, by
}

// proofOf is the proof that a verdict claims.
func proofOf(v *probe.Verdict) proof {
	switch {
	case v.State == probe.StateOpen:
		return proofOpen
	case v.State == probe.StateRefused && v.Reason == probe.ReasonReset:
		return proofReset
	case v.ICMP != nil:
		return proofError
	}
	return proofNone
}
