package plainhttp

import (
	"cmp"
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Handler answers a request. It is called from several goroutines at once.
type Handler func(ctx context.Context, r *Request) Answer

// Server answers the connections of a listener. Its fields are set before Serve is
// called; only Handler is needed.
type Server struct {
	Handler  Handler
	Patience time.Duration // for a request to be read, and for an answer to be written; 0 is DefaultPatience
	Idle     time.Duration // for the next request; 0 is DefaultIdle
	MaxConns int           // connections at a time; beyond, one without a handler at work is closed; 0 is DefaultMaxConns

	mu       sync.Mutex
	listener net.Listener
	held     map[*connection]activity
	rejected map[*connection]bool // connections that are being told that there is no room
	turns    uint64               // so far: what entered an activity before another has the lower one
	closing  bool
	busy     sync.WaitGroup
}

// What a Server does where its fields do not say.
const (
	DefaultPatience = 15 * time.Second
	DefaultIdle     = 2 * time.Minute
	DefaultMaxConns = 64
)

// activity is what a connection is doing, and since when.
type activity struct {
	what  doing
	since uint64
}

// doing is what a connection is doing, in the order in which they make room.
type doing int

const (
	waiting doing = iota // for a request
	reading              // one
	writing              // an answer
	working              // the handler is at work
)

// acceptPause passes between two attempts to accept where one failed, for want of a
// descriptor or of memory.
const acceptPause = 100 * time.Millisecond

// Serve answers until Shutdown is called, and then returns nil; it takes the listener
// over.
func (s *Server) Serve(l net.Listener) error {
	if !s.begin(l) {
		return l.Close()
	}
	for {
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case err != nil:
			time.Sleep(acceptPause)
		default:
			s.hold(newConnection(c))
		}
	}
}

func (s *Server) patience() time.Duration { return cmp.Or(s.Patience, DefaultPatience) }
func (s *Server) idle() time.Duration     { return cmp.Or(s.Idle, DefaultIdle) }
func (s *Server) maxConns() int           { return cmp.Or(s.MaxConns, DefaultMaxConns) }

func (s *Server) begin(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener, s.held, s.rejected = l, map[*connection]activity{}, map[*connection]bool{}
	return !s.closing
}

// hold answers the requests of a connection beside the others.
func (s *Server) hold(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		c.Close()
		return
	}
	if len(s.held) >= s.maxConns() && !s.makeRoom() {
		s.reject(c)
		return
	}
	s.turns++
	s.held[c] = activity{waiting, s.turns}
	s.busy.Go(func() {
		defer s.leave(c)
		for s.serve(c) {
		}
	})
}

// mostRejecting is how many clients are told at a time that there is no room: each
// takes a descriptor until it closes its connection, or linger is over.
const mostRejecting = 16

// reject tells a client that there is no room; beyond mostRejecting it is not told why.
// The caller holds mu.
func (s *Server) reject(c *connection) {
	if len(s.rejected) >= mostRejecting {
		c.Close()
		return
	}
	s.rejected[c] = true
	s.busy.Go(func() {
		c.reject(s.patience())
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.rejected, c)
	})
}

// serve answers one request, and tells whether there may be another.
func (s *Server) serve(c *connection) bool {
	if !s.enter(c, waiting) || c.await(s.idle()) != nil || !s.enter(c, reading) {
		return false
	}
	r, err := c.read(s.patience())
	if err != nil {
		c.refuse(err, s.patience())
		return false
	}
	s.enter(c, working) // a request that has been read is answered, if the server is closing too
	a := c.answer(context.Background(), s.Handler, r)
	s.enter(c, writing)
	last := r.last || s.ends()
	return c.write(a, manner{head: r.head, last: last}, s.patience()) == nil && !last
}

// makeRoom closes the connection for which the least would be lost, of several the one
// that is at it longest; false: a handler is at work for each. The caller holds mu.
func (s *Server) makeRoom() bool {
	var least *connection
	for c, a := range s.held {
		if a.what == working {
			continue
		}
		if b := s.held[least]; least == nil || a.what < b.what || a.what == b.what && a.since < b.since {
			least = c
		}
	}
	if least == nil {
		return false
	}
	delete(s.held, least)
	least.Close()
	return true
}

// enter notes what a connection does now; false: the server is closing, or has closed it.
func (s *Server) enter(c *connection, what doing) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, held := s.held[c]; !held || s.closing {
		return false
	}
	s.turns++
	s.held[c] = activity{what, s.turns}
	return true
}

func (s *Server) leave(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, c)
	c.Close()
}

func (s *Server) ends() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing
}

// Shutdown closes the listener and the connections that wait, and waits for those that
// are being answered; when the context ends, it closes them too and returns its error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.shut(func(d doing) bool { return d == waiting })
	done := make(chan struct{})
	go func() { s.busy.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.shut(func(doing) bool { return true })
		return ctx.Err()
	}
}

// shut closes the listener, and connections by what they do.
func (s *Server) shut(chosen func(doing) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing = true; s.listener != nil {
		s.listener.Close()
	}
	for c, a := range s.held {
		if chosen(a.what) {
			c.Close()
		}
	}
	for c := range s.rejected {
		if chosen(writing) {
			c.Close()
		}
	}
}
