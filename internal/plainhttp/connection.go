package plainhttp

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/textproto"
	"time"
)

// Bounds of a connection.
const (
	mostHead      = 16 << 10    // bytes of a request
	linger        = time.Second // for a client to read why it was refused
	mostDiscarded = 1 << 20     // bytes that it may send meanwhile
)

// connection is one client's.
type connection struct {
	net.Conn
	bound *bounded
	in    *bufio.Reader
	out   *bufio.Writer
}

func newConnection(c net.Conn) *connection {
	b := &bounded{from: c}
	return &connection{c, b, bufio.NewReader(b), bufio.NewWriter(c)}
}

// await waits for the first byte of a request.
func (c *connection) await(patience time.Duration) error {
	c.bound.left = mostHead
	c.SetReadDeadline(time.Now().Add(patience))
	_, err := c.in.Peek(1)
	return err
}

// read reads the rest of it. What was cut off by the bound is too long, whatever it
// looks like.
func (c *connection) read(patience time.Duration) (*Request, error) {
	c.SetReadDeadline(time.Now().Add(patience))
	r, err := readRequest(textproto.NewReader(c.in))
	if err != nil && c.bound.left <= 0 {
		err = errTooLong
	}
	return r, err
}

// answer lets the handler work for as long as the client is there.
func (c *connection) answer(ctx context.Context, h Handler, r *Request) Answer {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.bound.left = mostHead
	c.SetReadDeadline(time.Time{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if _, err := c.in.Peek(1); err != nil {
			cancel()
		}
	}()
	a := h(ctx, r)
	c.SetReadDeadline(time.Unix(1, 0))
	<-watched
	return a
}

func (c *connection) write(a Answer, how manner, patience time.Duration) error {
	now := time.Now()
	c.SetWriteDeadline(now.Add(patience))
	return a.write(c.out, how, now)
}

// refuse answers a request that is none, and ends the connection.
func (c *connection) refuse(err error, patience time.Duration) {
	var r *refusal
	if !errors.As(err, &r) {
		return
	}
	a := Text(r.status, r.words)
	if r.status == MethodNotAllowed {
		a = a.With("Allow", "GET, HEAD")
	}
	c.end(a, patience)
}

// reject answers a connection for which there is no room, and ends it.
func (c *connection) reject(patience time.Duration) {
	c.end(Text(Unavailable, "too many requests in progress: try again later"), patience)
	c.Close()
}

// end writes the last answer and waits a little for the client to close: to close first,
// with bytes unread, resets the connection, and may take the answer from the client
// (RFC 9112 §9.6).
func (c *connection) end(a Answer, patience time.Duration) {
	if c.write(a, manner{last: true}, patience) != nil {
		return
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	c.SetReadDeadline(time.Now().Add(linger))
	io.Copy(io.Discard, io.LimitReader(c.Conn, mostDiscarded))
}
