package wire

import (
	"net/netip"

	"synscope/craft"
	"synscope/probe"
)

// Judge answers "what does it say?": the verdict on a target from one answer
// to a probe of the given technique. It is the table of SEMANTICS §1.
func Judge(t *probe.Technique, target netip.AddrPort, ev *Event) probe.Verdict {
	return JudgeInto(t, target, ev, new(craft.Segment), nil)
}

// JudgeInto is Judge with memory for the answering segment and its options, for
// callers that judge many and get memory for all of them at once. A first fragment is
// no evidence beyond the number that it repeats, and so no reply.
func JudgeInto(t *probe.Technique, target netip.AddrPort, ev *Event, reply *craft.Segment, options craft.Options) probe.Verdict {
	v := probe.Verdict{Target: target, TTL: ev.Seg.TTL}
	if ev.Translated || ev.Here {
		v.Findings = []probe.Finding{translatedHere(ev)}
	}
	if ev.Discarded != nil {
		v.Findings = append(v.Findings, discardedHere(ev.Discarded))
	}
	switch ev.Kind {
	case KindSYNACK:
		v.State, v.Reason = t.SYNACK, probe.ReasonSYNACK
	case KindACK:
		v.State, v.Reason = t.SYNACK, probe.ReasonSplitHandshake
	case KindReset, KindAskedReset:
		v.State, v.Reason = t.Reset(ev.Seg.Window), probe.ReasonReset
	case KindUnverifiedReset:
		v.State, v.Reason = t.Reset(ev.Seg.Window), probe.ReasonUnverifiedReset
	case KindICMP:
		return judgeICMP(v, ev)
	}
	if ev.Fragment {
		return v
	}
	*reply = ev.Seg
	reply.Options = append(options[:0:cap(options)], ev.Seg.Options...)
	v.Reply = reply
	return v
}

// discardedHere adds that the answer proves what the port is, but that no program on this machine
// would receive it.
func discardedHere(why error) probe.Finding {
	return probe.Finding{
		Code: "discarded-here", Severity: probe.SeverityWarning,
		Text:     "the answer reached this machine, whose kernel discards it: no program here can connect, whatever the port is",
		Evidence: why.Error(),
	}
}

func judgeICMP(v probe.Verdict, ev *Event) probe.Verdict {
	v.State = probe.StateFiltered
	v.Reason, _ = probe.ICMPMeaning(v.Target.Addr(), ev.ICMP.Type, ev.ICMP.Code)
	icmp := ev.ICMP
	v.ICMP = &icmp
	if ev.Sender != v.Target.Addr().WithZone("") {
		v.Responder = ev.Sender.WithZone(ev.zone)
	}
	return v
}

// translatedHere tells that the answer, which carries our number, came from another
// address than the probed one, or to another than ours, or from this machine itself.
func translatedHere(ev *Event) probe.Finding {
	f := probe.Finding{
		Code: "translated-here", Severity: probe.SeverityNotice,
		Text: "this machine's own NAT changed the addresses of the probe; its answer was taken as the kernel translated it back",
	}
	if ev.Here {
		f.Severity = probe.SeverityWarning
		f.Text = "this machine answered itself, in the target's name: a rule here leads what is sent there to a program of its own (a transparent proxy); the target was not asked"
		f.Evidence = "the answer came in through the loopback interface"
	}
	switch {
	case ev.Wire.IsValid() && ev.Wire == ev.Seg.Src:
		f.Text = "this machine's own NAT changed the address that the probe left from; its answer was taken as the kernel translated it back"
	case ev.Wire.IsValid():
		f.Evidence = "it came from " + ev.Wire.String()
	}
	return f
}
