package plainhttp_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"synscope/internal/plainhttp"
)

// echo answers the path and the query.
func echo(_ context.Context, r *plainhttp.Request) plainhttp.Answer {
	if r.URL.Path == "/missing" {
		return plainhttp.Text(plainhttp.NotFound, "there is no such page")
	}
	return plainhttp.Text(plainhttp.OK, r.URL.Path+" "+r.URL.RawQuery+" "+r.Header.Get("X-Word"))
}

// serve runs a server until the test ends.
func serve(t testing.TB, h plainhttp.Handler) (*plainhttp.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &plainhttp.Server{Handler: h, Patience: time.Minute, Idle: time.Minute, MaxConns: 64}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error("Serve:", err)
		}
	})
	return s, l.Addr().String()
}

// TestAnswersGoToolsClient asks many times, from many goroutines, over connections
// that are kept.
func TestAnswersGoToolsClient(t *testing.T) {
	_, addr := serve(t, echo)
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				got, err := client.Get("http://" + addr + "/a%20b?x=1&y")
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(got.Body)
				got.Body.Close()
				if err != nil || string(body) != "/a b x=1&y \n" || got.StatusCode != 200 {
					t.Errorf("%d %q, %v", got.StatusCode, body, err)
				}
				if at, err := http.ParseTime(got.Header.Get("Date")); err != nil || time.Since(at) > time.Hour {
					t.Errorf("Date %q: %v", got.Header.Get("Date"), err)
				}
			}
		})
	}
	all.Wait()
	got, err := client.Head("http://" + addr + "/page")
	if err != nil || got.StatusCode != 200 || got.ContentLength != int64(len("/page  \n")) {
		t.Errorf("HEAD: %+v, %v", got, err)
	}
}

// asked are requests as bytes, and the status of the answer: net/http's own where it
// takes what this server does not need to, ours.
var asked = []struct {
	name, request string
	status        int
	ours          bool // net/http answers otherwise: HTTP/2, content and other methods are a handler's there
}{
	{"as a browser asks", "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n", 200, false},
	{"HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200, false},
	{"whole URL", "GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n", 200, false},
	{"line feeds alone", "GET / HTTP/1.1\nHost: a\n\n", 200, false},
	{"HTTP/1.0 without a host", "GET / HTTP/1.0\r\n\r\n", 200, false},
	{"continued field", "GET / HTTP/1.1\r\nHost: a\r\nX-Word: a\r\n b\r\n\r\n", 200, false},
	{"no content, said so", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 200, false},
	{"no such page", "GET /missing HTTP/1.1\r\nHost: a\r\n\r\n", 404, false},
	{"no host", "GET / HTTP/1.1\r\n\r\n", 400, false},
	{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, false},
	{"no version", "GET /\r\nHost: a\r\n\r\n", 400, false},
	{"words too many", "GET / x HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
	{"no method", " / HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
	{"a field without a colon", "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n", 400, false},
	{"a space before the colon", "GET / HTTP/1.1\r\nHost: a\r\nX-Word : a\r\n\r\n", 400, false},
	{"bad escape", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
	{"relative target", "GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400, false},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, false},
	{"HTTP/2", "PRI * HTTP/2.0\r\nHost: a\r\n\r\n", 505, true},
	{"HTTP/3.0", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, false},
	{"long field", "GET / HTTP/1.1\r\nHost: a\r\nX-Word: " + strings.Repeat("w", 60<<10) + "\r\n\r\n", 431, false},
	{"many fields", "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X-Word: w\r\n", 6<<10) + "\r\n", 431, false},
	{"POST", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", 405, true},
	{"content", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab", 413, true},
	{"chunks", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413, true},
	{"two lengths", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 2\r\n\r\n", 413, true},
}

// TestRequestsAsNetHTTPTakesThem asks this server and Go's.
func TestRequestsAsNetHTTPTakesThem(t *testing.T) {
	_, ours := serve(t, echo)
	for _, c := range asked {
		t.Run(c.name, func(t *testing.T) {
			if got := status(t, ours, c.request); got != c.status {
				t.Errorf("%d, want %d", got, c.status)
			}
			if c.ours {
				return
			}
			if got := status(t, netHTTP(t), c.request); got != c.status {
				t.Errorf("net/http says %d, the table %d", got, c.status)
			}
		})
	}
}

// netHTTP is Go's server with the same bound.
func netHTTP(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{MaxHeaderBytes: 16 << 10, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/missing" {
			http.NotFound(w, r)
		}
	})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return l.Addr().String()
}

// dial opens a connection that the end of the test closes.
func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// status sends bytes and returns the status of what comes back.
func status(t *testing.T, addr, request string) int {
	t.Helper()
	c := dial(t, addr)
	go io.WriteString(c, request)
	method, _, _ := strings.Cut(request, " ")
	got, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatal("no answer: ", err)
	}
	io.Copy(io.Discard, got.Body)
	return got.StatusCode
}

// TestRequestsInOneGo sends two requests before it reads an answer; the third asks for
// the end.
func TestRequestsInOneGo(t *testing.T) {
	_, addr := serve(t, echo)
	c := dial(t, addr)
	one := func(path, more string) string { return "GET " + path + " HTTP/1.1\r\nHost: a\r\n" + more + "\r\n" }
	io.WriteString(c, one("/1", "")+one("/2", "")+one("/3", "Connection: foo, Close\r\n")+one("/4", ""))
	r := bufio.NewReader(c)
	for _, want := range []string{"/1", "/2", "/3"} {
		got, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(got.Body); err != nil || string(body) != want+"  \n" {
			t.Errorf("%q, %v, want %s", body, err, want)
		}
	}
	if rest, _ := io.ReadAll(r); len(rest) > 0 {
		t.Errorf("after the last one: %q", rest)
	}
}

// TestContextEndsWithTheClient goes away while the handler works.
func TestContextEndsWithTheClient(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	_, addr := serve(t, func(ctx context.Context, _ *plainhttp.Request) plainhttp.Answer {
		close(began)
		<-ctx.Done()
		close(ended)
		return plainhttp.Text(plainhttp.OK, "too late")
	})
	c := dial(t, addr)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-began
	c.Close()
	<-ended
}

// TestShutdownWaitsForAnswers closes what waits at once and what is answered after its
// answer.
func TestShutdownWaitsForAnswers(t *testing.T) {
	began, go_ := make(chan struct{}), make(chan struct{})
	s, addr := serve(t, func(context.Context, *plainhttp.Request) plainhttp.Answer {
		close(began)
		<-go_
		return plainhttp.Text(plainhttp.OK, "done")
	})
	idle := dial(t, addr)
	answer := make(chan string, 1)
	go func() {
		got, err := http.Get("http://" + addr + "/")
		if err != nil {
			answer <- err.Error()
			return
		}
		body, _ := io.ReadAll(got.Body)
		answer <- string(body)
	}()
	<-began
	short, cancel := context.WithCancel(t.Context())
	down := make(chan error, 1)
	go func() { down <- s.Shutdown(short) }()
	if n, err := idle.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes on a connection without a request", n)
	}
	select {
	case err := <-down:
		t.Errorf("Shutdown returned before the answer: %v", err)
	default:
	}
	close(go_)
	if got := <-answer; got != "done\n" {
		t.Errorf("answer %q", got)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	cancel()
	if c, err := net.Dial("tcp", addr); err == nil {
		c.Close()
		t.Error("still listening")
	}
}

// TestStrangersTakeNoTurn: whoever opens connections and asks for nothing, or for a part
// of something, keeps nobody else from being answered and holds no more than so many.
func TestStrangersTakeNoTurn(t *testing.T) {
	s, addr := serve(t, echo)
	var first net.Conn
	for i := range 3 * s.MaxConns {
		c := dial(t, addr)
		io.WriteString(c, "GET / HTTP/1.1\r\nHos"[:i%20])
		if i == 0 {
			first = c
		}
	}
	if got := status(t, addr, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"); got != 200 {
		t.Errorf("status %d among strangers", got)
	}
	first.SetReadDeadline(time.Now().Add(s.Idle / 2))
	if _, err := first.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the first of them is still held: %v", err)
	}
}

// TestAllAreWorkedFor: who comes while everything that may be asked is being worked out
// is told so, and those who came before are answered.
func TestAllAreWorkedFor(t *testing.T) {
	began, release := make(chan struct{}, 64), make(chan struct{})
	s, addr := serve(t, func(context.Context, *plainhttp.Request) plainhttp.Answer {
		began <- struct{}{}
		<-release
		return plainhttp.Text(plainhttp.OK, "done")
	})
	answers := make(chan int, s.MaxConns)
	for range s.MaxConns {
		go func() { answers <- status(t, addr, "GET / HTTP/1.1\r\nHost: a\r\n\r\n") }()
	}
	for range s.MaxConns {
		<-began
	}
	if got := status(t, addr, ""); got != 503 {
		t.Errorf("status %d, want 503", got)
	}
	close(release)
	for range s.MaxConns {
		if got := <-answers; got != 200 {
			t.Errorf("status %d", got)
		}
	}
}

// watched is a listener that tells which of its connections was closed, in order.
type watched struct {
	net.Listener
	closed []*atomic.Bool
	mu     sync.Mutex
}

type watchedConn struct {
	*net.TCPConn
	closed *atomic.Bool
}

func (c watchedConn) Close() error {
	c.closed.Store(true)
	return c.TCPConn.Close()
}

func (w *watched) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = append(w.closed, new(atomic.Bool))
	return watchedConn{c.(*net.TCPConn), w.closed[len(w.closed)-1]}, nil
}

// TestShutdownWaitsForTheRejected: a client that was told that there is no room, and does
// not close, is done with when Shutdown returns, whether it waited or was cut short.
func TestShutdownWaitsForTheRejected(t *testing.T) {
	for name, short := range map[string]bool{"to the end": false, "cut short": true} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			began, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
			s := &plainhttp.Server{MaxConns: 1, Handler: func(context.Context, *plainhttp.Request) plainhttp.Answer {
				close(began)
				<-release
				return plainhttp.Text(plainhttp.OK, "done")
			}}
			w := &watched{Listener: l}
			go func() { ended <- s.Serve(w) }()
			first := dial(t, l.Addr().String())
			if _, err := io.WriteString(first, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			<-began
			c := dial(t, l.Addr().String())
			if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 503 ") {
				t.Fatalf("%q, %v", line, err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if short {
				cancel()
			} else {
				close(release)
			}
			if err := s.Shutdown(ctx); (err != nil) != short {
				t.Error(err)
			}
			w.mu.Lock()
			if len(w.closed) != 2 || !w.closed[1].Load() {
				t.Errorf("of %d connections the rejected one is not closed", len(w.closed))
			}
			w.mu.Unlock()
			if short {
				close(release)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// gated is a listener that takes the next connection when the test says so.
type gated struct {
	net.Listener
	next chan struct{}
}

func (g gated) Accept() (net.Conn, error) {
	<-g.next
	return g.Listener.Accept()
}

// TestRejectedAfterAWholeRequest: who has sent a request before the server looks at the
// connection, and is rejected, reads why, and then the end of the connection: bytes that
// nobody has read would make it a reset. The server has a default for every bound.
func TestRejectedAfterAWholeRequest(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gate := gated{l, make(chan struct{}, 2*plainhttp.DefaultMaxConns)}
	began, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	s := &plainhttp.Server{Handler: func(context.Context, *plainhttp.Request) plainhttp.Answer {
		began <- struct{}{}
		<-release
		return plainhttp.Text(plainhttp.OK, "done")
	}}
	go func() { ended <- s.Serve(gate) }()
	answers := make(chan int, plainhttp.DefaultMaxConns)
	for range plainhttp.DefaultMaxConns {
		gate.next <- struct{}{}
		go func() { answers <- status(t, l.Addr().String(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n") }()
		<-began
	}
	c := dial(t, l.Addr().String())
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nX-Word: "+strings.Repeat("w", 40<<10)+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	gate.next <- struct{}{}
	got, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(got), "HTTP/1.1 503 ") || !strings.HasSuffix(string(got), "\r\n\r\ntoo many requests in progress: try again later\n") {
		t.Errorf("%q, %v", got, err)
	}
	close(release)
	for range plainhttp.DefaultMaxConns {
		if got := <-answers; got != 200 {
			t.Errorf("status %d", got)
		}
	}
	close(gate.next)
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
