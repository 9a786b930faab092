package capture

import (
	"errors"
	"fmt"
	"io"
)

// sourceSize is the buffer that a source begins with: many packets, one read.
const sourceSize = 256 << 10

// source is a buffered input that lends its buffer out. Unlike a bufio.Reader
// it grows where a record is larger than the buffer, and only as bytes really
// arrive, so that a false length costs no memory.
type source struct {
	r          io.Reader
	buf        []byte
	start, end int   // of what has been read and not taken
	offset     int64 // of buf[start] in the input
	err        error // of r, once it has one
}

func newSource(r io.Reader) *source { return &source{r: r, buf: make([]byte, sourceSize)} }

// peek returns the next n bytes without taking them; they are valid until the
// next call. Where the input ends before any of them the error is io.EOF, where
// it ends among them [ErrCut].
func (s *source) peek(n int) ([]byte, error) {
	if s.end-s.start < n {
		if err := s.fill(n); err != nil {
			return nil, err
		}
	}
	return s.buf[s.start : s.start+n : s.start+n], nil
}

func (s *source) fill(n int) error {
	copy(s.buf, s.buf[s.start:s.end])
	s.start, s.end = 0, s.end-s.start
	for s.end < n && s.err == nil {
		if s.end == len(s.buf) {
			s.buf = append(s.buf, make([]byte, len(s.buf))...)
		}
		var got int
		got, s.err = s.r.Read(s.buf[s.end:])
		s.end += got
	}
	if s.end >= n {
		return nil
	}
	return s.ended(n)
}

// ended says why n bytes could not be had.
func (s *source) ended(n int) error {
	switch {
	case s.err == io.EOF && s.end == s.start:
		return io.EOF
	case s.err == io.EOF || errors.Is(s.err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: %d of %d bytes are there", ErrCut, s.end-s.start, n)
	}
	return s.err
}

// take consumes n bytes that peek has shown.
func (s *source) take(n int) {
	s.start += n
	s.offset += int64(n)
}

// skip consumes n bytes, which need not fit the buffer.
func (s *source) skip(n int64) error {
	for n > 0 {
		part := int(min(n, sourceSize))
		if _, err := s.peek(part); err != nil {
			return cutAt(err)
		}
		s.take(part)
		n -= int64(part)
	}
	return nil
}

// cutAt turns the end of the input, where more was promised, into [ErrCut].
func cutAt(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: nothing follows where more is promised", ErrCut)
	}
	return err
}

// order is the byte order of a file or section. The zero value is little-endian.
type order struct{ big bool }

func (o order) u16(b []byte) uint16 {
	if o.big {
		return uint16(b[0])<<8 | uint16(b[1])
	}
	return uint16(b[1])<<8 | uint16(b[0])
}

func (o order) u32(b []byte) uint32 {
	_ = b[3]
	if o.big {
		return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	}
	return uint32(b[3])<<24 | uint32(b[2])<<16 | uint32(b[1])<<8 | uint32(b[0])
}

func (o order) u64(b []byte) uint64 {
	if o.big {
		return uint64(o.u32(b))<<32 | uint64(o.u32(b[4:]))
	}
	return uint64(o.u32(b[4:]))<<32 | uint64(o.u32(b))
}
