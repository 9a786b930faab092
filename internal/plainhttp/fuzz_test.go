package plainhttp

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"net/textproto"
	"testing"
)

// FuzzRequest holds what is taken against net/http: what it refuses is not taken, and
// what both take asks for the same page.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("GET /probe?target=a:1 HTTP/1.1\r\nHost: a\r\n\r\n"))
	f.Add([]byte("\r\nHEAD http://a/ HTTP/1.0\nConnection: close\n\n"))
	f.Add([]byte("GET / HTTP/1.1\r\nHost : a\r\nContent-Length: 00\r\n x\r\n\r\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		in := &bounded{from: bytes.NewReader(sent), left: mostHead}
		ours, err := readRequest(textproto.NewReader(bufio.NewReader(in)))
		if err != nil {
			var r *refusal
			if errors.As(err, &r) && phrases[r.status] == "" {
				t.Errorf("refused with status %d", r.status)
			}
			return
		}
		theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(bytes.TrimLeft(sent, "\r\n"))))
		if err != nil {
			t.Fatalf("%q is taken; net/http: %v", sent, err)
		}
		if ours.URL.Path != theirs.URL.Path || ours.URL.RawQuery != theirs.URL.RawQuery || ours.head != (theirs.Method == "HEAD") {
			t.Errorf("%q: %v %v, net/http: %v %v", sent, ours.head, ours.URL, theirs.Method, theirs.URL)
		}
	})
}
