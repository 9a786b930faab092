package capture

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// filterFormer is what stands before an address or a port: which IP, which end,
// and what kind of thing. The zero filterFormer is nothing.
type filterFormer struct {
	ip   string // "ip", "ip6", or "" for both
	ends string // "src", "dst", "src or dst", "src and dst"
	what string // "host", "net", "port", "portrange", or ""
}

// end asks about one end of a packet.
type end func(netip.AddrPort) bool

// primitive reads "[tcp|ip|ip6] [src|dst|...] [host|net|port|portrange] ID".
func (p *filterParser) primitive() (Filter, error) {
	kind, alone, err := p.former()
	switch {
	case err != nil:
		return nil, err
	case alone:
		return p.ofVersion(kind.ip), nil
	}
	if kind == (filterFormer{}) && len(p.words) > 0 && !strings.ContainsAny(p.words[0].text, ":/[") {
		kind = p.kind // "port 80 or 443"
	}
	e, err := p.argument(&kind)
	if err != nil {
		return nil, err
	}
	p.kind = kind
	return both(p.ofVersion(kind.ip), ofEnds(kind.ends, e)), nil
}

// former reads the words before an address or a port; alone says that nothing
// need follow them.
func (p *filterParser) former() (kind filterFormer, alone bool, err error) {
	tcp := false // all that is asked is TCP: "tcp port 80"
	for {
		switch {
		case p.take("tcp"):
			tcp = true
			continue
		case p.take("ip"):
			kind.ip = "ip"
			continue
		case p.take("ip6"):
			kind.ip = "ip6"
			continue
		}
		break
	}
	if kind.ends = p.ends(); kind.ends == "" && (tcp || kind.ip != "") && (len(p.words) == 0 || p.is("and", "or", "&&", "||", ")")) {
		return kind, true, nil
	}
	for _, what := range []string{"host", "net", "portrange", "port"} {
		if p.take(what) {
			kind.what = what
			return kind, false, nil
		}
	}
	if (tcp || kind.ip != "") && kind.ends == "" {
		return kind, false, p.wrong("host, net, port or portrange is missing")
	}
	return kind, false, nil
}

// ends reads which end is asked about.
func (p *filterParser) ends() string {
	switch {
	case p.take("src"):
		for _, join := range []string{"or", "and"} {
			if len(p.words) > 1 && p.is(join) && strings.EqualFold(p.words[1].text, "dst") {
				p.words = p.words[2:]
				return "src " + join + " dst"
			}
		}
		return "src"
	case p.take("dst"):
		return "dst"
	}
	return ""
}

// ofVersion chooses by the version of IP.
func (p *filterParser) ofVersion(ip string) Filter {
	return func(src, _ netip.AddrPort) bool {
		switch ip {
		case "ip":
			return src.Addr().Unmap().Is4()
		case "ip6":
			return !src.Addr().Unmap().Is4()
		}
		return true
	}
}

func ofEnds(ends string, e end) Filter {
	switch ends {
	case "src":
		return func(s, _ netip.AddrPort) bool { return e(s) }
	case "dst":
		return func(_, d netip.AddrPort) bool { return e(d) }
	case "src and dst":
		return func(s, d netip.AddrPort) bool { return e(s) && e(d) }
	}
	return func(s, d netip.AddrPort) bool { return e(s) || e(d) }
}

// filterKinds are the words that say what an argument is, in a person's words,
// and how it is read.
var filterKinds = map[string]struct {
	name  string
	parse func(string) (end, bool)
}{
	"host": {"an address", parseHost}, "net": {"a network", parseNet},
	"port": {"a port", parsePort}, "portrange": {"a range of ports", parsePorts}, "": {"an address or a port", parseEnd},
}

// argument reads an address, a network, a port or a range of ports. What it was
// decides what another one without a word is.
func (p *filterParser) argument(kind *filterFormer) (end, error) {
	k := filterKinds[kind.what]
	if len(p.words) == 0 {
		return nil, p.wrong("%s is missing", k.name)
	}
	word := p.words[0].text
	e, ok := k.parse(word)
	if !ok {
		return nil, p.wrong("%q is not %s", word, k.name)
	}
	p.words = p.words[1:]
	if kind.what == "net" && p.take("mask") {
		return p.mask(word)
	}
	return e, nil
}

// mask reads the mask of "net 192.0.2.0 mask 255.255.255.0".
func (p *filterParser) mask(network string) (end, error) {
	if len(p.words) == 0 {
		return nil, p.wrong("a mask is missing")
	}
	m, err := netip.ParseAddr(p.words[0].text)
	n, err2 := netip.ParseAddr(network)
	if err != nil || err2 != nil || !m.Is4() || !n.Is4() {
		return nil, p.wrong("%q is not a mask of %s", p.words[0].text, network)
	}
	p.words = p.words[1:]
	number := func(a netip.Addr) uint32 { b := a.As4(); return binary.BigEndian.Uint32(b[:]) }
	return func(e netip.AddrPort) bool {
		a := e.Addr().Unmap()
		return a.Is4() && number(a)&number(m) == number(n)&number(m)
	}, nil
}

func parseHost(word string) (end, bool) {
	a, err := netip.ParseAddr(strings.Trim(word, "[]"))
	return func(e netip.AddrPort) bool { return e.Addr() == a }, err == nil
}

// parseNet reads a network with a length, an address, or the first numbers of an
// IPv4 address: "net 10" is 10.0.0.0/8.
func parseNet(word string) (end, bool) {
	n, err := netip.ParsePrefix(word)
	if err != nil {
		n, err = shortPrefix(word)
	}
	n = n.Masked()
	return func(e netip.AddrPort) bool { return n.Contains(e.Addr()) }, err == nil
}

func shortPrefix(word string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(word); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	given := strings.Count(word, ".") + 1
	a, err := netip.ParseAddr(word + strings.Repeat(".0", max(0, 4-given)))
	return netip.PrefixFrom(a, 8*given), err
}

// parsePort reads a port, by number or by the name of its service.
func parsePort(word string) (end, bool) {
	n, err := strconv.ParseUint(word, 10, 16)
	if err != nil && (word == "" || strings.Trim(word, "0123456789") != "") {
		var port int
		port, err = net.LookupPort("tcp", word)
		n = uint64(port)
	}
	return func(e netip.AddrPort) bool { return uint64(e.Port()) == n }, err == nil && word != ""
}

func parsePorts(word string) (end, bool) {
	low, high, ranged := strings.Cut(word, "-")
	if !ranged {
		high = low
	}
	from, err := strconv.ParseUint(low, 10, 16)
	to, err2 := strconv.ParseUint(high, 10, 16)
	return func(e netip.AddrPort) bool { return uint64(e.Port()) >= from && uint64(e.Port()) <= to },
		err == nil && err2 == nil && from <= to
}

// parseEnd reads an address, a network, a port after a colon, or an address
// and a port.
func parseEnd(word string) (end, bool) {
	if port, ok := strings.CutPrefix(word, ":"); ok && !strings.Contains(port, ":") {
		return parsePorts(port)
	}
	if a, err := netip.ParseAddrPort(word); err == nil {
		return func(e netip.AddrPort) bool { return e == a }, true
	}
	if e, ok := parseHost(word); ok {
		return e, true
	}
	n, err := netip.ParsePrefix(word)
	n = n.Masked()
	return func(e netip.AddrPort) bool { return n.Contains(e.Addr()) }, err == nil
}
