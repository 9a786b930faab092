package why

import "strings"

// Discarded counts what came for a trial and was not its answer. The zero Discarded is
// that nothing did.
type Discarded struct {
	ACKs   int // without a number of ours (RFC 9293 §3.10.7.3); of several for one SYN, one
	RSTs   int // the same (RFC 5961 §3.2)
	Errors int // ICMP errors beside an answer that says more
}

// Add counts another trial's as well.
func (d *Discarded) Add(o Discarded) {
	d.ACKs += o.ACKs
	d.RSTs += o.RSTs
	d.Errors += o.Errors
}

// String names them, as "1 RST without a number of ours ignored"; "" for none.
func (d Discarded) String() string {
	var parts []string
	for _, p := range []struct {
		n           int
		kind, which string
	}{{d.ACKs, "ACK", "without a number of ours"}, {d.RSTs, "RST", "without a number of ours"}, {d.Errors, "ICMP error", "beside the answer"}} {
		if p.n > 0 {
			parts = append(parts, countOf(p.n, p.kind)+" "+p.which)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return strings.Join(parts, ", ") + " ignored"
}
