// Package plainhttp answers GET and HEAD over HTTP/1.1 (RFC 9110, RFC 9112) for those that
// scrape metrics: each page is whole before it leaves, no content of a request is taken,
// and there is no TLS. net/http cannot be had without TLS and X.509, which would be a
// seventh of the program.
//
// A connection is accepted (Server.Serve), waits for a request, is read with a bound on its
// length and on its time (request.go), is answered by the Handler, and written (answer.go);
// then it waits for the next one. The context of a handler ends when the client goes away.
//
//	s := plainhttp.Server{MaxConns: 16, Handler: func(_ context.Context, r *plainhttp.Request) plainhttp.Answer {
//		return plainhttp.Text(plainhttp.OK, "you asked for "+r.URL.Path)
//	}}
//	err := s.Serve(listener)
package plainhttp
