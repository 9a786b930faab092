package scan

import (
	"fmt"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// challenge remembers that an old connection answered in place of the port.
type challenge struct{ ack craft.Seq }

func (c *challenge) note(ev *wire.Event) { c.ack = ev.Seg.Ack }

// annotate adds to a verdict what happened on the way to it.
func (f *flight) annotate(v probe.Verdict) probe.Verdict {
	if f.challenges != nil {
		v.Findings = append(v.Findings, probe.Finding{
			Code: "challenge-ack", Severity: probe.SeverityNotice,
			Text:     "the far end still held an old connection on these ports; it was reset and the probe repeated from another port",
			Evidence: fmt.Sprintf("ack %d", f.challenges.ack),
		})
	}
	if f.small {
		v.Findings = append(v.Findings, probe.Finding{
			Code: "path-mtu", Severity: probe.SeverityNotice,
			Text: "a router asked for smaller packets than a SYN with options; the probe was repeated without them",
		})
	}
	if v.Reason == probe.ReasonSplitHandshake {
		v.Findings = append(v.Findings, probe.Finding{
			Code: "split-handshake", Severity: probe.SeverityNotice,
			Text: "a SYN without ACK answered the SYN; it carries no number of ours, so another machine could have sent it",
		})
	}
	return v
}
