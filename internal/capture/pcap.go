package capture

import (
	"fmt"
	"time"
)

// Sizes of pcap's file and packet headers, in bytes (pcap-savefile(5)).
const (
	classicHeaderLen = 24
	classicRecordLen = 16
)

// maxPacket is the largest packet that is believed: four times libpcap's
// largest snapshot length.
const maxPacket = 1 << 20

// Magic numbers of pcap, as the first four bytes read in the file's order.
const (
	magicMicro = 0xa1b2c3d4
	magicNano  = 0xa1b23c4d
)

// classic reads pcap files (pcap-savefile(5)).
type classic struct {
	src   *source
	order order
	link  LinkType
	unit  time.Duration // of the fraction of a second
}

// openClassic reads the file header.
func openClassic(src *source, magic [4]byte) (*classic, error) {
	c := &classic{src: src}
	if !c.recognise(magic) {
		return nil, notCapture(magic)
	}
	h, err := src.peek(classicHeaderLen)
	if err != nil {
		return nil, err
	}
	if major := c.order.u16(h[4:]); major != 2 {
		return nil, fmt.Errorf("%w: pcap version %d, 2 is the only one known", ErrNotCapture, major)
	}
	// The upper bits tell whether frames end with a check sequence.
	c.link = LinkType(c.order.u32(h[20:]) & 0xffff)
	if !c.link.known() {
		return nil, fmt.Errorf("%w %d; known are %s", ErrLinkType, c.link, knownLinkTypes())
	}
	src.take(classicHeaderLen)
	return c, nil
}

func (c *classic) recognise(magic [4]byte) bool {
	for _, c.order = range []order{{big: false}, {big: true}} {
		switch c.order.u32(magic[:]) {
		case magicMicro:
			c.unit = time.Microsecond
			return true
		case magicNano:
			c.unit = time.Nanosecond
			return true
		}
	}
	return false
}

// foreign are beginnings of files that people take for captures.
var foreign = map[[4]byte]string{
	{0x28, 0xb5, 0x2f, 0xfd}: packedBy("zstd"),
	{0xfd, '7', 'z', 'X'}:    packedBy("xz"),
	{0x04, 0x22, 0x4d, 0x18}: packedBy("lz4"),
	{0x02, 0x21, 0x4c, 0x18}: packedBy("lz4"), // its older format
	{'L', 'Z', 'I', 'P'}:     packedBy("lzip"),
	{'P', 'K', 3, 4}:         "it is a zip archive: unpack it first, as by `unzip -p FILE | synscope read -`",
	{'s', 'n', 'o', 'o'}:     "it is a snoop file: convert it with editcap",
	{0x34, 0xcd, 0xb2, 0xa1}: "it is a modified pcap: convert it with editcap",
	{0xa1, 0xb2, 0xcd, 0x34}: "it is a modified pcap: convert it with editcap",
}

// packedBy is what to do about a file that a program has packed.
func packedBy(program string) string {
	return fmt.Sprintf("it is packed with %s: unpack it on the way, as by `%[1]s -dc FILE | synscope read -`", program)
}

func notCapture(magic [4]byte) error {
	what := foreign[magic]
	if what == "" {
		what = fmt.Sprintf("it begins with % x, which is neither pcap nor pcapng", magic)
	}
	return fmt.Errorf("%w: %s", ErrNotCapture, what)
}

func (c *classic) name() string  { return "pcap" }
func (c *classic) drops() uint64 { return 0 }

func (c *classic) next(p *Packet, _ bool) error {
	h, err := c.src.peek(classicRecordLen)
	if err != nil {
		return err
	}
	captured, length := c.order.u32(h[8:]), c.order.u32(h[12:])
	if captured > maxPacket {
		return fmt.Errorf("%w: a packet of %d bytes", ErrCorrupt, captured)
	}
	n := classicRecordLen + int(captured)
	record, err := c.src.peek(n)
	if err != nil {
		return err
	}
	fraction := time.Duration(c.order.u32(record[4:])) * c.unit
	*p = Packet{
		Offset: c.src.offset,
		Time:   time.Unix(int64(c.order.u32(record)), int64(fraction)),
		Link:   c.link,
		Data:   record[classicRecordLen:],
		Length: int(length),
	}
	c.src.take(n)
	return nil
}
