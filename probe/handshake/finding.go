package handshake

import (
	"slices"
	"strconv"

	"synscope/probe"
)

// pattern is one finding that a connection can give: its stable code and its
// sentence, and when it is seen. The evidence is what see returns; "" means
// not seen.
type pattern struct {
	code     string
	severity probe.Severity
	text     string
	see      func(f *Follower, r *Result) (evidence string)
}

// patterns are all findings, in the order in which a report lists them. Those
// of refusedByMiddlebox have a severity of their own.
var patterns = slices.Concat(
	handshakePatterns, optionPatterns, dataPatterns, teardownPatterns,
)

// count is "1 segment", "2 segments".
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

// findings are those that the connection has given so far.
func (f *Follower) findings(r *Result) (list []probe.Finding) {
	for i := range patterns {
		p := &patterns[i]
		if evidence := p.see(f, r); evidence != "" {
			list = append(list, probe.Finding{Code: p.code, Severity: p.severity, Text: p.text, Evidence: evidence})
		}
	}
	if finding, ok := f.middlebox(); ok {
		list = append(list, finding)
	}
	return list
}
