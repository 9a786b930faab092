package wire

import (
	"net/netip"

	"synscope/craft"
	"synscope/probe"
)

// Judge answers "what does it say?": the verdict on a target from one answer
// to a probe of the given technique. It is the table of SEMANTICS §1.
func Judge(t *probe.Technique, target netip.AddrPort, ev *Event) probe.Verdict {
	v := probe.Verdict{Target: target}
	switch ev.Kind {
	case KindSYNACK:
		v.State, v.Reason = t.SYNACK, probe.ReasonSYNACK
	case KindSYN:
		v.State, v.Reason = t.SYNACK, probe.ReasonSplitHandshake
	case KindReset:
		v.State, v.Reason = t.Reset(ev.Seg.Window), probe.ReasonReset
	case KindUnverifiedReset:
		v.State, v.Reason = t.Reset(ev.Seg.Window), probe.ReasonUnverifiedReset
	case KindICMP:
		return judgeICMP(v, ev)
	}
	v.Reply = ev.reply()
	return v
}

func judgeICMP(v probe.Verdict, ev *Event) probe.Verdict {
	v.State = probe.StateFiltered
	v.Reason, _ = probe.ICMPMeaning(v.Target.Addr(), ev.ICMP.Type, ev.ICMP.Code)
	icmp := ev.ICMP
	v.ICMP = &icmp
	if ev.Sender != v.Target.Addr().WithZone("") {
		v.Responder = ev.Sender
	}
	return v
}

// Rank says how much an answer proves.
func (k Kind) Rank() Rank {
	switch k {
	case KindSYNACK:
		return RankOpen
	case KindReset:
		return RankReset
	case KindICMP:
		return RankICMP
	}
	return RankUnverified
}

// reply is the answering segment, in memory of its own.
func (ev *Event) reply() *craft.Segment {
	s := ev.Seg
	s.Options = append(craft.Options(nil), s.Options...)
	return &s
}

// Rank orders answers by how much they prove: SEMANTICS, precedence.
type Rank uint8

const (
	RankSilence    Rank = iota
	RankUnverified      // a verdict only if nothing better comes
	RankICMP
	RankReset
	RankOpen
)
