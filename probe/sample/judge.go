package sample

import (
	"fmt"

	"synscope/probe"
	"synscope/probe/internal/wire"
	"synscope/probe/isn"
)

// judge analyses the samples and says beside the class what befell the
// sampling. Where the far end did not let the plan be carried out, the class
// is unknown: what the answers before looked like is no more than a finding.
func (r *Result) judge(quick bool) {
	r.Report = isn.Analyze(r.Samples, isn.Options{})
	r.nameTwice()
	switch {
	case r.unclosed, r.finished && r.relabelled && ofTuples(r.Report.Class):
		r.withdraw()
	case r.finished && r.Planned == 0:
		r.note("no-further-address", isn.Warning, "The series asked for needs another source address in the same subnet, and this machine has none.", "")
	case r.finished:
	case r.Reason == probe.ReasonInterrupted:
		r.note("interrupted", isn.Notice, "The run was interrupted; the class rests on the answers until then.", r.progress())
	default:
		r.withdraw()
	}
	if r.kept.IsValid() && r.finished {
		r.note("one-port-answered", isn.Notice, fmt.Sprintf("Only port %d of ours is answered, and others no longer are: what is said holds for that port.", r.kept.Port()), r.progress())
	}
	if quick && r.Report.Class != isn.ClassUnknown {
		r.note("quick-run", isn.Info, "A quick run cannot tell a weak generator from a good one, several machines from one, "+
			"or which options a cookie holds; a run without --quick can.", r.progress())
	}
	for _, f := range r.noticed {
		switch f.Code {
		case "local-firewall": // why says so
		case "challenge-ack":
			r.note(f.Code, isn.Notice, "An ACK that acknowledges none of our SYNs answered one: the host may hold an old connection on these ports. "+
				"That was reset and the SYN retransmitted.", f.Evidence)
		default:
			r.note(f.Code, f.Severity, f.Text, f.Evidence)
		}
	}
	if r.Stale > 0 {
		r.note("stale-half-open", isn.Info, "Our SYN met a half-open connection of an earlier one, whose reset was lost or overtaken; it was closed and the SYN retransmitted.",
			fmt.Sprintf("%d challenge ACKs", r.Stale))
	}
	if r.Stepped > 0 {
		r.note("clock-set", isn.Notice, "This machine's clock was set during the run; the times of the samples round that are left out.",
			fmt.Sprintf("%d samples", r.Stepped))
	}
}

// ofTuples tells whether a class says what numbers of one tuple have in common, or that they have
// nothing: which those are cannot be told where a NAT hands out the ports.
func ofTuples(c isn.Class) bool {
	switch c {
	case isn.ClassTupleConstant, isn.ClassTupleClock, isn.ClassTupleRandomIncrement, isn.ClassRandom,
		isn.ClassSYNCookies, isn.ClassSYNProxy, isn.ClassMixed:
		return true
	}
	return false
}

// nameTwice says of the first SYN that was answered twice with which numbers.
func (r *Result) nameTwice() {
	for i := range r.Report.Findings {
		if f := &r.Report.Findings[i]; f.Code == isn.CodeTwice && r.twice != "" {
			f.Evidence += ", " + r.twice
		}
	}
}

// withdraw makes the class unknown and says why in one sentence.
func (r *Result) withdraw() {
	before := r.Report
	r.Report = isn.Report{Samples: before.Samples, Lost: before.Lost, Twice: before.Twice}
	code, text := r.why()
	r.note(code, isn.Warning, text, r.progress())
	for _, f := range before.Findings {
		if f.Code == isn.CodeTwice {
			r.note(f.Code, f.Severity, f.Text, f.Evidence)
		}
	}
	if before.Class != isn.ClassUnknown && (r.unclosed || !r.finished) {
		r.note("cut-short", isn.Info, "What answered until then looked like "+before.Class.String()+".",
			fmt.Sprintf("%d answers, confidence %.2f", before.Samples, before.Confidence))
	}
}

// why is what a person is told about a plan that was not carried out.
func (r *Result) why() (code, text string) {
	switch {
	case wire.SaysNotAHost(r.Reason):
		return "no-route", "This is no host: " + r.Err.Error() + "."
	case r.Err != nil && r.Reason == probe.ReasonNoRoute:
		return "no-route", "There is no way to this host from here: " + r.Err.Error() + "."
	case r.Reason == probe.ReasonLocalFirewall:
		return "local-firewall", "This machine's own firewall refused to send the SYNs: " + r.Err.Error() + "."
	case r.unclosed:
		return "local-firewall", "This machine's own firewall refused the RSTs that close what SYNs open: the host answers for connections of earlier SYNs, and not with new numbers. Let RSTs out (nft list ruleset)."
	case r.finished:
		return "ports-translated", "This machine's own NAT changed the ports of our SYNs: which numbers are of one tuple cannot be told. Except the target from the rule (nft list ruleset, masquerade or snat), or sample from another machine."
	case r.Err != nil:
		return "send-failed", "The SYNs could not be sent: " + r.Err.Error() + "."
	case r.refused() && r.Report.Samples > 0:
		return "stopped-listening", "The port was open and then refused: the service ended, or something on the way cut us off."
	case r.Reason == probe.ReasonUnverifiedReset:
		return "port-refused", "Only RSTs without a number of ours answered, as anybody on the way could send them: there is no sequence number to see."
	case r.refused():
		return "port-refused", "Nothing listens on this port, so there is no sequence number to see: name an open one with -p."
	case r.Report.Samples > 0:
		return "stopped-answering", "The host stopped answering half-way: it may limit SYNs or hold us for an attack; try a lower --rate, or later."
	case r.late:
		return "too-few-samples", "The port is open, but its SYN-ACKs came after the time that they were waited for: a longer --timeout takes them in."
	case r.ICMP != nil:
		return "unreachable", fmt.Sprintf("%s says that the port cannot be reached (ICMP type %d code %d).", r.Sender, r.ICMP.Type, r.ICMP.Code)
	}
	return "no-answer", "Nothing answered: the port is filtered or the host is down."
}

// refused tells whether a reset ended the sampling.
func (r *Result) refused() bool {
	return r.Reason == probe.ReasonReset || r.Reason == probe.ReasonUnverifiedReset
}

// progress is how far the plan came. A SYN that was refused gave no sample and was not lost.
func (r *Result) progress() string {
	refused, lost := "", r.Report.Lost
	if r.refused() && lost > 0 {
		refused, lost = " 1 refused,", lost-1
	}
	return fmt.Sprintf("%d of %d SYNs, %d answered,%s %d lost", r.Carried, r.Planned, r.Report.Samples, refused, lost)
}

func (r *Result) note(code string, s isn.Severity, text, evidence string) {
	r.Report.Findings = append(r.Report.Findings, isn.Finding{Code: code, Severity: s, Text: text, Evidence: evidence})
}
