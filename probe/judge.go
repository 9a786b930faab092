package probe

import (
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

// rank orders answers by how much they prove: SEMANTICS, precedence.
type rank uint8

const (
	rankSilence    rank = iota
	rankUnverified      // a verdict only if nothing better comes
	rankICMP
	rankReset
	rankOpen
)
