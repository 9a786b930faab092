package probe

import (
	"fmt"

	"synscope/craft"
)

// challenge remembers that an old connection answered in place of the port.
type challenge struct{ ack craft.Seq }

func (c *challenge) note(ev *event) { c.ack = ev.seg.Ack }

// annotate adds to a verdict what happened on the way to it.
func (f *flight) annotate(v Verdict) Verdict {
	if f.challenges != nil {
		v.Findings = append(v.Findings, Finding{
			Code: "challenge-ack", Severity: SeverityNotice,
			Text:     "the far end still held an old connection on these ports; it was reset and the probe repeated from another port",
			Evidence: fmt.Sprintf("ack %d", f.challenges.ack),
		})
	}
	if f.small {
		v.Findings = append(v.Findings, Finding{
			Code: "path-mtu", Severity: SeverityNotice,
			Text: "a router asked for smaller packets than a SYN with options; the probe was repeated without them",
		})
	}
	if v.Reason == ReasonSplitHandshake {
		v.Findings = append(v.Findings, Finding{
			Code: "split-handshake", Severity: SeverityNotice,
			Text: "a SYN without ACK answered the SYN; it carries no number of ours, so another machine could have sent it",
		})
	}
	return v
}
