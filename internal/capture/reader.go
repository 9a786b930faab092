package capture

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// Reader reads the packets of a pcap or pcapng file, in either byte order,
// packed with gzip or bzip2 or not.
//
// pcapng files may have any number of sections and interfaces; blocks of
// unknown type are skipped. Packets are lent out of the read buffer, which is
// the only memory a Reader needs: a quarter of a MiB, more only where the file
// has larger packets.
type Reader struct {
	// Comments asks for the comments of packets.
	Comments bool

	src    *source
	format format
	number uint64
	err    error // of the last Next; it stays
}

// format is a file format: it reads the next packet, or returns io.EOF.
type format interface {
	next(p *Packet, comments bool) error
	drops() uint64
	name() string
}

// NewReader begins to read a capture file. It fails with an [*Error] where r
// is none.
func NewReader(r io.Reader) (*Reader, error) {
	c := &Reader{src: newSource(r)}
	if err := c.open(); err != nil {
		return nil, c.at(err)
	}
	return c, nil
}

// gzipMagic begins a packed file (RFC 1952 §2.3.1).
var gzipMagic = []byte{0x1f, 0x8b}

func (c *Reader) open() error {
	magic, err := c.src.peek(4)
	if err != nil {
		return tooShort(err)
	}
	if packed(magic) {
		if err := c.unpack(magic); err != nil {
			return err
		}
		if magic, err = c.src.peek(4); errors.Is(err, ErrCut) {
			return err // what was packed may be one
		} else if err != nil {
			return tooShort(err)
		}
	}
	if ng, ok := sectionMagic(magic); ok {
		c.format = ng.reading(c.src)
		return nil
	}
	c.format, err = openClassic(c.src, [4]byte(magic))
	return err
}

// bzip2Magic begins one that bzip2 has packed, before a digit.
var bzip2Magic = []byte("BZh")

func packed(magic []byte) bool {
	return bytes.HasPrefix(magic, gzipMagic) || bytes.HasPrefix(magic, bzip2Magic)
}

// unpack goes on with what a packed file holds.
func (c *Reader) unpack(magic []byte) error {
	if bytes.HasPrefix(magic, bzip2Magic) {
		c.src = newSource(&unpacking{bzip2.NewReader(&remainder{c.src})})
		return nil
	}
	unpacked, err := gzip.NewReader(&remainder{c.src})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	c.src = newSource(&unpacking{unpacked})
	return nil
}

// Recognises tells whether a file that begins with these bytes, four of them,
// is one that a Reader reads: a capture, or something packed with gzip or bzip2.
func Recognises(begin []byte) bool {
	if len(begin) < 4 {
		return false
	}
	_, ng := sectionMagic(begin)
	return ng || packed(begin) || (&classic{}).recognise([4]byte(begin))
}

// tooShort is the error of a file that ends within the first four bytes.
func tooShort(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: it is empty", ErrNotCapture)
	}
	if errors.Is(err, ErrCut) {
		return fmt.Errorf("%w: it has less than 4 bytes", ErrNotCapture)
	}
	return err
}

// Next reads the next packet into p. At the end it returns io.EOF. Any other
// error is an [*Error], and the last of the file: [ErrCut], [ErrCorrupt], or
// the input's own. What was read before is good.
func (c *Reader) Next(p *Packet) error {
	if c.err != nil {
		return c.err
	}
	if err := c.format.next(p, c.Comments); err != nil {
		c.err = c.at(err)
		return c.err
	}
	c.number++
	p.Number = c.number
	return nil
}

// at adds to an error where it happened; io.EOF stays as it is.
func (c *Reader) at(err error) error {
	if err == io.EOF {
		return err
	}
	return &Error{Offset: c.src.offset, Packet: c.number + 1, Err: err}
}

// Format is "pcap" or "pcapng".
func (c *Reader) Format() string { return c.format.name() }

// Dropped is the number of packets that the capturing machine lost, as far as
// the file says so and has been read (pcapng's interface statistics).
func (c *Reader) Dropped() uint64 { return c.format.drops() }

// remainder reads on from where a source stands.
type remainder struct{ src *source }

func (r *remainder) Read(b []byte) (int, error) {
	s := r.src
	if s.start == s.end {
		if _, err := s.peek(1); err != nil {
			return 0, err
		}
	}
	n := copy(b, s.buf[s.start:s.end])
	s.take(n)
	return n, nil
}

// unpacking marks damage of the packed data.
type unpacking struct{ r io.Reader }

func (u *unpacking) Read(b []byte) (int, error) {
	n, err := u.r.Read(b)
	if err == nil || err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	return n, fmt.Errorf("%w: unpacking: %w", ErrCorrupt, err)
}
