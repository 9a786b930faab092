package wide

import (
	"net/netip"

	"synscope/craft"
	"synscope/probe/internal/wire"
)

// generator makes every nth chunk of a cursor's probes.
type generator struct {
	plan    Targets
	cookie  wire.Cookie
	sources sources
	port    uint16 // of ours
	attempt int
	acks    bool // the probe carries an acknowledgment number
	skip    answeredBefore
	targets [fillAtOnce]netip.AddrPort
}

// run fills chunks, the first from a position and the others step apart, until
// the plan ends or stop is closed.
func (g *generator) run(q chunkQueue, from, step uint64, stop <-chan struct{}) {
	defer close(q.ready)
	for end := g.plan.Count(); from < end; from += min(step, end-from) {
		select {
		case chunk := <-q.empty:
			chunk.first, chunk.end = from, from+min(chunkSize, end-from)
			g.fill(chunk)
			q.ready <- chunk
		case <-stop:
			return
		}
	}
}

// fillAtOnce is how many targets are asked of a plan at a time.
const fillAtOnce = 256

func (g *generator) fill(c *chunk) {
	if c.fields == nil {
		c.fields = make([]craft.Fields, 0, c.end-c.first)
	}
	c.fields, c.places, c.answered, c.onLink = c.fields[:0], c.places[:0], 0, false
	for i := c.first; i < c.end; {
		targets := g.targets[:min(fillAtOnce, c.end-i)]
		g.ask(i, targets)
		for n, target := range targets {
			if at := i + uint64(n); g.skip.has(at) {
				c.answered++
			} else {
				g.add(c, at, target)
			}
		}
		i += uint64(len(targets))
	}
}

// add has a chunk probe a target, if it has a route.
func (g *generator) add(c *chunk, at uint64, target netip.AddrPort) {
	if !target.IsValid() {
		return
	}
	source := g.sources.from(g.port, target)
	if !source.addr.IsValid() {
		return
	}
	c.onLink = c.onLink || source.onLink
	c.fields = append(c.fields, g.stamp(source.addr, target))
	if g.skip.bits != nil {
		c.places = append(c.places, at)
	}
}

// ask has the plan name targets, from number first on.
func (g *generator) ask(first uint64, into []netip.AddrPort) {
	if filler, ok := g.plan.(TargetFiller); ok {
		filler.Fill(first, into)
	} else {
		for i := range into {
			into[i] = g.plan.At(first + uint64(i))
		}
	}
	for i := range into {
		into[i] = wire.Unmapped(into[i])
	}
}

// stamp is one probe. Its TSval is the offset to which the clock is added when
// it is sent: one of its own for each transmission, as stacks have one for each
// connection (RFC 7323 §5.4), and found again from the cookie.
func (g *generator) stamp(source netip.Addr, target netip.AddrPort) craft.Fields {
	src := netip.AddrPortFrom(source, g.port)
	n := g.cookie.Numbers(src, target, g.attempt)
	f := craft.Fields{Src: src, Dst: target, Seq: n.Seq, ID: n.IPID(), TSval: uint32(n.Ack)}
	if g.acks {
		f.Ack = n.Ack
	}
	return f
}
