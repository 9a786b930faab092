package capture

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ErrFilter is what every error of [ParseFilter] wraps.
var ErrFilter = errors.New("bad filter")

// Filter chooses connections by their endpoints, in either direction.
type Filter func(src, dst netip.AddrPort) bool

// ParseFilter reads an expression in the words of pcap-filter(7), as far as it
// speaks of addresses and ports: "host 192.0.2.7 and not port 22", "src net
// 2001:db8::/32 or portrange 8000-8100", "tcp", "ip6", with "and", "or", "not"
// and parentheses. Also "192.0.2.7:443", "[2001:db8::1]:443", an address, a
// network and ":443" by themselves. It is applied to the TCP segments
// themselves, whatever they are packed in. It chooses whole connections: those
// of which packets match in the one direction or in the other, so that "src" and
// "dst" never leave one half of a connection out.
func ParseFilter(text string) (Filter, error) {
	p := filterParser{words: filterWords(text)}
	f, err := p.any()
	if err == nil && len(p.words) > 0 {
		err = fmt.Errorf("%w: %q is not expected", ErrFilter, p.words[0])
	}
	if err != nil {
		return nil, err
	}
	return func(src, dst netip.AddrPort) bool { return f(src, dst) || f(dst, src) }, nil
}

// filterWords parts an expression into words and parentheses.
func filterWords(text string) []string {
	for _, mark := range []string{"(", ")", "!", "&&", "||"} {
		text = strings.ReplaceAll(text, mark, " "+mark+" ")
	}
	return strings.Fields(text)
}

type filterParser struct{ words []string }

// take consumes the next word where it is one of some.
func (p *filterParser) take(words ...string) bool {
	if len(p.words) == 0 {
		return false
	}
	for _, w := range words {
		if strings.EqualFold(p.words[0], w) {
			p.words = p.words[1:]
			return true
		}
	}
	return false
}

func (p *filterParser) next(what string) (string, error) {
	if len(p.words) == 0 {
		return "", fmt.Errorf("%w: %s is missing at the end", ErrFilter, what)
	}
	word := p.words[0]
	p.words = p.words[1:]
	return word, nil
}

func (p *filterParser) any() (Filter, error) {
	f, err := p.all()
	for err == nil && p.take("or", "||") {
		var g Filter
		if g, err = p.all(); err == nil {
			f = eitherOf(f, g)
		}
	}
	return f, err
}

func eitherOf(f, g Filter) Filter {
	return func(src, dst netip.AddrPort) bool { return f(src, dst) || g(src, dst) }
}

func (p *filterParser) all() (Filter, error) {
	f, err := p.one()
	for err == nil && p.take("and", "&&") {
		var g Filter
		if g, err = p.one(); err == nil {
			f = bothOf(f, g)
		}
	}
	return f, err
}

func bothOf(f, g Filter) Filter {
	return func(src, dst netip.AddrPort) bool { return f(src, dst) && g(src, dst) }
}

func (p *filterParser) one() (Filter, error) {
	if p.take("not", "!") {
		f, err := p.one()
		return func(src, dst netip.AddrPort) bool { return !f(src, dst) }, err
	}
	if p.take("(") {
		f, err := p.any()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("%w: a parenthesis is not closed", ErrFilter)
		}
		return f, err
	}
	return p.primitive()
}

// end asks about one end of a packet.
type end func(netip.AddrPort) bool

func (p *filterParser) primitive() (Filter, error) {
	src, dst := p.take("src"), false
	if !src {
		dst = p.take("dst")
	}
	tcp := p.take("tcp") // all that is asked is TCP: "tcp port 80"
	e, err := p.end(tcp && !src && !dst)
	switch {
	case err != nil:
		return nil, err
	case src:
		return func(s, _ netip.AddrPort) bool { return e(s) }, nil
	case dst:
		return func(_, d netip.AddrPort) bool { return e(d) }, nil
	}
	return func(s, d netip.AddrPort) bool { return e(s) || e(d) }, nil
}

// end reads what is asked of an end; nothing need be where that is enough.
func (p *filterParser) end(enough bool) (end, error) {
	everything := func(netip.AddrPort) bool { return true }
	switch {
	case p.take("host"):
		return argument(p, "an address", parseHost)
	case p.take("net"):
		return argument(p, "a network", parseNet)
	case p.take("port"):
		return argument(p, "a port", parsePorts)
	case p.take("portrange"):
		return argument(p, "a range of ports", parsePorts)
	case p.take("ip"):
		return func(a netip.AddrPort) bool { return a.Addr().Is4() }, nil
	case p.take("ip6"):
		return func(a netip.AddrPort) bool { return a.Addr().Is6() }, nil
	case enough && (len(p.words) == 0 || isFilterOperator(p.words[0])):
		return everything, nil
	}
	return argument(p, "an address or a port", parseEnd)
}

func isFilterOperator(word string) bool {
	switch strings.ToLower(word) {
	case "and", "or", "&&", "||", ")":
		return true
	}
	return false
}

func argument(p *filterParser, what string, parse func(string) (end, error)) (end, error) {
	word, err := p.next(what)
	if err != nil {
		return nil, err
	}
	e, err := parse(word)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is not %s", ErrFilter, word, what)
	}
	return e, nil
}

func parseHost(word string) (end, error) {
	a, err := netip.ParseAddr(strings.Trim(word, "[]"))
	return func(e netip.AddrPort) bool { return e.Addr() == a }, err
}

func parseNet(word string) (end, error) {
	n, err := netip.ParsePrefix(word)
	n = n.Masked()
	return func(e netip.AddrPort) bool { return n.Contains(e.Addr()) }, err
}

func parsePorts(word string) (end, error) {
	low, high, ranged := strings.Cut(word, "-")
	if !ranged {
		high = low
	}
	from, err := strconv.ParseUint(low, 10, 16)
	if err != nil {
		return nil, err
	}
	to, err := strconv.ParseUint(high, 10, 16)
	if err == nil && to < from {
		err = ErrFilter
	}
	return func(e netip.AddrPort) bool { return uint64(e.Port()) >= from && uint64(e.Port()) <= to }, err
}

// parseEnd reads an address, a network, a port after a colon, or an address
// and a port.
func parseEnd(word string) (end, error) {
	if port, ok := strings.CutPrefix(word, ":"); ok && !strings.Contains(port, ":") {
		return parsePorts(port)
	}
	if a, err := netip.ParseAddrPort(word); err == nil {
		return func(e netip.AddrPort) bool { return e == a }, nil
	}
	if e, err := parseHost(word); err == nil {
		return e, nil
	}
	return parseNet(word)
}
