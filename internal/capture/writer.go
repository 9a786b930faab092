package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Writer writes a pcapng file with one interface of raw IP packets, stamps in
// nanoseconds, and a comment for each packet. gopacket's writer has no options
// for packets, hence this one.
//
// Blocks are gathered, and every Write to the output is of whole blocks: a
// file is whole at any time; what a full disk tears of a file is taken off again.
type Writer struct {
	w     io.Writer
	buf   []byte
	count uint64
	err   error
}

// writeSize is how many bytes are worth a write of their own.
const writeSize = 64 << 10

// maxComment is the longest comment that is written, in bytes.
const maxComment = 4 << 10

// Application begins the name by which files say that this program has written down a
// run of its own with a [Recorder]: nothing is missing of what it sent.
const Application = "synscope"

// NewWriter begins a file; application and comment say what made it and how.
func NewWriter(w io.Writer, application, comment string) (*Writer, error) {
	c := &Writer{w: w}
	c.section(application, comment)
	c.interfaceDescription()
	return c, c.Flush()
}

// section appends a section header block (draft-ietf-opsawg-pcapng §4.1) of
// version 1.0 whose length is not told.
func (c *Writer) section(application, comment string) {
	at := c.begin(blockSection)
	c.u32(byteOrderMagic)
	c.u16(1)
	c.u16(0)
	c.u64(^uint64(0))
	c.text(optComment, comment)
	c.text(optSectionApp, application)
	c.end(at)
}

// interfaceDescription appends an interface description block (§4.2).
func (c *Writer) interfaceDescription() {
	at := c.begin(blockInterface)
	c.u16(uint16(LinkRaw))
	c.u16(0)
	c.u32(0) // no snapshot length
	c.text(optInterfaceName, "synscope")
	c.option(optInterfaceResolution, []byte{9})
	c.end(at)
}

// Write appends a packet: Time, Data from the IP header on, Length (0 for that
// of Data), Direction and Comment count. It may hold the packet back until
// [Writer.Flush].
func (c *Writer) Write(p *Packet) error {
	if c.err != nil {
		return c.err
	}
	c.enhanced(p)
	c.count++
	if len(c.buf) >= writeSize {
		return c.Flush()
	}
	return nil
}

// enhanced appends an enhanced packet block (§4.3).
func (c *Writer) enhanced(p *Packet) {
	at := c.begin(blockEnhanced)
	stamp := uint64(p.Time.UnixNano())
	c.u32(0) // the interface
	c.u32(uint32(stamp >> 32))
	c.u32(uint32(stamp))
	c.u32(uint32(len(p.Data)))
	c.u32(uint32(max(p.Length, len(p.Data))))
	c.pad(p.Data)
	c.text(optComment, p.Comment)
	if p.Direction != DirectionUnknown {
		c.option(optPacketFlags, binary.LittleEndian.AppendUint32(nil, uint32(p.Direction)))
	}
	c.end(at)
}

// Close ends the file with the interface's statistics (§4.6): what was written
// between start and end, and how many packets the kernel lost. It does not
// close the output.
func (c *Writer) Close(start, end time.Time, lost uint64) error {
	at := c.begin(blockStatistics)
	c.u32(0) // the interface
	stamp := uint64(end.UnixNano())
	c.u32(uint32(stamp >> 32))
	c.u32(uint32(stamp))
	c.stamp(optStatisticsStart, start)
	c.stamp(optStatisticsEnd, end)
	c.option(optStatisticsReceived, binary.LittleEndian.AppendUint64(nil, c.count+lost))
	c.option(optStatisticsDropped, binary.LittleEndian.AppendUint64(nil, lost))
	c.end(at)
	return c.Flush()
}

// Flush writes what waits.
func (c *Writer) Flush() error {
	if c.err != nil || len(c.buf) == 0 {
		return c.err
	}
	n, err := c.w.Write(c.buf)
	if err == nil && n < len(c.buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		c.err = fmt.Errorf("writing a capture: %w", err)
		c.mend(max(n, 0))
	}
	c.buf = c.buf[:0]
	return c.err
}

// mend takes a torn block off the end of a file again, where the n bytes that were
// written of the buffer before an error end with one.
func (c *Writer) mend(n int) {
	whole := 0
	for whole+8 <= n {
		size := int(binary.LittleEndian.Uint32(c.buf[whole+4:]))
		if whole+size > n {
			break
		}
		whole += size
	}
	f, ok := c.w.(*os.File)
	if torn := int64(n - whole); ok && torn > 0 {
		info, err := f.Stat()
		if err != nil || !info.Mode().IsRegular() {
			return
		}
		if end, err := f.Seek(0, io.SeekCurrent); err == nil && end >= torn {
			f.Truncate(end - torn) // the error of the write is told
		}
	}
}

// begin opens a block, which end closes with its length at both ends.
func (c *Writer) begin(kind uint32) (at int) {
	at = len(c.buf)
	c.u32(kind)
	c.u32(0)
	return at
}

func (c *Writer) end(at int) {
	size := uint32(len(c.buf) - at + 4)
	binary.LittleEndian.PutUint32(c.buf[at+4:], size)
	c.u32(size)
}

func (c *Writer) u16(v uint16) { c.buf = binary.LittleEndian.AppendUint16(c.buf, v) }
func (c *Writer) u32(v uint32) { c.buf = binary.LittleEndian.AppendUint32(c.buf, v) }
func (c *Writer) u64(v uint64) { c.buf = binary.LittleEndian.AppendUint64(c.buf, v) }

// pad appends b and zeros up to a whole word.
func (c *Writer) pad(b []byte) {
	c.buf = append(c.buf, b...)
	c.buf = append(c.buf, make([]byte, padded(len(b))-len(b))...)
}

// option appends an option; the end of options is left out, as the block's end
// tells it (§3.5).
func (c *Writer) option(code uint16, value []byte) {
	c.u16(code)
	c.u16(uint16(len(value)))
	c.pad(value)
}

// text appends an option of UTF-8, unless it is empty.
func (c *Writer) text(code uint16, value string) {
	if value != "" {
		c.option(code, []byte(strings.ToValidUTF8(value[:min(len(value), maxComment)], "")))
	}
}

// stamp appends a time, high word first (§4.6).
func (c *Writer) stamp(code uint16, t time.Time) {
	v := uint64(t.UnixNano())
	b := binary.LittleEndian.AppendUint32(nil, uint32(v>>32))
	c.option(code, binary.LittleEndian.AppendUint32(b, uint32(v)))
}
