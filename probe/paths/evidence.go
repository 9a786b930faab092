package paths

import (
	"net/netip"
	"slices"
	"time"

	"synscope/netraw"
	"synscope/probe"
	"synscope/probe/trace"
)

// Answer is one packet that came back for a probe.
type Answer struct {
	Kind    trace.HopKind
	Addr    netip.Addr    // who sent it, or in whose name
	RTT     time.Duration // 0: not measured
	Clock   netraw.Clock
	Doubt   probe.Doubt
	ICMP    *probe.ICMPCode // nil for segments
	Changes []trace.Change  // what had happened to the probe when it was quoted
	TTL     uint8           // of the answer, as it arrived
}

// attempt is one transmission of a probe. The zero value is under way.
type attempt struct {
	answers []Answer
	lost    bool // given up
	aside   bool // not answered because of an old connection of the target, or its own size: no sign of silence
}

// flying reports whether something may still come back.
func (a *attempt) flying() bool { return len(a.answers) == 0 && !a.lost }

// answer is what the attempt says of its hop, nil where nothing came back: an answer of the
// router that saw it expire goes before one in the target's name, and among those a SYN-ACK
// before an RST before an ICMP error.
func (a *attempt) answer() *Answer {
	var best *Answer
	for i := range a.answers {
		if best == nil || weight(a.answers[i].Kind) > weight(best.Kind) {
			best = &a.answers[i]
		}
	}
	return best
}

func weight(k trace.HopKind) int {
	return slices.Index([]trace.HopKind{trace.HopNone, trace.HopUnreachable, trace.HopReset, trace.HopSYNACK, trace.HopTimeExceeded}, k)
}

// pair is a flow and a TTL: the probe that is repeated where it is lost.
type pair struct {
	flow     *flow
	ttl      int
	attempts []*attempt
}

// flow is all probes that leave from one source port.
type flow struct {
	id    int
	port  uint16
	pairs []*pair // by TTL less one; nil: not sent

	at []*vertex // where the latest graph has it, by TTL less one; nil: nowhere
}

// ended reports whether the flow reached its end before a TTL.
func (f *flow) ended(ttl int) bool {
	return slices.ContainsFunc(f.at[:min(ttl-1, len(f.at))], func(v *vertex) bool { return v != nil && v.ends() })
}

// known is the last vertex before a TTL that the flow is known to pass, nil for
// none but the prober.
func (f *flow) known(ttl int) *vertex {
	for i := min(ttl-1, len(f.at)) - 1; i >= 0; i-- {
		if f.at[i] != nil {
			return f.at[i]
		}
	}
	return nil
}

func (f *flow) pair(ttl int) *pair {
	if ttl > len(f.pairs) {
		return nil
	}
	return f.pairs[ttl-1]
}

// begin makes the pair of a TTL, if it is not there.
func (f *flow) begin(ttl int) *pair {
	for len(f.pairs) < ttl {
		f.pairs = append(f.pairs, nil)
	}
	if f.pairs[ttl-1] == nil {
		f.pairs[ttl-1] = &pair{flow: f, ttl: ttl}
	}
	return f.pairs[ttl-1]
}

// flying reports whether an attempt is under way.
func (p *pair) flying() bool { return slices.ContainsFunc(p.attempts, (*attempt).flying) }

// silent reports whether nothing came back for the attempt, and nothing explains it.
func (a *attempt) silent() bool { return a.lost && !a.aside && len(a.answers) == 0 }

// mostAside is how many attempts may be set aside: after so many, what is in the way of
// them stays there.
const mostAside = 4

// lost is how many attempts met silence. A target that is half open after one SYN-ACK was
// lost challenges the next SYNs of the flow: these are not lost as well.
func (p *pair) lost() (n int) {
	for _, a := range p.attempts {
		if a.silent() {
			n++
		}
	}
	return n + max(0, p.aside()-mostAside)
}

// aside is how many attempts were set aside.
func (p *pair) aside() (n int) {
	for _, a := range p.attempts {
		if a.aside && len(a.answers) == 0 {
			n++
		}
	}
	return n
}

// answered is how many attempts something came back for.
func (p *pair) answered() (n int) {
	for _, a := range p.attempts {
		if len(a.answers) > 0 {
			n++
		}
	}
	return n
}

// place is where an answer puts a probe: who answered, and whether the way ends
// there.
type place struct {
	addr netip.Addr
	ends bool
}

func (a *Answer) place() place { return place{a.Addr, a.Kind != trace.HopTimeExceeded} }

// places are where the attempts of a pair were answered, each once. A router's ICMP error
// that the path ends counts only where nothing else ever answered: it may have been so for a
// moment, while a neighbour did not resolve.
func (p *pair) places() (list []place) {
	var refused []place
	for _, a := range p.attempts {
		best := a.answer()
		if best == nil {
			continue
		}
		to := &list
		if best.Kind == trace.HopUnreachable {
			to = &refused
		}
		if !slices.Contains(*to, best.place()) {
			*to = append(*to, best.place())
		}
	}
	if len(list) == 0 {
		return refused
	}
	return list
}

// beyond reports whether anything came back for a higher TTL of the flow.
func (f *flow) beyond(ttl int) bool {
	return ttl < len(f.pairs) && slices.ContainsFunc(f.pairs[ttl:], func(p *pair) bool { return p != nil && p.answered() > 0 })
}

// expires reports whether a router saw a probe of the flow expire at a higher TTL.
func (f *flow) expires(ttl int) bool {
	return ttl < len(f.pairs) && slices.ContainsFunc(f.pairs[ttl:], func(p *pair) bool {
		return p != nil && slices.ContainsFunc(p.places(), func(w place) bool { return !w.ends })
	})
}
