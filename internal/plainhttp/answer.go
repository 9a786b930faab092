package plainhttp

import (
	"bufio"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Status codes that are in use here (RFC 9110 §15).
const (
	OK                  = 200
	BadRequest          = 400
	Forbidden           = 403
	NotFound            = 404
	MethodNotAllowed    = 405
	ContentTooLarge     = 413
	FieldsTooLarge      = 431 // RFC 6585 §5
	InternalError       = 500
	Unavailable         = 503
	VersionNotSupported = 505
)

// phrases are the reason phrases; a status without one is sent without (RFC 9112 §4).
var phrases = map[int]string{
	OK: "OK", BadRequest: "Bad Request", Forbidden: "Forbidden", NotFound: "Not Found",
	MethodNotAllowed: "Method Not Allowed", ContentTooLarge: "Content Too Large",
	FieldsTooLarge: "Request Header Fields Too Large", InternalError: "Internal Server Error",
	Unavailable: "Service Unavailable", VersionNotSupported: "HTTP Version Not Supported",
}

// Answer is a response, whole. Date, Content-Length and Connection are not among its
// fields: the server adds them.
type Answer struct {
	Status int
	Fields map[string]string
	Body   []byte
}

// Text is an answer in words; a line feed is added.
func Text(status int, words string) Answer {
	return Answer{status, map[string]string{"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}, []byte(words + "\n")}
}

// With adds a field to an answer.
func (a Answer) With(name, value string) Answer {
	a.Fields = maps.Clone(a.Fields)
	if a.Fields == nil {
		a.Fields = map[string]string{}
	}
	a.Fields[name] = value
	return a
}

// imfFixdate is the form of a Date (RFC 9110 §5.6.7).
const imfFixdate = "Mon, 02 Jan 2006 15:04:05 GMT"

// manner is in which way an answer is sent.
type manner struct {
	head bool // to HEAD: without its body (RFC 9110 §9.3.2)
	last bool // the connection is closed after it
}

// write sends an answer.
func (a *Answer) write(w *bufio.Writer, how manner, now time.Time) error {
	fmt.Fprintf(w, "HTTP/1.1 %d %s\r\n", a.Status, phrases[a.Status])
	fmt.Fprintf(w, "Date: %s\r\nContent-Length: %d\r\n", now.UTC().Format(imfFixdate), len(a.Body))
	for _, name := range slices.Sorted(maps.Keys(a.Fields)) {
		fmt.Fprintf(w, "%s: %s\r\n", name, a.Fields[name])
	}
	if how.last {
		w.WriteString("Connection: close\r\n")
	}
	w.WriteString("\r\n")
	if !how.head {
		w.Write(a.Body)
	}
	return w.Flush()
}
