package handshake

import (
	"fmt"
	"strings"

	"synscope/probe"
)

// A mark is one kind of evidence that an RST was not the host's. None decides
// by itself; IP ID and DF are no marks, since some stacks differ in them
// between SYN-ACK and RST.
type mark struct {
	weight int
	text   string
}

// Sums of weights from which a suspicion is more than one.
const (
	suspected = 2
	likely    = 4
	certain   = 6
)

// middlebox weighs whether somebody before the host sent the RST.
func (f *Follower) middlebox() (probe.Finding, bool) {
	reset := f.seen.reset()
	if reset == nil {
		return probe.Finding{}, false
	}
	sum, texts := 0, []string(nil)
	for _, m := range f.marks(reset) {
		sum += m.weight
		texts = append(texts, m.text)
	}
	if sum < suspected {
		return probe.Finding{}, false
	}
	finding := probe.Finding{
		Code:     "refused-by-middlebox",
		Text:     "the RST may come from something before the host",
		Evidence: strings.Join(texts, "; "),
	}
	switch known := f.reference() != 0; {
	case !known:
	case sum >= certain:
		finding.Severity, finding.Text = probe.SeverityWarning, "the RST comes from something before the host"
	case sum >= likely:
		finding.Severity, finding.Text = probe.SeverityNotice, "the RST probably comes from something before the host"
	}
	return finding, true
}

// reference is the TTL of the host's own SYN-ACKs, 0 where none has come.
func (f *Follower) reference() uint8 {
	if f.seen.synack.seen() {
		return f.seen.synack.segment.TTL
	}
	return f.context.Known.TTL
}

func (f *Follower) marks(reset *resetSeen) (list []mark) {
	add := func(seen bool, weight int, format string, args ...any) {
		if seen {
			list = append(list, mark{weight, fmt.Sprintf(format, args...)})
		}
	}
	ttl, known := int(reset.segment.TTL), int(f.reference())
	add(known != 0 && (ttl-known > 1 || known-ttl > 1), 2, "TTL %d, of SYN-ACKs %d", ttl, known)
	fastest := f.context.Known.RTT
	add(reset.state == SYNSent && fastest > 0 && reset.answered < fastest/2, 2,
		"came after %v, no SYN-ACK under %v", reset.answered, fastest)
	refusal := reset.state == SYNSent
	add(refusal && reset.hasOptions(), 1, "options [%s]", reset.segment.Options)
	add(refusal && reset.hasWindow(), 1, "window %d", reset.segment.Window)
	add(refusal && f.seen.resetCount > f.seen.syn.count, 1, "%s to %s", count(f.seen.resetCount, "RST"), count(f.seen.syn.count, "SYN"))
	add(f.seen.genuine > 0, 3, "%s of the host after it", count(f.seen.genuine, "segment"))
	return list
}
