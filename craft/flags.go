package craft

import (
	"fmt"
	"strings"
)

// Flags holds the twelve bits that follow the data offset in a TCP header:
// eight classic control bits, AE (RFC 9768 §3.1.1; once NS, RFC 3540), and
// the three bits still reserved (RFC 9293 §3.1), which are kept as received.
type Flags uint16

// Control bits, by their names in RFC 9293 §3.1, RFC 3168 §6.1 and RFC 9768.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
	AE
)

// ReservedFlags are the bits no RFC has assigned.
const ReservedFlags Flags = 0xe00

const allFlags = ReservedFlags | AE | 0xff

// flagNames lists every bit in the order in which tcpdump prints them. A
// reserved bit is shown as its digit in the hexadecimal value 0x200, 0x400 or
// 0x800; tcpdump shows none of them, and AE only since version 5.
var flagNames = [...]struct {
	bit    Flags
	letter byte
	word   string
}{
	{FIN, 'F', "fin"},
	{SYN, 'S', "syn"},
	{RST, 'R', "rst"},
	{PSH, 'P', "psh"},
	{ACK, '.', "ack"},
	{URG, 'U', "urg"},
	{ECE, 'E', "ece"},
	{CWR, 'W', "cwr"},
	{AE, 'e', "ae"},
	{0x200, '2', "reserved2"},
	{0x400, '4', "reserved4"},
	{0x800, '8', "reserved8"},
}

// Has reports whether every bit of g is set in f.
func (f Flags) Has(g Flags) bool { return f&g == g }

// String returns the letters tcpdump prints between brackets: "S", "S.",
// "F.", ".", "FPU", and "none" where no bit is set.
func (f Flags) String() string {
	var letters [len(flagNames)]byte
	b := letters[:0]
	for _, n := range flagNames {
		if f.Has(n.bit) {
			b = append(b, n.letter)
		}
	}
	if len(b) == 0 {
		return "none"
	}
	return string(b)
}

// ParseFlags reads flags as tcpdump prints them ("S.", "FPU", "none"), as
// letters with A for ACK and C for CWR ("SA", "SEC"), or as words separated by
// commas, "|" or "+" ("syn,ack"). Words and letters may be of either case, with
// one exception: "e" is AE and "E" is ECE, as in tcpdump. The empty string and
// "none" are the null probe.
func ParseFlags(s string) (Flags, error) {
	if s == "" || strings.EqualFold(s, "none") || strings.EqualFold(s, "null") {
		return 0, nil
	}
	var f Flags
	for _, word := range strings.FieldsFunc(s, isFlagSeparator) {
		g, err := parseFlagWord(word)
		if err != nil {
			return 0, fmt.Errorf("TCP flags %q: %w", s, err)
		}
		f |= g
	}
	if f == 0 {
		return 0, fmt.Errorf("TCP flags %q: no flag named", s)
	}
	return f, nil
}

func isFlagSeparator(r rune) bool { return r == ',' || r == '|' || r == '+' }

// parseFlagWord reads one name such as "syn", or a run of letters.
func parseFlagWord(word string) (Flags, error) {
	for _, n := range flagNames {
		if strings.EqualFold(word, n.word) {
			return n.bit, nil
		}
	}
	var f Flags
	for _, r := range word {
		g, ok := flagByLetter(r)
		if !ok {
			return 0, fmt.Errorf("no flag %q: there are F, S, R, P, A, U, E, C (tcpdump's \".\" and \"W\" too), e for AE, 2, 4, 8, and words such as syn,ack", r)
		}
		f |= g
	}
	return f, nil
}

func flagByLetter(r rune) (Flags, bool) {
	switch r {
	case 'A', 'a':
		return ACK, true
	case 'C', 'c':
		return CWR, true
	}
	for _, n := range flagNames {
		if r == rune(n.letter) {
			return n.bit, true
		}
	}
	for _, n := range flagNames {
		if strings.EqualFold(string(r), string(rune(n.letter))) {
			return n.bit, true
		}
	}
	return 0, false
}
