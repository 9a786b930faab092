package craft

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var errOptionArgument = errors.New("bad argument")

// ParseOptions reads options separated by commas, as [Options.String] and
// tcpdump write them ("mss 1460,sackOK,nop,wscale 7") or in the short form of
// the command line ("mss=1460,sack,ts,wscale=7", "ts=VAL:ECR", "tfo",
// "tfo=HEX", "mptcp=0xHEX", "unknown-99=0xHEX"). Words may be of either case. The order
// is the order on the wire; the end is padded with zeros to a whole word.
func ParseOptions(text string) (Options, error) {
	var o Options
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	for item := range strings.SplitSeq(text, ",") {
		raw, err := parseOption(item)
		if err != nil {
			return nil, fmt.Errorf("TCP option %q: %w", strings.TrimSpace(item), err)
		}
		if o = append(o, raw...); len(o) > MaxOptions {
			return nil, ErrOptionsTooLong
		}
	}
	return o.pad(), nil
}

// parseOption returns the wire bytes of one option, without padding.
func parseOption(item string) ([]byte, error) {
	words := strings.Fields(strings.Replace(item, "=", " ", 1))
	if len(words) == 0 {
		return nil, errors.New("empty")
	}
	name, args := strings.ToLower(words[0]), words[1:]
	if name == wordPadding || name == wordMalformed {
		return parseHexArgument(args)
	}
	opt, err := parseNamedOption(name, args)
	if err != nil {
		return nil, err
	}
	if opt.Kind.single() {
		return []byte{byte(opt.Kind)}, nil
	}
	if len(opt.Data)+2 > MaxOptions {
		return nil, ErrOptionsTooLong
	}
	return append([]byte{byte(opt.Kind), byte(len(opt.Data) + 2)}, opt.Data...), nil
}

func parseNamedOption(name string, args []string) (Option, error) {
	switch name {
	case "eol":
		return EOL(), noArguments(args)
	case "nop":
		return NOP(), noArguments(args)
	case "sackok":
		return SACKPermitted(), noArguments(args)
	case "mss":
		v, err := numberArgument(args, 16)
		return MSS(uint16(v)), err
	case "wscale":
		v, err := numberArgument(args, 8)
		return WindowScale(uint8(v)), err
	case "sack":
		return parseSACK(args)
	case "ts":
		return parseTimestamps(args)
	case "tfo":
		return parseFastOpen(args)
	}
	return parseHexOption(name, args)
}

func noArguments(args []string) error {
	if len(args) > 0 {
		return errOptionArgument
	}
	return nil
}

func numberArgument(args []string, bits int) (uint64, error) {
	if len(args) != 1 {
		return 0, errOptionArgument
	}
	return parseNumber(args[0], bits)
}

// parseNumber reads a decimal number that fits into bits.
func parseNumber(s string, bits int) (uint64, error) {
	v, err := strconv.ParseUint(s, 10, bits)
	if err != nil {
		return 0, fmt.Errorf("%q is not a number of %d bits", s, bits)
	}
	return v, nil
}

func parseNumber32(s string) (uint32, error) {
	v, err := parseNumber(s, 32)
	return uint32(v), err
}

// parsePair reads two 32-bit numbers with a colon between them.
func parsePair(s string) (a, b uint32, err error) {
	left, right, ok := strings.Cut(s, ":")
	if !ok {
		return 0, 0, errOptionArgument
	}
	if a, err = parseNumber32(left); err != nil {
		return 0, 0, err
	}
	b, err = parseNumber32(right)
	return a, b, err
}

// parseSACK reads "sack", which permits it, or "sack N {a:b}{c:d}".
func parseSACK(args []string) (Option, error) {
	if len(args) == 0 {
		return SACKPermitted(), nil
	}
	if len(args) != 2 {
		return Option{}, errOptionArgument
	}
	var blocks [][2]Seq
	for rest := args[1]; rest != ""; {
		block, after, ok := strings.Cut(rest, "}")
		if !ok || block == "" || block[0] != '{' {
			return Option{}, errOptionArgument
		}
		left, right, err := parsePair(block[1:])
		if err != nil {
			return Option{}, err
		}
		blocks = append(blocks, [2]Seq{Seq(left), Seq(right)})
		rest = after
	}
	if args[0] != strconv.Itoa(len(blocks)) {
		return Option{}, errOptionArgument
	}
	return SACK(blocks...), nil
}

// parseTimestamps reads "ts", "ts VAL:ECR" or "TS val VAL ecr ECR".
func parseTimestamps(args []string) (Option, error) {
	var val, ecr uint32
	var err error
	switch {
	case len(args) == 0:
	case len(args) == 1:
		val, ecr, err = parsePair(args[0])
	case len(args) == 4 && args[0] == "val" && args[2] == "ecr":
		val, ecr, err = parsePair(args[1] + ":" + args[3])
	default:
		err = errOptionArgument
	}
	return Timestamps(val, ecr), err
}

// parseFastOpen reads "tfo", "tfo cookiereq", "tfo cookie HEX" or "tfo HEX".
func parseFastOpen(args []string) (Option, error) {
	if len(args) == 1 && args[0] == "cookiereq" {
		return FastOpen(nil), nil
	}
	if len(args) == 2 && args[0] == "cookie" {
		args = args[1:]
	}
	cookie, err := parseHexArgument(args)
	return FastOpen(cookie), err
}

// parseHexOption reads "mptcp 0xHEX", "unknown-N 0xHEX" and their like.
func parseHexOption(name string, args []string) (Option, error) {
	kind, ok := hexOptionKind(name)
	if !ok {
		return Option{}, errors.New("unknown option: there are mss=N, wscale=N, sack, ts, tfo, mptcp=0xHEX, nop and eol, and unknown-KIND=0xHEX for any other")
	}
	data, err := parseHexArgument(args)
	return Option{kind, data}, err
}

func hexOptionKind(name string) (OptionKind, bool) {
	for _, known := range hexOptions {
		if name == known.name {
			return known.kind, true
		}
	}
	number, ok := strings.CutPrefix(name, "unknown-")
	kind, err := strconv.ParseUint(number, 10, 8)
	return OptionKind(kind), ok && err == nil && !OptionKind(kind).single()
}

// parseHexArgument reads at most one word of hexadecimal digits.
func parseHexArgument(args []string) ([]byte, error) {
	if len(args) == 0 {
		return nil, nil
	}
	if len(args) > 1 {
		return nil, errOptionArgument
	}
	data, err := hex.DecodeString(strings.TrimPrefix(args[0], "0x"))
	if err != nil {
		return nil, errOptionArgument
	}
	return data, nil
}
