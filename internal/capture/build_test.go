package capture

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"synscope/craft"
)

// byteOrder is what both of encoding/binary's orders can do.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

var byteOrders = []byteOrder{binary.LittleEndian, binary.BigEndian}

// segment is a SYN of either IP version, as bytes.
func segment(t testing.TB, src, dst string, seq craft.Seq, flags craft.Flags) []byte {
	t.Helper()
	s := craft.Segment{
		Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst),
		TTL: 64, Seq: seq, Flags: flags, Window: 64240,
	}
	b, err := s.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func syn4(t testing.TB) []byte {
	return segment(t, "192.0.2.1:40000", "192.0.2.2:80", 1000, craft.SYN)
}

func syn6(t testing.TB) []byte {
	return segment(t, "[2001:db8::1]:40000", "[2001:db8::2]:80", 1000, craft.SYN)
}

// classicFile is a pcap file with the given packets, one second apart.
func classicFile(o byteOrder, magic uint32, link LinkType, packets ...[]byte) []byte {
	b := o.AppendUint32(nil, magic)
	b = o.AppendUint16(o.AppendUint16(b, 2), 4)
	b = append(b, make([]byte, 8)...)
	b = o.AppendUint32(o.AppendUint32(b, 262144), uint32(link))
	for i, p := range packets {
		b = o.AppendUint32(o.AppendUint32(b, uint32(1000+i)), 123456)
		b = o.AppendUint32(o.AppendUint32(b, uint32(len(p))), uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

// block is a pcapng block round words and bytes.
func block(o byteOrder, kind uint32, parts ...any) []byte {
	b := o.AppendUint32(o.AppendUint32(nil, kind), 0)
	for _, part := range parts {
		switch v := part.(type) {
		case uint16:
			b = o.AppendUint16(b, v)
		case uint32:
			b = o.AppendUint32(b, v)
		case uint64:
			b = o.AppendUint64(b, v)
		case []byte:
			b = append(append(b, v...), make([]byte, padded(len(v))-len(v))...)
		}
	}
	size := uint32(len(b) + 4)
	o.PutUint32(b[4:], size)
	return o.AppendUint32(b, size)
}

func sectionBlock(o byteOrder) []byte {
	return block(o, blockSection, uint32(byteOrderMagic), uint16(1), uint16(0), ^uint64(0))
}

// interfaceBlock describes an interface; resolution 0xff leaves that out.
func interfaceBlock(o byteOrder, link LinkType, snapLen uint32, resolution byte, offset int64) []byte {
	parts := []any{uint16(link), uint16(0), snapLen}
	if resolution != 0xff {
		parts = append(parts, uint16(optInterfaceResolution), uint16(1), []byte{resolution})
	}
	if offset != 0 {
		parts = append(parts, uint16(optInterfaceOffset), uint16(8), uint64(offset))
	}
	return block(o, blockInterface, append(parts, uint32(0))...)
}

func enhancedBlock(o byteOrder, id uint32, stamp uint64, data []byte, options ...any) []byte {
	return block(o, blockEnhanced, append([]any{
		id, uint32(stamp >> 32), uint32(stamp), uint32(len(data)), uint32(len(data)), data,
	}, options...)...)
}

func join(blocks ...[]byte) (all []byte) {
	for _, b := range blocks {
		all = append(all, b...)
	}
	return all
}
