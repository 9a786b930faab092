package plainhttp

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Handler answers a request. It is called from several goroutines at once.
type Handler func(ctx context.Context, r *Request) Answer

// Server answers the connections of a listener. Its fields are set before Serve is
// called; all are needed.
type Server struct {
	Handler  Handler
	Patience time.Duration // for a request to be read, and for an answer to be written
	Idle     time.Duration // for the next request

	mu       sync.Mutex
	listener net.Listener
	held     map[*connection]activity
	closing  bool
	busy     sync.WaitGroup
}

// activity is what a connection is doing.
type activity int

const (
	waiting   activity = iota // for a request
	answering                 // one
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

func (s *Server) begin(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener, s.held = l, map[*connection]activity{}
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
	s.held[c] = waiting
	s.busy.Go(func() {
		defer s.leave(c)
		for s.serve(c) {
		}
	})
}

// serve answers one request, and tells whether there may be another.
func (s *Server) serve(c *connection) bool {
	if !s.enter(c, waiting) || c.await(s.Idle) != nil || !s.enter(c, answering) {
		return false
	}
	r, err := c.read(s.Patience)
	if err != nil {
		c.refuse(err, s.Patience)
		return false
	}
	a := c.answer(context.Background(), s.Handler, r)
	last := r.last || s.ends()
	return c.write(a, r.head, last, s.Patience) == nil && !last
}

// enter notes what a connection does now; false: the server is closing.
func (s *Server) enter(c *connection, a activity) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.held[c] = a
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
	s.shut(waiting)
	done := make(chan struct{})
	go func() { s.busy.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		s.shut(answering)
		return ctx.Err()
	}
}

// shut closes the connections of one activity.
func (s *Server) shut(which activity) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing = true; s.listener != nil {
		s.listener.Close()
	}
	for c, a := range s.held {
		if a == which {
			c.Close()
		}
	}
}
