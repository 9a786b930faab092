package capture

import (
	"fmt"
	"strings"

	"synscope/probe"
)

// Comment says a verdict in one line, for the packets that led to it: "open
// (syn-ack), 1 attempt, RTT 6.8µs (kernel clock), notice challenge-ack".
func Comment(v *probe.Verdict) string {
	words := []string{fmt.Sprintf("%s (%s)", v.State, v.Reason)}
	switch {
	case v.Attempts == 1:
		words = append(words, "1 attempt")
	case v.Attempts > 1:
		words = append(words, fmt.Sprintf("%d attempts", v.Attempts))
	}
	if v.RTT > 0 {
		words = append(words, fmt.Sprintf("RTT %s (%s clock)", v.RTT, v.Clock))
	}
	if v.Responder.IsValid() {
		words = append(words, "answered by "+v.Responder.String())
	}
	for _, f := range v.Findings {
		words = append(words, f.Severity.String()+" "+f.Code)
	}
	return strings.Join(words, ", ")
}

// Verdict is [Recorder.Judge] with the words of a verdict.
func (r *Recorder) Verdict(v *probe.Verdict) { r.Judge(v.Target, Comment(v)) }
