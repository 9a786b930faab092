package capture

import (
	"bytes"
	"fmt"
)

// Block types of pcapng (draft-ietf-opsawg-pcapng §11.1).
const (
	blockSection    = 0x0a0d0d0a
	blockInterface  = 1
	blockPacket     = 2 // obsolete
	blockSimple     = 3
	blockStatistics = 5
	blockEnhanced   = 6
)

// byteOrderMagic tells the byte order of a section (§4.1).
const byteOrderMagic = 0x1a2b3c4d

// Lengths in bytes.
const (
	blockFrameLen = 12      // type and both total lengths
	maxBlock      = 8 << 20 // of a block whose content matters
)

// ng reads pcapng files.
type ng struct {
	src        *source
	order      order
	begun      bool // a section has
	own        bool // this program has written the section
	interfaces []ngInterface
	base       uint32 // numbers of interfaces used up by earlier sections
	dropped    uint64
}

// sectionMagic recognises the type of a section header, which reads the same
// in both byte orders.
func sectionMagic(magic []byte) (*ng, bool) {
	return &ng{}, (order{}).u32(magic) == blockSection
}

func (n *ng) reading(src *source) *ng {
	n.src = src
	return n
}

func (n *ng) name() string  { return "pcapng" }
func (n *ng) drops() uint64 { return n.dropped }

// next goes through blocks up to one with a packet.
func (n *ng) next(p *Packet, comments bool) error {
	for {
		kind, size, err := n.head()
		if err != nil {
			return err
		}
		switch kind {
		case blockEnhanced, blockPacket, blockSimple:
			return n.packet(p, kind, size, comments)
		}
		if err := n.other(kind, size); err != nil {
			return err
		}
	}
}

// head looks at the type and the total length of the next block, and switches
// to the byte order of the section that it may begin.
func (n *ng) head() (kind uint32, size int64, err error) {
	h, err := n.src.peek(blockFrameLen)
	if err != nil {
		return 0, 0, err
	}
	if kind = n.order.u32(h); kind == blockSection {
		if err := n.setOrder(h[8:]); err != nil {
			return 0, 0, err
		}
	}
	size = int64(n.order.u32(h[4:]))
	if size < blockFrameLen || size%4 != 0 {
		return 0, 0, fmt.Errorf("%w: a block of type %#x and length %d", ErrCorrupt, kind, size)
	}
	return kind, size, nil
}

func (n *ng) setOrder(magic []byte) error {
	for _, o := range []order{{big: false}, {big: true}} {
		if o.u32(magic) == byteOrderMagic {
			n.order = o
			return nil
		}
	}
	return fmt.Errorf("%w: a section with the byte order magic % x", ErrCorrupt, magic[:4])
}

// body takes a block that fits into memory and returns what is between its
// lengths.
func (n *ng) body(kind uint32, size int64) ([]byte, error) {
	if size > maxBlock {
		return nil, fmt.Errorf("%w: a block of type %#x and length %d", ErrCorrupt, kind, size)
	}
	b, err := n.src.peek(int(size))
	if err != nil {
		return nil, err
	}
	if err := n.trailer(b[size-4:], size); err != nil {
		return nil, err
	}
	return b[8 : size-4], nil
}

// trailer compares the total length at a block's end with that at its
// beginning.
func (n *ng) trailer(b []byte, size int64) error {
	if again := int64(n.order.u32(b)); again != size {
		return fmt.Errorf("%w: a block has length %d at its beginning and %d at its end", ErrCorrupt, size, again)
	}
	return nil
}

// other reads or skips a block without a packet.
func (n *ng) other(kind uint32, size int64) error {
	switch kind {
	case blockSection, blockInterface, blockStatistics:
	default:
		return n.skip(size)
	}
	b, err := n.body(kind, size)
	if err != nil {
		return err
	}
	switch kind {
	case blockSection:
		err = n.section(b)
	case blockInterface:
		err = n.addInterface(b)
	case blockStatistics:
		n.statistics(b)
	}
	if err == nil {
		n.src.take(int(size))
	}
	return err
}

func (n *ng) skip(size int64) error {
	if err := n.src.skip(size - 4); err != nil {
		return err
	}
	b, err := n.src.peek(4)
	if err != nil {
		return cutAt(err)
	}
	err = n.trailer(b, size)
	n.src.take(4)
	return err
}

// section begins a section, which brings its own interfaces.
func (n *ng) section(b []byte) error {
	if len(b) < 16 {
		return fmt.Errorf("%w: a section header of %d bytes", ErrCorrupt, len(b))
	}
	if major := n.order.u16(b[4:]); major != 1 {
		return fmt.Errorf("%w: pcapng version %d, 1 is the only one known", ErrNotCapture, major)
	}
	n.base += uint32(len(n.interfaces))
	n.interfaces, n.begun, n.own = n.interfaces[:0], true, false
	n.order.eachOption(b[16:], func(code uint16, value []byte) {
		n.own = n.own || code == optSectionApp && bytes.HasPrefix(value, []byte(Application+" "))
	})
	return nil
}

// packet reads a block of one of the three kinds that hold one.
func (n *ng) packet(p *Packet, kind uint32, size int64, comments bool) error {
	b, err := n.body(kind, size)
	if err != nil {
		return err
	}
	*p = Packet{Offset: n.src.offset, Own: n.own}
	var options []byte
	switch kind {
	case blockEnhanced:
		options, err = n.enhanced(p, b)
	case blockPacket:
		options, err = n.obsolete(p, b)
	case blockSimple:
		err = n.simple(p, b)
	}
	if err != nil {
		return err
	}
	n.annotate(p, options, comments)
	n.src.take(int(size))
	return nil
}

// enhanced reads an enhanced packet block (§4.3).
func (n *ng) enhanced(p *Packet, b []byte) (options []byte, err error) {
	if len(b) < 20 {
		return nil, shortPacketBlock(b)
	}
	return n.stamped(p, n.order.u32(b), b)
}

// obsolete reads a packet block (§A): the interface has 16 bits, 16 bits of
// drops follow, and the rest is as in an enhanced one.
func (n *ng) obsolete(p *Packet, b []byte) (options []byte, err error) {
	if len(b) < 20 {
		return nil, shortPacketBlock(b)
	}
	return n.stamped(p, uint32(n.order.u16(b)), b)
}

func shortPacketBlock(b []byte) error {
	return fmt.Errorf("%w: a packet block of %d bytes", ErrCorrupt, len(b))
}

// stamped reads what follows the interface: time, lengths, data, options.
func (n *ng) stamped(p *Packet, id uint32, b []byte) (options []byte, err error) {
	i, err := n.on(p, id)
	if err != nil {
		return nil, err
	}
	p.Time = i.time(uint64(n.order.u32(b[4:]))<<32 | uint64(n.order.u32(b[8:])))
	captured := int64(n.order.u32(b[12:]))
	p.Length = int(n.order.u32(b[16:]))
	if b = b[20:]; captured > int64(len(b)) || captured > maxPacket {
		return nil, fmt.Errorf("%w: a packet of %d bytes in a block with room for %d", ErrCorrupt, captured, len(b))
	}
	p.Data = b[:captured:captured]
	return b[min(padded(int(captured)), len(b)):], nil
}

// simple reads a simple packet block (§4.4), which belongs to the section's
// first interface and whose captured length follows from that one's snapshot
// length.
func (n *ng) simple(p *Packet, b []byte) error {
	if len(b) < 4 {
		return shortPacketBlock(b)
	}
	i, err := n.on(p, 0)
	if err != nil {
		return err
	}
	length, room := n.order.u32(b), uint32(len(b)-4)
	captured := min(length, room)
	if i.snapLen != 0 {
		captured = min(captured, i.snapLen)
	}
	p.Length, p.Data = int(length), b[4:4+captured:4+captured]
	return nil
}

// on notes the interface of a packet.
func (n *ng) on(p *Packet, id uint32) (*ngInterface, error) {
	if int64(id) >= int64(len(n.interfaces)) {
		return nil, fmt.Errorf("%w: a packet of interface %d, the section has %d", ErrCorrupt, id, len(n.interfaces))
	}
	i := &n.interfaces[id]
	p.Link, p.Interface = i.link, n.base+id
	return i, nil
}

// padded rounds a length up to whole words of 4 bytes.
func padded(n int) int { return (n + 3) &^ 3 }
