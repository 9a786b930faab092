package craft

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseSegment reads what [Segment.String] and [Segment.Verbose] write, and
// lines of tcpdump -nn -S, with or without a time before them and with any -v;
// checksums, lengths of headers and what follows the length of the payload are
// skipped. The text says how long the payload is, not what it is: Payload is
// that many zeros.
func ParseSegment(text string) (Segment, error) {
	var s Segment
	if err := s.parse(text); err != nil {
		return Segment{}, fmt.Errorf("segment %q: %w", text, err)
	}
	return s, nil
}

var (
	errNoVersion   = errors.New("no IP or IP6 at its beginning")
	errNoEndpoints = errors.New("want SRC.PORT > DST.PORT: and fields")
	errNoFlags     = errors.New("want Flags [...] first")
	errSeqRange    = errors.New("sequence range and length disagree")
)

func (s *Segment) parse(text string) error {
	isIPv4, rest, err := cutVersion(text)
	if err != nil {
		return err
	}
	if strings.HasPrefix(rest, "(") {
		if rest, err = s.parseNetwork(rest[1:]); err != nil {
			return err
		}
	}
	endpoints, fields, ok := strings.Cut(rest, ": ")
	if !ok {
		return errNoEndpoints
	}
	if err := s.parseEndpoints(endpoints); err != nil {
		return err
	}
	if s.Src.Addr().Is4() != isIPv4 || s.Dst.Addr().Is4() != isIPv4 {
		return ErrAddresses
	}
	return s.parseFields(fields)
}

// cutVersion passes over a time, such as "12:34:56.789", and the version.
func cutVersion(text string) (isIPv4 bool, rest string, err error) {
	text = strings.TrimSpace(text)
	if text != "" && text[0] >= '0' && text[0] <= '9' {
		_, text, _ = strings.Cut(text, " ")
	}
	version, rest, _ := strings.Cut(text, " ")
	if version != "IP" && version != "IP6" {
		return false, "", errNoVersion
	}
	return version == "IP", strings.TrimSpace(rest), nil
}

// parseNetwork reads the IP header that -v shows in parentheses, and returns
// what follows it.
func (s *Segment) parseNetwork(text string) (rest string, err error) {
	header, rest, ok := cutParenthesis(text)
	if !ok {
		return "", errors.New("IP header without closing parenthesis")
	}
	for item := range strings.SplitSeq(header, ", ") {
		if err := s.parseNetworkField(item); err != nil {
			return "", fmt.Errorf("%q: %w", item, err)
		}
	}
	return strings.TrimSpace(rest), nil
}

// cutParenthesis splits text round the parenthesis that closes it; pairs
// inside are passed over.
func cutParenthesis(text string) (inside, rest string, ok bool) {
	depth := 0
	for i, r := range text {
		switch {
		case r == '(':
			depth++
		case r == ')' && depth == 0:
			return text[:i], text[i+1:], true
		case r == ')':
			depth--
		}
	}
	return text, "", false
}

func (s *Segment) parseNetworkField(item string) error {
	name, value, _ := strings.Cut(item, " ")
	value, _, _ = strings.Cut(value, ",")
	switch name {
	case "tos", "class":
		return setNumber(&s.TOS, value, 8)
	case "ttl", "hlim":
		return setNumber(&s.TTL, value, 8)
	case "id":
		return setNumber(&s.ID, value, 16)
	case "flowlabel":
		return setNumber(&s.FlowLabel, value, 20)
	case "flags":
		s.DF = value == "[DF]"
	}
	return nil
}

// setNumber reads a number of at most so many bits, in decimal or after 0x.
func setNumber[T uint8 | uint16 | uint32 | Seq](field *T, text string, bits int) error {
	v, err := strconv.ParseUint(text, 0, bits)
	if err != nil {
		return fmt.Errorf("%q is not a number of %d bits", text, bits)
	}
	*field = T(v)
	return nil
}

func (s *Segment) parseEndpoints(text string) (err error) {
	src, dst, ok := strings.Cut(text, " > ")
	if !ok {
		return errNoEndpoints
	}
	if s.Src, err = parseEndpoint(src); err != nil {
		return err
	}
	s.Dst, err = parseEndpoint(dst)
	return err
}

func parseEndpoint(text string) (netip.AddrPort, error) {
	dot := strings.LastIndexByte(text, '.')
	if dot < 0 {
		return netip.AddrPort{}, fmt.Errorf("%q has no port", text)
	}
	addr, err := netip.ParseAddr(text[:dot])
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := parseNumber(text[dot+1:], 16)
	return netip.AddrPortFrom(addr.WithZone(""), uint16(port)), err
}

// parseFields reads the comma-separated part, which ends with the length.
func (s *Segment) parseFields(text string) error {
	if !strings.HasPrefix(text, "Flags [") {
		return errNoFlags
	}
	end := ""
	for text != "" {
		item, rest, _ := strings.Cut(text, ", ")
		name, value, _ := strings.Cut(item, " ")
		if name == "length" {
			return s.parseLength(value, end)
		}
		if name == "seq" {
			value, end, _ = strings.Cut(value, ":")
		}
		if err := s.parseField(name, value); err != nil {
			return fmt.Errorf("%q: %w", item, err)
		}
		text = rest
	}
	return s.parseLength("0", end)
}

func (s *Segment) parseField(name, value string) (err error) {
	switch name {
	case "Flags":
		s.Flags, err = ParseFlags(unbracket(value))
	case "seq":
		err = setNumber(&s.Seq, value, 32)
	case "ack":
		err = setNumber(&s.Ack, value, 32)
	case "win":
		err = setNumber(&s.Window, value, 16)
	case "urg":
		err = setNumber(&s.Urgent, value, 16)
	case "options":
		s.Options, err = ParseOptions(unbracket(value))
	case "cksum":
	default:
		err = errors.New("unknown field")
	}
	return err
}

func unbracket(s string) string {
	return strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
}

// parseLength makes the payload, and checks it against the end of the sequence
// range, which is empty where there was none.
func (s *Segment) parseLength(text, end string) error {
	text, _, _ = strings.Cut(text, " ")
	n, err := parseNumber(strings.TrimSuffix(text, ":"), 16)
	if err != nil {
		return err
	}
	if end != "" {
		last, err := parseNumber32(end)
		if err != nil || s.Seq.Add(uint32(n)) != Seq(last) {
			return errSeqRange
		}
	}
	if n > 0 {
		s.Payload = make([]byte, n)
	}
	return nil
}
