package netraw

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// ownSources watches the addresses that this machine sends from: those that routes told of,
// and the one that the user named. One may be taken away while a run goes on, and be
// another machine's a moment later (a virtual address, a DHCP lease); raw sockets and
// frames would still leave under it. The zero value watches none.
type ownSources struct {
	changes func() uint64 // what was heard of addresses and routes; nil: nothing is
	look    atomic.Int64  // when to look next, since the epoch of this process
	lost    atomic.Bool   // one of them is gone

	mu    sync.Mutex
	of    map[netip.Addr]bool // whether it is gone
	seen  uint64
	again bool // the kernel may have told before it was so
}

// sourcesEvery is how often it is looked whether something was heard.
const sourcesEvery = 20 * time.Millisecond

// watch has an address watched.
func (o *ownSources) watch(a netip.Addr) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of == nil {
		o.of = map[netip.Addr]bool{}
	}
	if gone, known := o.of[a]; !known || gone {
		o.of[a] = false
	}
}

// gone reports whether an address is not this machine's any more.
func (o *ownSources) gone(a netip.Addr) bool {
	if !o.lost.Load() {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.of[a]
}

// renew looks at the addresses where something has changed. ours tells whether one is this
// machine's.
func (o *ownSources) renew(ours func(netip.Addr) bool) {
	now, look := int64(time.Since(epoch)), o.look.Load()
	if o.changes == nil || now < look || !o.look.CompareAndSwap(look, now+int64(sourcesEvery)) {
		return
	}
	o.mu.Lock()
	n := o.changes()
	due := n != o.seen || o.again
	o.seen, o.again = n, n != o.seen
	list := slices.Collect(maps.Keys(o.of))
	o.mu.Unlock()
	if !due {
		return
	}
	gone := map[netip.Addr]bool{}
	for _, a := range list { // without the lock: whoever looks routes up takes both the other way round
		gone[a] = !ours(a)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.Copy(o.of, gone)
	o.lost.Store(slices.Contains(slices.Collect(maps.Values(o.of)), true))
}

// checkSources is called before packets leave.
func (r *router) checkSources() { r.own.renew(r.ours) }

// departed is the error of a packet from an address that is not this machine's any more,
// nil for any other.
func (r *router) departed(pkt []byte) error {
	if !r.own.lost.Load() {
		return nil
	}
	src, _, _ := frameEnds(pkt)
	return r.departedFrom(src)
}

func (r *router) departedFrom(src netip.Addr) error {
	if !r.own.gone(src) {
		return nil
	}
	return fmt.Errorf("%w: %v: %w", unix.EADDRNOTAVAIL, src, ErrForeignSource)
}

// ours reports whether an address is this machine's: the kernel delivers here what is sent
// to it, or an interface, which may be down, has it. Where the kernel does not say, it is
// believed to be.
func (r *router) ours(a netip.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.handle == nil {
		return true
	}
	if !isLinkLocal6(a) {
		if answer, err := lookUp(r.sockets, r.uid, routeQuestion{dst: a}); err == nil && answer.kind == unix.RTN_LOCAL {
			return true
		}
	}
	addrs, err := r.addresses()
	if err != nil {
		return true
	}
	for _, has := range addrs {
		if ip, ok := netip.AddrFromSlice(has.IP); ok && ip.Unmap() == a {
			return true
		}
	}
	return false
}
