package craft

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// hexOptions are the kinds written as a name and their data in hexadecimal.
// tcpdump dissects multipath further, and calls the AccECN kinds unknown-172
// and unknown-174.
var hexOptions = [...]struct {
	kind OptionKind
	name string
}{
	{KindMPTCP, "mptcp"},
	{KindAccECN0, "accecn0"},
	{KindAccECN1, "accecn1"},
}

// Words for bytes that are not options; tcpdump shows neither.
const (
	wordPadding   = "pad" // after EOL, other than the zeros that fill the last word
	wordMalformed = "bad" // from an option with an impossible length to the end
)

// Strings returns the options as tcpdump prints them, one element each:
// "mss 1460", "sackOK", "TS val 1 ecr 0", "nop", "wscale 7". An unknown kind,
// or a known one of the wrong length, is "unknown-N 0x" and its data. Bytes
// that are no options follow as "pad 0x…" or "bad 0x…", so nothing is lost.
func (o Options) Strings() []string {
	var list []string
	for rest := o; len(rest) > 0; {
		opt, after, ok := rest.next()
		if !ok {
			return append(list, hexWord(wordMalformed, rest))
		}
		list = append(list, opt.String())
		if opt.Kind == KindEOL {
			return appendPadding(list, len(o), after)
		}
		rest = after
	}
	return list
}

// String returns [Options.Strings] joined by commas.
func (o Options) String() string { return strings.Join(o.Strings(), ",") }

// appendPadding adds what follows EOL where [NewOptions] would not have put it
// there: anything but zeros up to the end of that word.
func appendPadding(list []string, total int, rest Options) []string {
	usual := total%4 == 0 && len(rest) < 4
	for _, b := range rest {
		usual = usual && b == 0
	}
	if usual || len(rest) == 0 {
		return list
	}
	return append(list, hexWord(wordPadding, rest))
}

// String returns the option in tcpdump's notation.
func (opt Option) String() string {
	if !opt.Kind.validLength(len(opt.Data)) {
		return opt.unknownString()
	}
	switch opt.Kind {
	case KindEOL:
		return "eol"
	case KindNOP:
		return "nop"
	case KindMSS:
		return fmt.Sprintf("mss %d", binary.BigEndian.Uint16(opt.Data))
	case KindWindowScale:
		return fmt.Sprintf("wscale %d", opt.Data[0])
	case KindSACKPermitted:
		return "sackOK"
	case KindSACK:
		return sackString(opt.Data)
	case KindTimestamps:
		return fmt.Sprintf("TS val %d ecr %d", seqAt(opt.Data, 0), seqAt(opt.Data, 4))
	case KindTFO:
		return fastOpenString(opt.Data)
	}
	return opt.hexString()
}

func sackString(data []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "sack %d ", len(data)/8)
	for ; len(data) >= 8; data = data[8:] {
		fmt.Fprintf(&b, "{%d:%d}", seqAt(data, 0), seqAt(data, 4))
	}
	return b.String()
}

// fastOpenString has two spaces, as tcpdump does.
func fastOpenString(cookie []byte) string {
	if len(cookie) == 0 {
		return "tfo  cookiereq"
	}
	return "tfo  cookie " + hex.EncodeToString(cookie)
}

func (opt Option) hexString() string {
	for _, known := range hexOptions {
		if opt.Kind == known.kind {
			return hexWord(known.name, opt.Data)
		}
	}
	return opt.unknownString()
}

func (opt Option) unknownString() string {
	return hexWord("unknown-"+strconv.Itoa(int(opt.Kind)), opt.Data)
}

func hexWord(word string, data []byte) string {
	if len(data) == 0 {
		return word
	}
	return word + " 0x" + hex.EncodeToString(data)
}
