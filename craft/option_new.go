package craft

import "encoding/binary"

// EOL ends the option list. [NewOptions] pads with it unasked.
func EOL() Option { return Option{Kind: KindEOL} }

// NOP is one byte of padding between options.
func NOP() Option { return Option{Kind: KindNOP} }

// MSS offers a maximum segment size of v bytes.
func MSS(v uint16) Option {
	return Option{KindMSS, binary.BigEndian.AppendUint16(nil, v)}
}

// WindowScale offers to shift windows by shift bits. Counts above 14, which
// RFC 7323 §2.3 forbids, are sent as given.
func WindowScale(shift uint8) Option { return Option{KindWindowScale, []byte{shift}} }

// SACKPermitted offers selective acknowledgement.
func SACKPermitted() Option { return Option{Kind: KindSACKPermitted} }

// SACK acknowledges blocks beyond a gap: left edge, and the sequence number
// after the right edge.
func SACK(blocks ...[2]Seq) Option {
	var data []byte
	for _, block := range blocks {
		data = binary.BigEndian.AppendUint32(data, uint32(block[0]))
		data = binary.BigEndian.AppendUint32(data, uint32(block[1]))
	}
	return Option{KindSACK, data}
}

// Timestamps carries TSval and TSecr.
func Timestamps(val, ecr uint32) Option {
	data := binary.BigEndian.AppendUint32(nil, val)
	return Option{KindTimestamps, binary.BigEndian.AppendUint32(data, ecr)}
}

// FastOpen presents a TCP Fast Open cookie, or asks for one where cookie is
// empty.
func FastOpen(cookie []byte) Option { return Option{KindTFO, cookie} }

// MPTCP is a multipath option; the upper four bits of data are its subtype.
func MPTCP(data []byte) Option { return Option{KindMPTCP, data} }

// AccECN is an Accurate ECN option: kind says the order of the 24-bit counters
// in data, [KindAccECN0] or [KindAccECN1].
func AccECN(kind OptionKind, data []byte) Option { return Option{kind, data} }

// RawOption is an option of any kind with any data.
func RawOption(kind OptionKind, data []byte) Option { return Option{kind, data} }
