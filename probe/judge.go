package probe

import (
	"fmt"
	"net/netip"

	"synscope/craft"
)

// judge answers "what does it say?": the verdict on a target from one answer
// to a probe of the given technique. It is the table of SEMANTICS §1.
func judge(t *Technique, target netip.AddrPort, ev *event) Verdict {
	v := Verdict{Target: target}
	switch ev.kind {
	case answerSYNACK:
		v.State, v.Reason = t.SYNACK, ReasonSYNACK
	case answerSYN:
		v.State, v.Reason = t.SYNACK, ReasonSplitHandshake
	case answerReset:
		v.State, v.Reason = t.Reset(ev.seg.Window), ReasonReset
	case answerUnverifiedReset:
		v.State, v.Reason = t.Reset(ev.seg.Window), ReasonUnverifiedReset
	case answerICMP:
		return judgeICMP(v, ev)
	}
	v.Reply = ev.reply()
	return v
}

func judgeICMP(v Verdict, ev *event) Verdict {
	v.State = StateFiltered
	v.Reason = icmpReason(v.Target.Addr(), ev.icmp.Type, ev.icmp.Code)
	v.ICMP = &ICMPCode{ev.icmp.Type, ev.icmp.Code}
	if ev.sender != v.Target.Addr().WithZone("") {
		v.Responder = ev.sender
	}
	return v
}

// rank says how much an answer proves.
func (k answerKind) rank() rank {
	switch k {
	case answerSYNACK:
		return rankOpen
	case answerReset:
		return rankReset
	case answerICMP:
		return rankICMP
	}
	return rankUnverified
}

// reply is the answering segment, in memory of its own.
func (ev *event) reply() *craft.Segment {
	s := ev.seg
	s.Options = append(craft.Options(nil), s.Options...)
	return &s
}

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
