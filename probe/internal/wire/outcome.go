package wire

import (
	"fmt"
	"net/netip"
	"slices"

	"synscope/craft"
	"synscope/probe"
)

// Rank orders answers by how much they prove: open beats everything (an ACK of
// our ISN cannot be guessed), refused and unfiltered beat ICMP, ICMP beats what
// carries no number of ours, and that beats silence.
type Rank uint8

const (
	RankSilence    Rank = iota
	RankUnverified      // a verdict only if nothing better comes
	RankICMP
	RankAsked // refused, unless the SYN draws anything better in its time
	RankReset
	RankOpen
)

// Rank says how much an answer proves.
func (k Kind) Rank() Rank {
	switch k {
	case KindSYNACK, KindACK:
		return RankOpen
	case KindReset:
		return RankReset
	case KindAskedReset:
		return RankAsked
	case KindICMP:
		return RankICMP
	}
	return RankUnverified
}

// Action says what an engine has to do about an answer.
type Action uint8

const (
	ActIgnore Action = iota // it was rejected, or changes nothing
	ActFinish               // the verdict is there: nothing beats it
	ActSettle               // a verdict, unless something better comes within the grace
	ActHold                 // a verdict, unless something better comes in the time of the probe
	ActAsk                  // send the question that Ask makes; the probe goes on as before
	ActRenew                // an old connection stood in the way: RST, and again from another port
	ActShrink               // retransmit without options, which made the packet too large
)

// Outcome is what has come of one probe so far: the best answer, and what was
// noticed on the way to it. Every engine judges by it, so that all of them say
// the same of the same answers. The zero value is silence.
type Outcome struct {
	Best *probe.Verdict // of the best answer, nil if none
	Rank Rank
	Room *probe.Verdict // for Best; nil: it is allocated

	attempt int // that drew Best
	noticed noticed
	stale   craft.Seq        // what the old connection acknowledged
	strays  *[]probe.Finding // nil: none came
}

// noticed are things that a verdict tells beside itself.
type noticed uint8

const (
	noticedChallenge noticed = 1 << iota // an old connection answered
	noticedPathMTU                       // a router asked for less
	noticedSYN                           // a bare SYN came back
	noticedReset                         // a reset came, and then the genuine answer to the same SYN
	noticedRefusal                       // one SYN was refused, and then another accepted
	askedAboutReset                      // the question after an unverified reset was sent
	askedAboutSYN                        // the SYN-ACK after a bare SYN was sent
)

// Doubtful tells whether nothing has come by which anybody knows what became of the SYN.
func (o *Outcome) Doubtful() bool { return o.Rank <= RankUnverified || o.Rank == RankAsked }

// Open tells whether the outcome is proven: nothing beats it.
func (o *Outcome) Open() bool { return o.Rank == RankOpen }

// Renewed tells whether an old connection stood in the way.
func (o *Outcome) Renewed() bool { return o.noticed&noticedChallenge != 0 }

// Small tells whether the probe is to be retransmitted without options.
func (o *Outcome) Small() bool { return o.noticed&noticedPathMTU != 0 }

// Asked tells whether a bare SYN was answered by our SYN-ACK: an ACK of our ISN
// then answers that.
func (o *Outcome) Asked() bool { return o.noticed&askedAboutSYN != 0 }

// Indirect tells whether an answer to a SYN is one to a question of [Ask]: its
// time is not that of the SYN.
func (ev *Event) Indirect() bool {
	return ev.Kind == KindACK || ev.Kind == KindAskedReset
}

// Take weighs an answer to a probe for target, and says what is to be done about
// it, or why it is rejected. An answer without a number of ours never takes the
// place of one that has it.
func (o *Outcome) Take(t *probe.Technique, target netip.AddrPort, ev *Event) (do Action, reject string) {
	switch ev.Kind {
	case KindPathMTU:
		return o.note(noticedPathMTU, ActShrink)
	case KindChallenge:
		return o.challenged(ev)
	case KindACK:
		if o.noticed&askedAboutSYN == 0 {
			return o.challenged(ev)
		}
	case KindSYN:
		return o.answeredBySYN()
	}
	if ev.Kind.Rank() <= o.Rank {
		return ActIgnore, RejectDuplicate
	}
	if ev.Kind.Rank() == RankOpen && o.Rank == RankReset {
		o.noticed |= overruled(o.attempt, ev.Attempt)
	}
	if o.Room == nil {
		o.Room = new(probe.Verdict)
	}
	*o.Room = Judge(t, target, ev)
	o.Best, o.Rank, o.attempt = o.Room, ev.Kind.Rank(), ev.Attempt
	return o.action(), ""
}

// TakeLate weighs an answer that came after its probe was given up, and tells whether
// it proves more than all before: what the target itself says proves what the port
// is, however late.
func (o *Outcome) TakeLate(t *probe.Technique, target netip.AddrPort, ev *Event) (better bool) {
	if ev.Kind.Rank() < RankAsked || ev.Kind.Rank() <= o.Rank {
		return false
	}
	_, reject := o.Take(t, target, ev)
	return reject == "" && o.Rank == ev.Kind.Rank()
}

// TakeLateError is TakeLate of an ICMP error where nothing had come: a router that asks in vain for
// the link address of a host says so only after three seconds (RFC 4861 §7.2.2; Linux for ARP too).
func (o *Outcome) TakeLateError(t *probe.Technique, target netip.AddrPort, ev *Event) (better bool) {
	if ev.Kind != KindICMP || o.Rank != RankSilence {
		return false
	}
	_, reject := o.Take(t, target, ev)
	return reject == "" && o.Rank == RankICMP
}

// action is what follows from the best answer.
func (o *Outcome) action() Action {
	switch {
	case o.Rank == RankOpen:
		return ActFinish
	case o.Rank == RankAsked:
		return ActHold
	case o.Rank > RankUnverified:
		return ActSettle
	case o.noticed&askedAboutReset == 0:
		o.noticed |= askedAboutReset
		return ActAsk
	}
	return ActIgnore
}

func (o *Outcome) note(what noticed, do Action) (Action, string) {
	if o.noticed&what != 0 {
		return ActIgnore, RejectDuplicate
	}
	o.noticed |= what
	return do, ""
}

// challenged takes note of an old connection (RFC 5961 §4, RFC 9293 §3.10.7.4):
// one more transmission is granted for it, once.
func (o *Outcome) challenged(ev *Event) (Action, string) {
	if !o.Doubtful() {
		return ActIgnore, RejectUnsolicited
	}
	o.stale = ev.Seg.Ack
	return o.note(noticedChallenge, ActRenew)
}

// answeredBySYN asks whoever sent a bare SYN to acknowledge our ISN: until then
// it is a finding.
func (o *Outcome) answeredBySYN() (Action, string) {
	if !o.Doubtful() {
		return ActIgnore, RejectDuplicate
	}
	return o.note(noticedSYN|askedAboutSYN, ActAsk)
}

// Ask is the question that an answer without a number of ours calls for: after
// a bare RST an ACK, whose number a closed port's RST repeats; after a bare SYN
// a SYN-ACK with our own ISN, which the far end then acknowledges (RFC 9293
// §3.5, simultaneous open). n are the numbers of the transmission answered.
func Ask(ev *Event, n Numbers) Response {
	r := Response{Src: ev.Seg.Dst, Dst: ev.Seg.Src, Flags: craft.ACK, Seq: n.Seq.Add(1), Ack: n.Ack, Link: ev.link()}
	if ev.Kind == KindSYN {
		r.Flags, r.Seq, r.Ack = craft.SYN|craft.ACK, n.Seq, ev.Seg.Seq.Add(1)
	}
	return r
}

// CloseAfter is the RST that closes what an answer shows to be half open: an exact
// one, with the sequence number that the peer expects (RFC 5961 §3.2).
func CloseAfter(ev *Event) Response {
	return Response{Src: ev.Seg.Dst, Dst: ev.Seg.Src, Flags: craft.RST, Seq: ev.Seg.Ack, Link: ev.link(), Attempt: ev.Attempt, Peer: ev.Seg.Seq}
}

// Response is what an action calls for to be sent, if anything; n are the
// numbers of the transmission answered.
func (do Action) Response(ev *Event, n Numbers) (r Response, ok bool) {
	switch {
	case do == ActAsk:
		return Ask(ev, n), true
	case do == ActRenew, do == ActFinish && ev.Kind == KindACK:
		return CloseAfter(ev), true
	}
	return r, false
}

// Verdict is the best answer, or silence in the words of the technique.
func (o *Outcome) Verdict(t *probe.Technique, target netip.AddrPort) probe.Verdict {
	v := probe.Verdict{Target: target, State: t.Silence, Reason: probe.ReasonNoResponse}
	if o.Best != nil {
		v = *o.Best
	}
	return o.Annotate(v)
}

// Annotate adds to a verdict what was noticed on the way to it, each kind once: what an
// earlier attempt noticed too stands there already.
func (o *Outcome) Annotate(v probe.Verdict) probe.Verdict {
	if o.strays != nil && v.Reason == probe.ReasonNoResponse {
		v.Findings = Noting(v.Findings, *o.strays...)
	}
	if o.noticed == 0 {
		return v
	}
	for _, f := range findings {
		if o.noticed&f.when == 0 {
			continue
		}
		found := f.Finding
		if f.when == noticedChallenge {
			found.Evidence = fmt.Sprintf("ack %d", o.stale)
		}
		v.Findings = Noting(v.Findings, found)
	}
	return v
}

// Superseding adds to the verdict of an answer what follows from the rank of the best one
// before it, which was to that attempt, for engines that keep no more of that.
func Superseding(v probe.Verdict, ev *Event, before Rank, attempt int) probe.Verdict {
	if ev.Kind.Rank() != RankOpen || before != RankReset {
		return v
	}
	o := Outcome{noticed: overruled(attempt, ev.Attempt)}
	return o.Annotate(v)
}

// overruled is what a SYN-ACK to one attempt says of the RST to another before it: each has a
// source port of its own, by which a balancer may have sent them to different hosts.
func overruled(refused, accepted int) noticed {
	if refused == accepted {
		return noticedReset
	}
	return noticedRefusal
}

// Noting is a list of findings with others behind it, each kind once.
func Noting(list []probe.Finding, others ...probe.Finding) []probe.Finding {
	for _, f := range others {
		if !slices.ContainsFunc(list, func(g probe.Finding) bool { return g.Code == f.Code }) {
			list = append(list, f)
		}
	}
	return list
}

var findings = []struct {
	when noticed
	probe.Finding
}{
	{noticedChallenge, probe.Finding{
		Code: "challenge-ack", Severity: probe.SeverityNotice,
		Text: "the far end still held an old connection on these ports; it was reset and the probe retransmitted, from another port where the run has one",
	}},
	{noticedPathMTU, probe.Finding{
		Code: "path-mtu", Severity: probe.SeverityNotice,
		Text: "a router asked for smaller packets than a SYN with options; the probe was retransmitted without them",
	}},
	{noticedSYN, probe.Finding{
		Code: "split-handshake", Severity: probe.SeverityNotice,
		Text: "a SYN without ACK answered the SYN; it carries no number of ours, so another machine could have sent it",
	}},
	{noticedReset, probe.Finding{
		Code: "forged-reset", Severity: probe.SeverityWarning,
		Text: "a reset came before the genuine SYN-ACK: somebody on the way refuses connections in the host's name",
	}},
	{noticedRefusal, probe.Finding{
		Code: "answers-differ", Severity: probe.SeverityNotice,
		Text: "one SYN was refused, and then another, from another port, accepted: several hosts behind the address, a program that began meanwhile, or a forged reset",
	}},
}
