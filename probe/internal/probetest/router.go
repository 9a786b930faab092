package probetest

import (
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe/simnet"
)

// Router is the last one before a network: it resolves each address that a segment
// comes for, remembers those that are not there for 3 s and the others for 5 s after
// the last, and drops what finds its table of 1024 full, as Linux does. What is there
// refuses everything.
type Router struct {
	Live  func(netip.Addr) bool
	Full  int // segments that found the table full
	until map[netip.Addr]time.Time
}

// Respond implements [simnet.Host].
func (r *Router) Respond(now time.Time, in *craft.Segment, out simnet.Emitter) {
	a := in.Dst.Addr()
	if until, known := r.until[a]; !known || !now.Before(until) {
		delete(r.until, a)
		if r.sweep(now); len(r.until) >= 1024 {
			r.Full++
			return
		}
		r.until[a] = now.Add(3 * time.Second)
	}
	if r.Live(a) {
		r.until[a] = now.Add(5 * time.Second)
		simnet.Closed{}.Respond(now, in, out)
	}
}

func (r *Router) sweep(now time.Time) {
	if r.until == nil {
		r.until = map[netip.Addr]time.Time{}
	}
	for a, until := range r.until {
		if !now.Before(until) {
			delete(r.until, a)
		}
	}
}

// BehindRouter is a network of 10.0.0.0/21 behind a router, and the addresses in it.
func BehindRouter(r *Router, ports int) (*simnet.Conn, []netip.Addr) {
	n := simnet.New(simnet.Config{Out: simnet.Path{Delay: time.Millisecond}, Back: simnet.Path{Delay: time.Millisecond}})
	prefix := netip.MustParsePrefix("10.0.0.0/21")
	n.Handle(prefix, r)
	var all []netip.Addr
	for a := prefix.Addr(); prefix.Contains(a); a = a.Next() {
		all = append(all, a)
	}
	return n.Conn(ports), all
}
