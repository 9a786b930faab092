package wire

import (
	"net/netip"

	"synscope/craft"
	"synscope/probe"
)

// RejectElsewhere counts answers that acknowledge exactly a SYN of ours, and come from
// another address than that was sent to: no connection takes them (RFC 9293
// §3.10.7.4 looks them up by both ends), and they say nothing of the target.
const RejectElsewhere = "other-address"

// Strange tells whether an answer may be one from elsewhere: it acknowledges a number
// that nobody was sent where it comes from.
func (ev *Event) Strange() bool {
	return ev.reject == RejectBadAck && ev.Seg.Flags.Has(craft.ACK) && ev.Seg.Flags&(craft.SYN|craft.RST) != 0
}

// Elsewhere has an answer counted as one that came from elsewhere.
func (ev *Event) Elsewhere() { ev.reject = RejectElsewhere }

// FromElsewhere tells on a target that somebody else accepted what was sent to it.
func FromElsewhere(from netip.AddrPort) probe.Finding {
	return probe.Finding{
		Code: RejectElsewhere, Severity: probe.SeverityWarning,
		Text: "a SYN-ACK acknowledged exactly our SYN and came from another address, so that no connection can be made: " +
			"the way back is not translated as the way there is (port forwarding from inside, asymmetric NAT)",
		Evidence: "it came from " + from.String(),
	}
}
