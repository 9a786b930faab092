package craft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
)

// MaxOptions is the room for options in a TCP header, in bytes: a data offset
// of 15 words less the 20 fixed bytes (RFC 9293 §3.1).
const MaxOptions = 40

// ErrOptionsTooLong says that options exceed [MaxOptions] bytes.
var ErrOptionsTooLong = errors.New("TCP options longer than 40 bytes")

// ErrBadOptions says that the options of a segment do not parse; the wrapping
// error of [Options.Malformed] says where.
var ErrBadOptions = errors.New("malformed TCP options")

// OptionKind is the first byte of a TCP option (IANA, TCP Option Kind Numbers).
type OptionKind uint8

// Kinds this package knows by name.
const (
	KindEOL           OptionKind = 0   // RFC 9293 §3.2
	KindNOP           OptionKind = 1   // RFC 9293 §3.2
	KindMSS           OptionKind = 2   // RFC 9293 §3.7.1
	KindWindowScale   OptionKind = 3   // RFC 7323 §2.2
	KindSACKPermitted OptionKind = 4   // RFC 2018 §2
	KindSACK          OptionKind = 5   // RFC 2018 §3
	KindTimestamps    OptionKind = 8   // RFC 7323 §3.2
	KindMPTCP         OptionKind = 30  // RFC 8684 §3
	KindTFO           OptionKind = 34  // RFC 7413 §4.1.1
	KindAccECN0       OptionKind = 172 // RFC 9768 §3.2.3
	KindAccECN1       OptionKind = 174 // RFC 9768 §3.2.3
)

// single reports whether the option is its kind byte alone.
func (k OptionKind) single() bool { return k == KindEOL || k == KindNOP }

// validLength reports whether an option of kind k may hold n bytes of data.
// Kinds without a rule of their own may hold any number.
func (k OptionKind) validLength(n int) bool {
	switch k {
	case KindEOL, KindNOP, KindSACKPermitted:
		return n == 0
	case KindMSS:
		return n == 2
	case KindWindowScale:
		return n == 1
	case KindSACK:
		return n > 0 && n%8 == 0
	case KindTimestamps:
		return n == 8
	case KindMPTCP:
		return n >= 1
	case KindTFO:
		return n == 0 || (n >= 4 && n <= 16 && n%2 == 0)
	case KindAccECN0, KindAccECN1:
		return n <= 9 && n%3 == 0
	}
	return true
}

// An Option is one TCP option: its kind, and the data after the length byte.
type Option struct {
	Kind OptionKind
	Data []byte
}

// Options are the options of a segment exactly as on the wire, padding
// included. Nothing is normalised: what does not parse stays, as evidence.
type Options []byte

// NewOptions encodes a list in order and pads it with zeros (EOL) to a whole
// number of 32-bit words. It fails with [ErrOptionsTooLong].
func NewOptions(list ...Option) (Options, error) {
	var o Options
	for _, opt := range list {
		o = append(o, byte(opt.Kind))
		if !opt.Kind.single() {
			o = append(o, byte(len(opt.Data)+2))
			o = append(o, opt.Data...)
		}
		if len(o) > MaxOptions {
			return nil, ErrOptionsTooLong
		}
	}
	return o.pad(), nil
}

func (o Options) pad() Options {
	for len(o)%4 != 0 {
		o = append(o, byte(KindEOL))
	}
	return o
}

// next splits the first option off o. ok is false where o is empty or its
// length byte is missing, below 2, or reaches past the end.
func (o Options) next() (opt Option, rest Options, ok bool) {
	if len(o) == 0 {
		return Option{}, nil, false
	}
	kind := OptionKind(o[0])
	if kind.single() {
		return Option{Kind: kind}, o[1:], true
	}
	if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
		return Option{}, o, false
	}
	n := int(o[1])
	return Option{kind, o[2:n:n]}, o[n:], true
}

// All walks the options in wire order. It ends after EOL, or before the first
// option whose length is impossible. Data aliases o.
func (o Options) All() iter.Seq[Option] {
	return func(yield func(Option) bool) {
		for rest := o; ; {
			opt, after, ok := rest.next()
			if !ok || !yield(opt) || opt.Kind == KindEOL {
				return
			}
			rest = after
		}
	}
}

// Malformed returns nil where every option up to EOL is well formed, or an
// error that wraps [ErrBadOptions] and names kind and byte offset of the first
// that is not: its length is impossible, or not one its kind allows.
func (o Options) Malformed() error {
	for rest := o; len(rest) > 0; {
		at := len(o) - len(rest)
		opt, after, ok := rest.next()
		if !ok {
			return fmt.Errorf("%w: option %d at byte %d: impossible length", ErrBadOptions, rest[0], at)
		}
		if !opt.Kind.validLength(len(opt.Data)) {
			return fmt.Errorf("%w: option %d at byte %d: length %d", ErrBadOptions, opt.Kind, at, len(opt.Data)+2)
		}
		if opt.Kind == KindEOL {
			return nil
		}
		rest = after
	}
	return nil
}

// Lookup returns the data of the first option of kind k. Its length is not
// checked against the kind.
func (o Options) Lookup(k OptionKind) (data []byte, ok bool) {
	for rest := o; ; {
		opt, after, ok := rest.next()
		if !ok {
			return nil, false
		}
		if opt.Kind == k {
			return opt.Data, true
		}
		if opt.Kind == KindEOL {
			return nil, false
		}
		rest = after
	}
}

// lookupValid is Lookup for an option whose length is one that k allows.
func (o Options) lookupValid(k OptionKind) ([]byte, bool) {
	data, ok := o.Lookup(k)
	if !ok || !k.validLength(len(data)) {
		return nil, false
	}
	return data, true
}

// MSS returns the maximum segment size offered, in bytes.
func (o Options) MSS() (uint16, bool) {
	data, ok := o.lookupValid(KindMSS)
	if !ok {
		return 0, false
	}
	return binary.BigEndian.Uint16(data), true
}

// WindowScale returns the shift count as sent; RFC 7323 §2.3 has receivers
// treat counts above 14 as 14, which is left to the caller.
func (o Options) WindowScale() (uint8, bool) {
	data, ok := o.lookupValid(KindWindowScale)
	if !ok {
		return 0, false
	}
	return data[0], true
}

// SACKPermitted reports whether selective acknowledgement was offered.
func (o Options) SACKPermitted() bool {
	_, ok := o.lookupValid(KindSACKPermitted)
	return ok
}

// SACK returns the blocks of a selective acknowledgement: left edge, and the
// sequence number after the right edge.
func (o Options) SACK() [][2]Seq {
	data, _ := o.lookupValid(KindSACK)
	var blocks [][2]Seq
	for ; len(data) >= 8; data = data[8:] {
		blocks = append(blocks, [2]Seq{seqAt(data, 0), seqAt(data, 4)})
	}
	return blocks
}

// Timestamps returns TSval and TSecr (RFC 7323 §3.2).
func (o Options) Timestamps() (val, ecr uint32, ok bool) {
	data, ok := o.lookupValid(KindTimestamps)
	if !ok {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:]), true
}

// FastOpen returns the TCP Fast Open cookie; an empty one is a request.
func (o Options) FastOpen() ([]byte, bool) { return o.lookupValid(KindTFO) }

// MPTCP returns the data of the first multipath option, whose upper four bits
// are the subtype (RFC 8684 §3).
func (o Options) MPTCP() ([]byte, bool) { return o.lookupValid(KindMPTCP) }

func seqAt(b []byte, i int) Seq { return Seq(binary.BigEndian.Uint32(b[i:])) }
