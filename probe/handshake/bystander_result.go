package handshake

import (
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe"
)

// Words that only a bystander says.
const (
	// ReasonNotCaptured is the reason of an unknown state: what would decide
	// it is not in the capture.
	ReasonNotCaptured probe.Reason = "not-captured"
	// CloseUnknown is how a connection ended whose end was not captured as a
	// whole.
	CloseUnknown Close = "unknown"
)

// Trust is how much a capture that misses segments can be believed about what
// it does not have. The zero Trust is of one that misses none.
type Trust struct {
	// Gaps is how many holes it has, in all connections so far, and Loss the
	// share of segments with numbers of their own that are missing, 0 to 1.
	Gaps uint64
	Loss float64
	// OneWay says that it has nothing of any server.
	OneWay bool
	// Chosen says that it has no segment but SYNs and FINs: somebody chose
	// those, and left RSTs out.
	Chosen bool
	// NoACKs says that it has no segment that only acknowledges.
	NoACKs bool
	// Once says that of some connection it has one SYN and nothing else.
	Once bool
	// Silent is how long it goes on after the last segment of the connection.
	Silent time.Duration
}

// lossy tells a capture from whose silence nothing can be concluded. A few
// gaps are not enough to know a share by.
func (t Trust) lossy() bool {
	const enough, most = 2, 0.02
	return t.Gaps >= enough && t.Loss > most || t.NoACKs
}

// Judge fills r with what the connection has come to so far, as far as the capture shows it. It
// leaves Clock to the caller, who knows who took the stamps.
func (b *Bystander) Judge(r *Result, client, server netip.AddrPort, t Trust) {
	*r = Result{
		Source: client, Target: server, Attempts: int(b.syn.count),
		SYNACKRetransmits: max(0, int(b.answer.count)-1), FINRetransmits: max(0, int(b.fins[Server].count)-1),
		Acked: b.acked(),
		Begin: time.Unix(0, b.begin), Took: time.Duration(max(0, b.last-b.begin)),
		First: b.firstFIN(),
	}
	if m := b.more; m != nil {
		r.SYNACKSchedule, r.FINSchedule = m.synacks, m.finsAt[Server]
	}
	b.judge(r, t)
	r.RTT, r.ServerRTT = b.roundTrips(t)
	if r.State == probe.StateOpen {
		r.Negotiated = b.negotiated()
		r.Close = b.closed(t)
	}
	r.Findings = b.findings(r, t)
}

// acked is how many of the client's bytes the server has acknowledged since
// the first number that is known.
func (b *Bystander) acked() uint64 {
	c := &b.pair.Client
	n := int64(uint32(c.Una.Sub(c.ISS))) - 1
	if b.fins[Client].acked {
		n--
	}
	if !c.Opened() || c.Una.LessThan(c.ISS) {
		n = 0
	}
	return uint64(max(0, n))
}

// judge is SEMANTICS §1, with what was captured alone: silence is no more than
// unknown, unless the client says that it heard nothing by asking again.
func (b *Bystander) judge(r *Result, t Trust) {
	refused := b.known.has(knowRefused) && b.refusesSurely() &&
		(b.askedSurely(t) || !b.askedAnew() && !b.known.has(knowClientReset)) && // a client that was refused has nothing to reset
		!(b.askedBefore() && t.Gaps > 0) && // the SYN-ACK to the SYN before may be missing, of a program that has ended since
		!b.doubts() // a server that refused has nothing to acknowledge
	switch {
	case b.known.has(knowServerSYN) && b.answer.flags.Has(craft.ACK):
		r.State, r.Reason, r.Reply = probe.StateOpen, probe.ReasonSYNACK, b.reply(r)
	case b.split(t):
		r.State, r.Reason, r.Reply = b.splitState(), probe.ReasonSplitHandshake, b.reply(r)
	case b.known.has(knowProven):
		r.State, r.Reason = probe.StateOpen, probe.ReasonConnected
	case refused:
		r.State, r.Reason, r.Reply = probe.StateRefused, probe.ReasonReset, b.resetReply(r)
	case b.more != nil && b.more.icmpCount > 0:
		b.rejected(r)
	case b.unverified(t):
		r.State, r.Reason, r.Reply = probe.StateRefused, probe.ReasonUnverifiedReset, b.resetReply(r)
	case !b.known.has(knowClientSYN), b.known&(knowClientReset|knowServerSYN) != 0, b.answeredOddly():
		r.State, r.Reason = probe.StateUnknown, ReasonNotCaptured
	case b.heardNothing(t):
		r.State, r.Reason = probe.StateFiltered, probe.ReasonNoResponse
	default:
		r.State, r.Reason = probe.StateUnknown, probe.ReasonNoResponse
	}
}

// refusesSurely tells whether an RST with right numbers has refused the SYN, and not
// ended a connection of which nothing else was captured. RFC 9293 §3.10.7.3 asks
// for no number of its own; most have 0.
func (b *Bystander) refusesSurely() bool {
	return b.known.has(knowRefusedSurely) || b.askedAfter() || b.known.has(knowRecorded) && b.more != nil && b.more.reset.at >= b.syn.at
}

// askedAfter tells whether the client has retransmitted its SYN after an RST that
// has a number of its own. One that refuses a SYN has none (RFC 9293 §3.5.2), but
// for few hosts: it may have ended a connection of which nothing else was
// captured, and then the client would not ask again.
func (b *Bystander) askedAfter() bool {
	return b.more != nil && b.more.reset.at > 0 && b.syn.latest-b.more.reset.at > settling
}

// askedBefore tells whether the first refusal answers a SYN that was retransmitted: what
// became of the one before was not captured, or it was lost.
func (b *Bystander) askedBefore() bool {
	return b.more.asksBefore || b.syn.count > 1 && b.answer.count == 0 && b.answer.at-b.syn.at > longestRefusal
}

// askedAnew tells whether the client has retransmitted its SYN after the latest
// refusal: what became of that one was not captured.
func (b *Bystander) askedAnew() bool {
	const soonest = int64(100 * time.Millisecond) // less may be the order of capturing
	return b.more != nil && b.syn.count > b.more.refusedSYNs && max(b.syn.latest, b.more.lastRefusal)-min(b.syn.latest, b.more.lastRefusal) > soonest
}

// split tells whether the server has answered the SYN with a SYN of its own, and not
// merely sent one at that time: a capture that misses segments does not show it.
func (b *Bystander) split(t Trust) bool {
	return b.known.has(knowServerSYN|knowSplit) && !b.known.has(knowCrossed) && t.Gaps == 0
}

// splitState is that of a connection of which the server has answered the SYN
// with a SYN: open once it has taken the client's SYN-ACK (SEMANTICS §1).
func (b *Bystander) splitState() probe.State {
	if b.known.has(knowProven) {
		return probe.StateOpen
	}
	return probe.StateUnknown
}

// heardNothing tells whether the client says twice that it had no answer, by
// retransmitting its SYN. Where the capture has no answers of others, that must be
// said by the pauses of silence, and of each connection: somebody may have chosen
// the SYNs. And the capture must go on for as long as the client would wait until
// it asks a third time, or show that it did: the last answer may come yet.
func (b *Bystander) heardNothing(t Trust) bool {
	const twice = 3
	switch {
	case t.lossy(), b.syn.count < twice:
		return false // what made the client stop may be what is missing
	case b.syn.count == twice && t.Silent < b.patience() && !t.OneWay:
		return false
	case t.OneWay || t.Chosen:
		return !b.syn.hasty && !t.Once
	}
	return true
}

// patience is how long the client waits at least for an answer to its last SYN:
// as long as before, or twice (RFC 6298 §5.5).
func (b *Bystander) patience() time.Duration {
	const least = time.Second
	return max(least, 2*time.Duration(b.syn.pause)*time.Millisecond)
}

// answeredOddly tells whether anything of the server was captured, by what decides nothing:
// silence it was not.
func (b *Bystander) answeredOddly() bool {
	m := b.more
	return m != nil && (m.resetCount > 0 || m.challenges > 0 || m.refusable.used > 0)
}

// unverified tells an RST that does not acknowledge the SYN, and has no number that
// an open connection would have given it.
func (b *Bystander) unverified(t Trust) bool {
	m := b.more
	return b.doubtfullyReset() && m.reset.at >= b.syn.at &&
		(m.reset.seq == 0 || m.reset.flags.Has(craft.ACK) || m.question.set) &&
		!(m.question.set && t.Gaps > 0 && !b.known.has(knowRecorded)) // or the ACK is that of a SYN-ACK which is missing
}

func (b *Bystander) rejected(r *Result) {
	e := &b.more.icmp
	r.State, r.Reason = probe.StateFiltered, e.reason
	r.ICMP = &e.code
	if e.from != r.Target.Addr().WithZone("") {
		r.Responder = e.from
	}
}

// reply is the SYN-ACK, as far as it is kept.
func (b *Bystander) reply(r *Result) *craft.Segment {
	s := &craft.Segment{
		Src: r.Target, Dst: r.Source, TTL: b.answer.ttl, Window: b.answer.window, Flags: b.answer.flags,
		Seq: b.pair.Server.ISS, Ack: b.pair.Client.ISS.Add(1),
	}
	if b.pair.Server.MSS != 0 {
		s.Options, _ = craft.NewOptions(craft.MSS(b.pair.Server.MSS))
	}
	return s
}

func (b *Bystander) resetReply(r *Result) *craft.Segment {
	k := &b.more.reset
	return &craft.Segment{
		Src: r.Target, Dst: r.Source, TTL: k.ttl, Window: k.window, Flags: k.flags, Seq: k.seq, Ack: k.ack,
	}
}

// How long an answer may have taken to be believed where the SYN was captured
// once: a client would have retransmitted it after a second (RFC 6298 §2.1), or
// half a second after a refusal, and what was answered may be what was not
// captured.
const (
	longest        = int64(time.Second)
	longestRefusal = int64(400 * time.Millisecond)
	unrepeated     = int64(3 * time.Second) // a SYN-ACK has been retransmitted by then
)

// roundTrips are from SYN to answer and from SYN-ACK to ACK; zero where it is
// not certain which SYN was answered, or stamps contradict themselves.
func (b *Bystander) roundTrips(t Trust) (rtt, server time.Duration) {
	if b.known.has(knowTwoClocks) {
		return 0, 0
	}
	asked := b.answered(t.holding())
	if t.Gaps > 0 && b.answer.at-asked >= longest {
		asked = 0 // the SYN-ACK may be a retransmitted one
	}
	if b.answer.count == 0 && (b.known&(knowProven|knowClientReset) != 0 || !b.known.has(knowRefusedSurely) && (t.Gaps > 0 || !b.refusesSurely())) {
		return 0, 0 // the answer that was captured was an RST, and not the host's
	}
	if b.known.has(knowServerSYN) && !b.answer.flags.Has(craft.ACK) && !b.split(t) {
		return 0, 0 // what answers was not captured
	}
	if asked > 0 && asked < b.answer.at && (b.ackAt == 0 || b.answer.at <= b.ackAt) {
		rtt = time.Duration(b.answer.at - asked)
	}
	if b.answer.count == 1 && b.ackAt > b.answer.at && b.ackAt-b.answer.at < unrepeated {
		server = time.Duration(b.ackAt - b.answer.at)
	}
	return rtt, server
}

// holding is what a capture holds of a connection.
type holding uint8

const (
	allSegments holding = iota
	someSegments
)

// holding is what a capture holds for all that is known of it.
func (t Trust) holding() holding {
	if t.Gaps > 0 || t.Chosen {
		return someSegments
	}
	return allSegments
}

// answered is when the SYN was captured that the answer echoes; 0 unknown. In a
// capture that misses segments another may have been sent after a refusal.
func (b *Bystander) answered(h holding) int64 {
	stamped := b.known.has(knowSYNStamped|knowSYNACKStamped) && b.answer.ecr != 0
	first, last := !stamped || b.answer.ecr == b.syn.val, stamped && b.answer.ecr == b.syn.last
	limit := longest
	if b.answer.count == 0 || h == someSegments && !stamped {
		limit = longestRefusal
	}
	if b.retried() {
		return 0
	}
	switch {
	case b.syn.count == 1 && first && b.answer.at-b.syn.at < limit:
		return b.syn.at
	case b.syn.count > 1 && stamped && first && b.syn.val != b.syn.last && b.beforeNext():
		return b.syn.at
	case b.syn.count > 1 && last && b.syn.val != b.syn.last:
		return b.syn.latest
	}
	return 0
}

// beforeNext tells whether the answer came before the SYN came again. A later one
// does not say which it answers, by what it echoes: Linux goes on echoing the first
// SYN that it had (tcp_check_req in net/ipv4/tcp_minisocks.c).
func (b *Bystander) beforeNext() bool {
	return b.syn.count == 2 && b.answer.at <= b.syn.latest || !b.syn.hasty && b.answer.at-b.syn.at < soonestRetry
}

// retried tells whether the SYN that a SYN-ACK answers is one that was not
// captured: all that were had been refused before, and a refused SYN may be sent
// again, as by Windows.
func (b *Bystander) retried() bool {
	m := b.more
	if m != nil && m.challenges > 0 && b.syn.count == 1 && !b.known.has(knowSYNStamped|knowSYNACKStamped) {
		return true // after a challenge ACK it is retransmitted at once
	}
	return m != nil && m.refusedAt > 0 && b.answer.count > 0 && b.syn.latest <= m.refusedAt && m.refusedAt < b.answer.at &&
		!b.known.has(knowForged) && !b.known.has(knowSYNStamped|knowSYNACKStamped)
}

// Openings are the times at which the latest SYN, the answer and the ACK after that were captured,
// in nanoseconds since 1970, 0 for what was not captured; all 0 if the stamps come from clocks of
// two places.
func (b *Bystander) Openings() (syn, answer, ack int64) {
	if b.known.has(knowTwoClocks) {
		return 0, 0, 0
	}
	return b.syn.latest, b.answer.at, b.ackAt
}

func (b *Bystander) negotiated() Negotiated {
	c, s := &b.pair.Client, &b.pair.Server
	n := Negotiated{MSS: s.MSS}
	if !b.known.has(knowClientSYN|knowServerSYN) || b.known&(knowSYNCut|knowSYNACKCut) != 0 {
		n.Partial = true
		return n
	}
	n.Scaled, n.SACK, n.Stamps = c.Scaled && s.Scaled, c.SACK && s.SACK, c.Stamped && s.Stamped
	n.ECN = negotiatedECN(b.syn.flags, b.answer.flags)
	n.TFO = b.onSYNTaken() > 0
	if m := b.more; m != nil {
		n.TFO = n.TFO || m.cookie != nil
		n.Cookie, n.MPTCP = m.cookie, m.offered && m.multipath
	}
	if n.Scaled {
		n.Shift = s.Shift
	}
	return n
}
