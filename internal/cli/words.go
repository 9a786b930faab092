package cli

import (
	"errors"
	"io/fs"
	"net"
	"strconv"
	"strings"

	"synscope/internal/report/record"
)

// inWords is an error in the words of a user: without the names of packages of this program
// and of calls of the system's, and with each file once.
func inWords(err error) string {
	text := record.ErrorWords(err)
	var path *fs.PathError
	if errors.As(err, &path) {
		text = withoutCall(text, path)
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		text = strings.ReplaceAll(text, dns.Error(), unresolved(dns))
	}
	return text
}

// withoutCall is "FILE: is a directory" of "FILE: open FILE: is a directory".
func withoutCall(text string, e *fs.PathError) string {
	text = strings.ReplaceAll(text, e.Error(), e.Path+": "+e.Err.Error())
	for _, name := range []string{e.Path, strconv.Quote(e.Path)} {
		text = strings.ReplaceAll(text, name+": "+e.Path+": ", name+": ")
	}
	return text
}

// unresolved is "no such host (asked 192.0.2.53)".
func unresolved(e *net.DNSError) string {
	server, _, err := net.SplitHostPort(e.Server)
	if err != nil {
		return e.Err
	}
	return e.Err + " (asked " + server + ")"
}
