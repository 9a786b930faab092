package plainhttp

import (
	"errors"
	"io"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// Request is one request. Its method is GET or HEAD; the difference is the server's.
type Request struct {
	URL    *url.URL
	Header textproto.MIMEHeader

	head bool // HEAD
	last bool // no other request on this connection
}

// refusal is a request that is answered by a status and the end of the connection.
type refusal struct {
	status int
	words  string
}

func (r *refusal) Error() string { return r.words }

func refuse(status int, words string) error { return &refusal{status, words} }

// readRequest reads one request: a *refusal where it is none that is answered, another
// error where the connection ends.
func readRequest(r *textproto.Reader) (*Request, error) {
	line, err := requestLine(r)
	if err != nil {
		return nil, err
	}
	header, err := readHeader(r)
	if err != nil {
		return nil, err
	}
	method, target, version, err := parseLine(line)
	if err != nil {
		return nil, err
	}
	request := &Request{Header: header, head: method == "HEAD", last: ends(version, header)}
	if err := acceptable(method, version, header); err != nil {
		return nil, err
	}
	request.URL, err = url.ParseRequestURI(target)
	if err != nil {
		return nil, refuse(BadRequest, "the request's target is no URL")
	}
	return request, nil
}

// requestLine is the first line that is not empty; one empty line before it is
// passed over (RFC 9112 §2.2).
func requestLine(r *textproto.Reader) (string, error) {
	line, err := r.ReadLine()
	if err == nil && line == "" {
		line, err = r.ReadLine()
	}
	return line, err
}

// parseLine takes a request line to pieces (RFC 9112 §3).
func parseLine(line string) (method, target, version string, err error) {
	words := strings.Split(line, " ")
	if len(words) != 3 || words[0] == "" {
		return "", "", "", refuse(BadRequest, "this is no request of HTTP/1.1")
	}
	method, target, version = words[0], words[1], words[2]
	switch {
	case version == "HTTP/1.0" || version == "HTTP/1.1":
		return method, target, version, nil
	case strings.HasPrefix(version, "HTTP/"):
		return "", "", "", refuse(VersionNotSupported, "HTTP/1.1 is spoken here")
	}
	return "", "", "", refuse(BadRequest, "this is no request of HTTP/1.1")
}

// readHeader reads the fields. A name with a space in it is refused: what stands
// before the colon would be read differently by others (RFC 9112 §5.1).
func readHeader(r *textproto.Reader) (textproto.MIMEHeader, error) {
	header, err := r.ReadMIMEHeader()
	var malformed textproto.ProtocolError
	switch {
	case errors.As(err, &malformed):
		return nil, refuse(BadRequest, "the request's fields are malformed")
	case err != nil:
		return nil, err
	}
	for name := range header {
		if strings.ContainsAny(name, " \t") {
			return nil, refuse(BadRequest, "the request's fields are malformed")
		}
	}
	return header, nil
}

// acceptable refuses what is not answered here: other methods, a request without its
// one Host (RFC 9112 §3.2), and content.
func acceptable(method, version string, header textproto.MIMEHeader) error {
	length := header.Values("Content-Length")
	switch {
	case version == "HTTP/1.1" && len(header.Values("Host")) != 1:
		return refuse(BadRequest, "a request of HTTP/1.1 names its host, once")
	case method != "GET" && method != "HEAD":
		return refuse(MethodNotAllowed, "only GET and HEAD are answered")
	case len(header.Values("Transfer-Encoding")) > 0, len(length) > 1, len(length) == 1 && strings.Trim(length[0], "0") != "":
		return refuse(ContentTooLarge, "no content of a request is taken")
	}
	return nil
}

// ends tells whether the connection is closed after the answer: where the client wants
// that (RFC 9112 §9.3), and where it speaks HTTP/1.0.
func ends(version string, header textproto.MIMEHeader) bool {
	options := strings.Split(strings.Join(header.Values("Connection"), ","), ",")
	return version == "HTTP/1.0" || slices.ContainsFunc(options, func(o string) bool {
		return strings.EqualFold(strings.TrimSpace(o), "close")
	})
}

// errTooLong is a request beyond the bound.
var errTooLong = refuse(FieldsTooLarge, "the request's fields are too long")

// bounded reads so much of a connection and no more, and tells that apart from its end.
type bounded struct {
	from io.Reader
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
