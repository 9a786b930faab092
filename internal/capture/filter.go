package capture

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// ErrFilter is what every error of [ParseFilter] wraps.
var ErrFilter = errors.New("bad filter")

// Filter chooses connections by their endpoints, in either direction.
type Filter func(src, dst netip.AddrPort) bool

// ParseFilter reads an expression in the language of pcap-filter(7), as far as it
// speaks of addresses and ports: "host 192.0.2.7 and not port 22", "src net
// 2001:db8::/32 or portrange 8000-8100", "tcp", "ip6", with "and", "or", "not"
// and parentheses. As there, "and" and "or" bind alike, from left to right, and
// an address or a port without a word is one of the kind before it: "port 80 or
// 443". Also "192.0.2.7:443", "[2001:db8::1]:443", an address, a network and
// ":443" by themselves. It is applied to the TCP segments themselves, whatever
// they are packed in. It chooses whole connections: those of which packets match
// in the one direction or in the other, so that "src" and "dst" never leave one
// half of a connection out. Errors wrap [ErrFilter] and name the place, counted
// in characters from 1.
func ParseFilter(text string) (Filter, error) {
	p := filterParser{words: filterWords(text), end: len(text) + 1}
	f, err := p.any()
	if err == nil && len(p.words) > 0 {
		err = p.wrong("%q is not expected", p.words[0].text)
	}
	if err != nil {
		return nil, err
	}
	return func(src, dst netip.AddrPort) bool { return f(src, dst) || f(dst, src) }, nil
}

// filterWord is a word of an expression, and where it begins.
type filterWord struct {
	text string
	at   int // from 1
}

// filterWords parts an expression into words, operators and parentheses.
func filterWords(text string) (words []filterWord) {
	for at := 0; at < len(text); {
		n := wordLen(text[at:])
		if word := text[at : at+n]; strings.TrimSpace(word) != "" {
			words = append(words, filterWord{word, at + 1})
		}
		at += n
	}
	return words
}

// wordLen is how long the first word of a text is; blanks count as one.
func wordLen(text string) int {
	switch {
	case strings.ContainsRune("()! \t\r\n", rune(text[0])):
		return 1
	case strings.HasPrefix(text, "&&"), strings.HasPrefix(text, "||"):
		return 2
	}
	n := 1
	for n < len(text) && !strings.ContainsRune("()! \t\r\n&|", rune(text[n])) {
		n++
	}
	return n
}

type filterParser struct {
	words []filterWord
	end   int          // the place behind the last word
	kind  filterFormer // what a word by itself is
}

// wrong makes an error about the next word.
func (p *filterParser) wrong(format string, args ...any) error {
	at := p.end
	if len(p.words) > 0 {
		at = p.words[0].at
	}
	return fmt.Errorf("%w: at %d: %s", ErrFilter, at, fmt.Sprintf(format, args...))
}

// is tells whether the next word is one of some.
func (p *filterParser) is(words ...string) bool {
	if len(p.words) == 0 {
		return false
	}
	return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(p.words[0].text, w) })
}

// take consumes the next word where it is one of some.
func (p *filterParser) take(words ...string) bool {
	if !p.is(words...) {
		return false
	}
	p.words = p.words[1:]
	return true
}

// any reads terms that "and" and "or" join, from left to right.
func (p *filterParser) any() (Filter, error) {
	f, err := p.one()
	for err == nil {
		and := p.take("and", "&&")
		if !and && !p.take("or", "||") {
			break
		}
		var g Filter
		if g, err = p.one(); err == nil {
			if and {
				f = both(f, g)
			} else {
				f = either(f, g)
			}
		}
	}
	return f, err
}

func both(f, g Filter) Filter {
	return func(src, dst netip.AddrPort) bool { return f(src, dst) && g(src, dst) }
}

func either(f, g Filter) Filter {
	return func(src, dst netip.AddrPort) bool { return f(src, dst) || g(src, dst) }
}

// one reads a term: a primitive, something in parentheses, or the opposite of
// one.
func (p *filterParser) one() (Filter, error) {
	if p.take("not", "!") {
		f, err := p.one()
		return func(src, dst netip.AddrPort) bool { return !f(src, dst) }, err
	}
	if p.take("(") {
		f, err := p.any()
		if err == nil && !p.take(")") {
			err = p.wrong("a parenthesis is not closed")
		}
		return f, err
	}
	return p.primitive()
}
