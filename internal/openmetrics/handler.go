package openmetrics

import (
	"bytes"
	"compress/gzip"
	"context"
	"mime"
	"strconv"
	"strings"

	"synscope/internal/plainhttp"
)

// atOnce is how many scrapes are answered at the same time; more are turned away.
const atOnce = 4

// Handler answers scrapes of the registry.
func (r *Registry) Handler() plainhttp.Handler {
	places := make(chan struct{}, atOnce)
	return func(_ context.Context, request *plainhttp.Request) plainhttp.Answer {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			return r.Answer(request)
		default:
			return plainhttp.Text(plainhttp.Unavailable, "as many scrapes as are answered at once are under way")
		}
	}
}

// Answer is the registry's page in the format that a request prefers, compressed
// where the scraper can read that.
func (r *Registry) Answer(request *plainhttp.Request) plainhttp.Answer {
	f := FormatFor(request.Header.Values("Accept"))
	a := plainhttp.Answer{Status: plainhttp.OK, Body: r.Text(f)}
	a = a.With("Content-Type", f.ContentType()).With("Vary", "Accept, Accept-Encoding")
	if !accepts(request.Header.Values("Accept-Encoding"), "gzip") {
		return a
	}
	a.Body = compressed(a.Body)
	return a.With("Content-Encoding", "gzip")
}

func compressed(page []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(page)
	z.Close()
	return b.Bytes()
}

// FormatFor is the format that the values of a request's Accept header prefer
// (RFC 9110 §12.5.1); Prometheus' own where they name none that is known.
func FormatFor(accept []string) Format {
	best, quality := Prometheus, 0.0
	for entry := range entries(accept) {
		kind, parameters, err := mime.ParseMediaType(entry)
		q := qualityOf(parameters["q"])
		f, known := known(kind, parameters["version"])
		if err == nil && known && q > quality {
			best, quality = f, q
		}
	}
	return best
}

// known is the format of a media type.
func known(kind, version string) (Format, bool) {
	switch {
	case kind == "application/openmetrics-text" && (version == "" || version == "1.0.0"):
		return OpenMetrics, true
	case kind == "text/plain" && (version == "" || version == "0.0.4"), kind == "text/*", kind == "*/*":
		return Prometheus, true
	}
	return Prometheus, false
}

// accepts tells whether the values of a header name a word and do not refuse it.
func accepts(values []string, word string) bool {
	for entry := range entries(values) {
		name, rest, _ := strings.Cut(entry, ";")
		if strings.EqualFold(strings.TrimSpace(name), word) {
			_, q, _ := strings.Cut(rest, "q=")
			return qualityOf(strings.TrimSpace(q)) > 0
		}
	}
	return false
}

// entries are the members of a list in one or more headers.
func entries(values []string) func(yield func(string) bool) {
	return strings.SplitSeq(strings.Join(values, ","), ",")
}

// qualityOf is a weight; 1 where there is none.
func qualityOf(q string) float64 {
	v, err := strconv.ParseFloat(q, 64)
	if err != nil {
		return 1
	}
	return v
}
