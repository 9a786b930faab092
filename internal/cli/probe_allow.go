package cli

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"synscope/internal/target"
)

// anyone is the word of --probe-allow for every address that is somebody's.
const anyone = "any"

// allowance is what a /probe may be asked for: whoever can reach the page decides
// where this machine sends, and learns what it sees.
type allowance struct {
	any      bool
	prefixes []netip.Prefix
	pairs    []netip.AddrPort
	ours     func(netip.Addr) bool // this machine's own, and those of all on a link, as of now
}

// allowance reads --probe-allow, nil where it was not given.
func (o *pingOptions) allowance() (*allowance, error) {
	if !o.given["probe-allow"] {
		return nil, nil
	}
	a := &allowance{}
	for word := range strings.FieldsFuncSeq(strings.Join(o.ProbeAllow, ","), func(r rune) bool { return r == ',' || r == ' ' }) {
		if err := a.add(word); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *allowance) add(word string) error {
	if word == anyone {
		a.any = true
		return nil
	}
	if p, err := netip.ParsePrefix(word); err == nil {
		a.prefixes = append(a.prefixes, p.Masked())
		return nil
	}
	if addr, err := netip.ParseAddr(word); err == nil {
		a.prefixes = append(a.prefixes, netip.PrefixFrom(addr, addr.BitLen()))
		return nil
	}
	if pair, err := netip.ParseAddrPort(word); err == nil {
		a.pairs = append(a.pairs, pair)
		return nil
	}
	return usagef("--probe-allow: %q: want an address, a prefix, an address with a port, or %s; names are held against the addresses that they have", word, anyone)
}

// holds reports whether a pair may be probed. Never allowed are this machine's addresses,
// link-local ones, broadcast and multicast.
func (a *allowance) holds(pair netip.AddrPort) bool {
	addr := pair.Addr().Unmap()
	switch {
	case slices.Contains(a.pairs, netip.AddrPortFrom(addr, pair.Port())):
		return true
	case slices.ContainsFunc(a.prefixes, func(p netip.Prefix) bool { return p.Contains(addr.WithZone("")) }):
		return true
	}
	return a.any && addr.IsGlobalUnicast() && !a.ours(addr)
}

// ours asks the kernel, if there is a connection that may, whether an address is this
// machine's or a broadcast address; or else the interfaces.
func (e *opened) ours(addr netip.Addr) bool {
	if e.conn != nil {
		route, err := e.conn.Route(addr)
		return err == nil && (route.Local || route.Broadcast)
	}
	list, err := net.InterfaceAddrs()
	return err != nil || slices.ContainsFunc(list, func(a net.Addr) bool {
		p, err := netip.ParsePrefix(a.String())
		return err == nil && (p.Addr().Unmap() == addr || broadcastOf(p) == addr)
	})
}

// broadcastOf is the last address of an IPv4 network, invalid of one without.
func broadcastOf(p netip.Prefix) netip.Addr {
	if !p.Addr().Is4() || p.Bits() > 30 {
		return netip.Addr{}
	}
	return target.LastOf(p)
}

// forbidden is the error of a target that may not be probed. It does not say which
// address a name has: who asks need not know.
func (p *prober) forbidden(word string) error {
	where := "this run's targets, since --probe-allow was not given"
	if p.allow != nil {
		where = "what --probe-allow names"
	}
	return fmt.Errorf("target %q is not among %s", word, where)
}

// resolves reports whether the name in a word is looked up: without --probe-allow only
// the run's own are, since a look-up is visible to others.
func (p *prober) resolves(word string) bool {
	host := hostPart(word)
	_, noAddr := netip.ParseAddr(host)
	_, noPrefix := netip.ParsePrefix(host)
	if p.allow != nil || noAddr == nil || noPrefix == nil {
		return true
	}
	own := p.own.Load()
	return own.words[word] || own.hosts[host]
}

// hostPart is a word without its port.
func hostPart(word string) string {
	if host, _, err := net.SplitHostPort(word); err == nil {
		return host
	}
	return strings.Trim(word, "[]")
}

// allows reports whether a pair, or the word that stands for it, may be probed.
func (p *prober) allows(word string, pair netip.AddrPort) bool {
	if p.allow != nil {
		return p.allow.holds(pair)
	}
	own := p.own.Load()
	_, among := own.set.Index(pair)
	return among || own.words[word]
}

// ownTargets are those of the run.
type ownTargets struct {
	set   *target.Set
	words map[string]bool
	hosts map[string]bool // of these words
}

// follow makes the targets of the run those that may be probed.
func (p *prober) follow(set *target.Set, series []*pingSeries) {
	own := &ownTargets{set, map[string]bool{}, map[string]bool{}}
	for _, s := range series {
		if s.named() {
			own.words[s.word] = true
			host := hostPart(s.word)
			own.hosts[host] = true
		}
	}
	p.own.Store(own)
}
