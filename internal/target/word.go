package target

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strconv"
	"strings"
)

// A span is a range of addresses of one family and zone, both ends included.
type span struct{ first, last netip.Addr }

// A form is what a word means, before anyone is asked about names: a name, a
// span or a pattern of octets, with or without ports of its own.
type form struct {
	name    string
	span    span
	pattern *octets
	ports   string // "" without
	notes   []Warning
}

// spans walks the ranges of addresses of a form without a name.
func (f *form) spans() iter.Seq[span] {
	if f.pattern != nil {
		return f.pattern.spans()
	}
	return func(yield func(span) bool) { yield(f.span) }
}

// note adds a warning about the word being read.
func (f *form) note(code, format string, args ...any) {
	f.notes = append(f.notes, Warning{Code: code, Text: fmt.Sprintf(format, args...)})
}

// parseWord reads one target word. Its errors say what is wrong, and leave it to
// the caller to say with which word.
func parseWord(text string) (form, error) {
	host, ports, err := splitPorts(text)
	if err != nil {
		return form{}, err
	}
	f := form{ports: ports}
	switch {
	case strings.Contains(host, "/"):
		err = f.parsePrefix(host)
	case strings.Contains(host, ":"):
		err = f.parseIPv6(host)
	case strings.Trim(host, "0123456789.,-*") == "":
		err = f.parseIPv4(host)
	default:
		f.name, err = host, checkName(host)
	}
	return f, err
}

// splitPorts parts a word from the ports at its end: HOST:PORTS, [IPV6]:PORTS,
// PREFIX/LENGTH:PORTS. Two colons without brackets make an IPv6 address.
func splitPorts(text string) (host, ports string, err error) {
	switch slash := strings.LastIndexByte(text, '/'); {
	case text == "":
		return "", "", errors.New("the word is empty")
	case strings.Contains(text, "://"):
		return "", "", errors.New("a target is a host or an address, not a URL")
	case text[0] == '[':
		return splitBrackets(text)
	case slash >= 0:
		host, ports, err = splitColon(text[slash:])
		return text[:slash] + host, ports, err
	case strings.Count(text, ":") == 1:
		return splitColon(text)
	}
	return text, "", nil
}

func splitColon(text string) (host, ports string, err error) {
	host, ports, found := strings.Cut(text, ":")
	switch {
	case found && ports == "":
		err = errors.New("no port follows the colon")
	case host == "":
		err = errors.New("no host precedes the colon")
	}
	return host, ports, err
}

func splitBrackets(text string) (host, ports string, err error) {
	host, rest, closed := strings.Cut(text[1:], "]")
	switch {
	case !closed:
		return "", "", errors.New("the bracket is not closed")
	case !strings.Contains(host, ":"):
		return "", "", errors.New("brackets hold an IPv6 address")
	case rest == "":
		return host, "", nil
	case rest[0] != ':':
		return "", "", errors.New("only :PORT may follow the bracket")
	}
	_, ports, err = splitColon("]" + rest)
	return host, ports, err
}

// parsePrefix reads ADDRESS/LENGTH, with a zone before the slash where there is
// one (RFC 4007 §11.7).
func (f *form) parsePrefix(text string) error {
	address, length, _ := strings.Cut(text, "/")
	a, err := netip.ParseAddr(address)
	if err != nil {
		return fmt.Errorf("a prefix is ADDRESS/LENGTH, and %q is no address", address)
	}
	if number, zone, zoned := strings.Cut(length, "%"); zoned {
		return fmt.Errorf("the zone stands before the length: %s%%%s/%s", address, zone, number)
	}
	n, err := prefixLength(length, a.BitLen())
	if err != nil {
		return err
	}
	if a.Is4In6() && n >= 96 {
		f.noteMapped(a)
		a, n = a.Unmap(), n-96
	}
	f.span = spanOf(a, n)
	if f.span.first != a {
		f.note(WarnHostBits, "%s has bits beyond its length; it means all of %s-%s", text, f.span.first, f.span.last)
	}
	return checkZone(a)
}

func prefixLength(text string, most int) (int, error) {
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil || strconv.FormatUint(n, 10) != text {
		return 0, fmt.Errorf("the prefix length %q is no number", text)
	}
	if n > uint64(most) {
		return 0, fmt.Errorf("the prefix length %d is above %d", n, most)
	}
	return int(n), nil
}

// spanOf returns the addresses that share their first n bits with a.
func spanOf(a netip.Addr, n int) span {
	s := spaceOf(a)
	first := pointOf(netip.PrefixFrom(a.WithZone(""), n).Masked().Addr())
	host := a.BitLen() - n
	last := u128{first.hi | ones(host-64), first.lo | ones(min(host, 64))}
	return span{s.addr(first), s.addr(last)}
}

// ones returns a number of n one bits; none for n < 1.
func ones(n int) uint64 {
	return 1<<max(n, 0) - 1
}

// parseIPv6 reads one IPv6 address or FIRST-LAST.
func (f *form) parseIPv6(text string) error {
	a, err := netip.ParseAddr(text)
	if err == nil && checkZone(a) == nil {
		if a.Is4In6() {
			f.noteMapped(a)
			a = a.Unmap()
		}
		f.span = span{a, a}
		return nil
	}
	if first, last, ok := addressRange(text); ok {
		return f.setRange(first, last)
	}
	if err == nil {
		return checkZone(a)
	}
	return errors.New("not an IPv6 address; with a port it is written [ADDRESS]:PORT")
}

// parseIPv4 reads what consists of digits and marks: one address, FIRST-LAST, or
// a pattern of octets.
func (f *form) parseIPv4(text string) error {
	if a, err := netip.ParseAddr(text); err == nil {
		f.span = span{a, a}
		return nil
	}
	if first, last, ok := addressRange(text); ok {
		return f.setRange(first, last)
	}
	var err error
	f.pattern, err = parseOctets(text)
	return err
}

// addressRange reads FIRST-LAST with an address on either side.
func addressRange(text string) (first, last netip.Addr, ok bool) {
	from, to, _ := strings.Cut(text, "-")
	first, err := netip.ParseAddr(from)
	if err != nil {
		return first, last, false
	}
	last, err = netip.ParseAddr(to)
	return first, last, err == nil
}

func (f *form) setRange(first, last netip.Addr) error {
	if first.Is4In6() && last.Is4In6() {
		f.noteMapped(first)
		first, last = first.Unmap(), last.Unmap()
	}
	switch {
	case spaceOf(first) != spaceOf(last):
		return errors.New("the ends of the range differ in family or zone")
	case last.Less(first):
		return errors.New("the range runs backwards")
	}
	f.span = span{first, last}
	return checkZone(first)
}

func (f *form) noteMapped(a netip.Addr) {
	f.note(WarnMapped, "%s is an IPv4 address in IPv6 notation (RFC 4291 §2.5.5.2); it is probed over IPv4", a)
}

// checkZone refuses a zone that swallowed a port.
func checkZone(a netip.Addr) error {
	if strings.Contains(a.Zone(), ":") {
		return errors.New("not an IPv6 address; with a port it is written [ADDRESS%ZONE]:PORT")
	}
	return nil
}
