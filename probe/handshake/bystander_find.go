package handshake

import (
	"fmt"
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe"
)

// sight is what a finding is made of: a bystander, and what it has concluded.
type sight struct {
	*Bystander
	result *Result
	more   *rarely // never nil
	whole  bool    // the capture shows no gap in this connection
	trust  Trust
}

// bystanderPattern is a [pattern] of a capture. What it sees is what was
// captured, never what was not.
type bystanderPattern struct {
	code     string
	severity probe.Severity
	text     string
	see      func(*sight) (evidence string)
}

var nothingRare rarely

// findings are those that the connection has given so far.
func (b *Bystander) findings(r *Result, t Trust) (list []probe.Finding) {
	gaps, _, _ := b.Gaps()
	v := &sight{Bystander: b, result: r, more: b.more, trust: t}
	v.whole = gaps == 0 && b.strays == 0 && b.tail(Client) == 0 && b.tail(Server) == 0
	if v.more == nil {
		v.more = &nothingRare
	}
	for i := range bystanderPatterns {
		p := &bystanderPatterns[i]
		if r.Source == r.Target && p.code != "simultaneous-open" {
			continue // what a socket says to itself is neither end's
		}
		if evidence := p.see(v); evidence != "" {
			list = append(list, probe.Finding{Code: p.code, Severity: p.severity, Text: p.text, Evidence: evidence})
		}
	}
	return list
}

// bystanderPatterns are all findings of captures, in the order in which a
// report lists them.
var bystanderPatterns = []bystanderPattern{
	{"accept-queue-full", probe.SeverityWarning,
		"the program does not accept connections fast enough: the server retransmits its SYN-ACK although the client has acknowledged it and sent data",
		(*sight).queueFull},
	{"accept-queue-reset", probe.SeverityWarning,
		"the server accepted the SYN, and the client's ACK was answered by an RST: its accept queue is full (on Linux with net.ipv4.tcp_abort_on_overflow), or a firewall before the program refuses the connection",
		(*sight).queueReset},
	{"syn-proxy", probe.SeverityNotice,
		"the SYN-ACK is not like what follows it: something in front of the server seems to answer SYNs in its name, and to connect to it later", (*sight).proxied},
	{"synack-repeated", probe.SeverityNotice,
		"the SYN-ACK was retransmitted although the client had acknowledged it: the ACK was lost on the way or came late, or the server waits for data first",
		(*sight).synackRepeated},
	{"split-handshake", probe.SeverityNotice,
		"the server answered the SYN with a SYN of its own instead of a SYN-ACK", (*sight).split},
	{"simultaneous-open", probe.SeverityInfo, "both ends sent their SYN before they had the other's", (*sight).openedAtOnce},
	{"challenge-ack", probe.SeverityNotice,
		"the server still holds an old connection on these ports and addresses, and asked whether it lives (RFC 5961)", (*sight).challenged},
	{"forged-reset", probe.SeverityWarning,
		"an RST came that the end it names cannot have sent: somebody on the way wants the connection dead", (*sight).forged},
	{"icmp-rejected", probe.SeverityInfo, "an ICMP error refused the connection", (*sight).icmpRejected},
	{"icmp-on-connection", probe.SeverityNotice, "an ICMP error came for a connection that was already open", (*sight).icmpOnOpen},
	{"options-altered", probe.SeverityNotice,
		"the SYN-ACK has options that no stack would have given to this SYN: something on the way changes them", (*sight).altered},
	{"mss-clamped", probe.SeverityInfo,
		"the server's maximum segment size is low: it is set that way, or a tunnel is on the way", (*sight).clamped},
	{"path-mtu", probe.SeverityNotice,
		"a router on the way does not let through what the maximum segment size allows", (*sight).pathMTU},
	{"ecn-negotiated", probe.SeverityInfo, "congestion is signalled by marks (RFC 3168)", ecnSeenAs(ECNClassic)},
	{"accecn", probe.SeverityInfo, "congestion is signalled by accurate marks (RFC 9768)", ecnSeenAs(ECNAccurate)},
	{"ecn-refused", probe.SeverityInfo, "the server does not take congestion marks", ecnSeenAs(ECNRefused)},
	{"ecn-bleached", probe.SeverityNotice,
		"a congestion mark was acknowledged and not echoed: something on the way washes it off", (*sight).bleached},
	{"tfo-cookie", probe.SeverityInfo, "the server gave a cookie for data on the SYN (RFC 7413)", (*sight).cookieGiven},
	{"tfo-accepted", probe.SeverityInfo, "the server took the cookie and the data that came with it", (*sight).fastOpened},
	{"data-on-syn-acked", probe.SeverityInfo, "the SYN-ACK acknowledges data of the SYN", (*sight).dataTaken},
	{"data-on-syn-ignored", probe.SeverityInfo, "the SYN-ACK acknowledges the SYN and not its data", (*sight).dataIgnored},
	{"mptcp-capable", probe.SeverityInfo, "the server speaks multipath TCP (RFC 8684)", (*sight).multipath},
	{"mptcp-fallback", probe.SeverityInfo, "the server answers multipath TCP with the plain kind", (*sight).multipathLost},
	{"banner", probe.SeverityInfo, "the server speaks first", (*sight).spokeFirst},
	{"data-before-handshake", probe.SeverityNotice,
		"the server sent data before the handshake was complete", (*sight).earlyData},
	{"zero-window", probe.SeverityNotice,
		"the program on the server does not read: its window was shut", (*sight).zeroWindow},
	{"tarpit", probe.SeverityWarning,
		"the connection was accepted to be held: its window stays shut", (*sight).tarpit},
	{"close-three-way", probe.SeverityInfo, "one segment acknowledged the first FIN and was the second", (*sight).threeWay},
	{"half-close-held", probe.SeverityInfo, "the server kept its half open after the client's FIN", (*sight).heldOpen},
	{"close-by-reset", probe.SeverityNotice, "the server ended the connection by RST", (*sight).serverReset},
	{"simultaneous-close", probe.SeverityInfo, "both ends sent their FIN before they had the other's", (*sight).crossed},
	{"time-wait-skipped", probe.SeverityInfo,
		"the server closed first and kept no TIME_WAIT: the client's FIN, retransmitted, was reset", (*sight).closedWithoutTimeWait},
	{"fin-retransmissions", probe.SeverityInfo, "the server retransmitted its FIN: its acknowledgement was lost, or late", (*sight).finAgain},
	{"fin-unanswered", probe.SeverityNotice, "a FIN was retransmitted over and over, and nobody acknowledged it", (*sight).finUnanswered},
	{"refused-by-middlebox", probe.SeverityInfo, "the RST may come from something before the server", (*sight).middlebox},
}

// queueFull: timestamps prove that the server has had data when it retransmitted
// its SYN-ACK. Without them it must not have answered anything.
func (v *sight) queueFull() string {
	silent := v.answer.tally.stuck >= 2 && v.answer.tally.unheard == 0 && v.whole && !v.pair.Server.Confirmed() && !v.known.has(knowServerReset)
	if !silent && !v.known.has(knowQueueFull) {
		return ""
	}
	return fmt.Sprintf("SYN-ACK repeated %s after the client's ACK, %s with data or FIN ignored",
		count(int(v.answer.tally.repeats), "time"), count(int(v.pressed), "segment"))
}

// queueReset: an RST that has come another way than the SYN-ACK is another
// machine's. Where data followed the client's ACK, their acknowledgement may be
// what was not captured.
func (v *sight) queueReset() string {
	data := v.pair.Client.ISS.Add(1).LessThan(v.pair.Client.Nxt)
	if data && (v.trust.Gaps > 0 || !v.whole) || apart(v.answer.ttl, v.more.reset.ttl, v.more.reset.ttl) {
		return ""
	}
	if !v.more.overflow || v.known.has(knowProven) && v.pair.Server.Confirmed() {
		return ""
	}
	return fmt.Sprintf("RST seq 1, %v after the client's ACK", time.Duration(v.more.resetAt-v.ackAt).Round(time.Microsecond))
}

// proxied: a SYN-ACK that leaves no room, and a window afterwards; or several
// segments of the server that came another way than its SYN-ACK.
func (v *sight) proxied() string {
	const enough = 3
	ttl, later := int(v.answer.ttl), v.seenTTL
	switch {
	case !v.known.has(knowServerSYN) || v.ackAt == 0:
	case v.answer.window == 0 && v.more.zero.room:
		return fmt.Sprintf("SYN-ACK with window 0, TTL %d; then a window, TTL %d", ttl, later.low)
	case v.answer.window == 0 && v.known.has(knowServerReset) && v.more.resetAt > v.ackAt:
		return fmt.Sprintf("SYN-ACK with window 0, TTL %d, and an RST%s, before any window: what is behind it refused the connection",
			ttl, afterHandshake(v.more.resetAt-v.ackAt))
	case v.known.has(knowTwoPlaces):
	case later.count >= enough && apart(v.answer.ttl, later.low, later.high):
		return fmt.Sprintf("TTL of the SYN-ACK %d, of %d segments that followed %d to %d", ttl, later.count, later.low, later.high)
	}
	return ""
}

// apart tells whether segments have come over another number of routers than
// the SYN-ACK. Stacks begin with different TTLs for the two, so what is
// compared is how much is missing to the next usual beginning.
func apart(synack, low, high uint8) bool {
	const most = 30
	a, b, c := hops(synack), hops(low), hops(high)
	near := func(x, y int) bool { return x-y <= 1 && y-x <= 1 }
	return a <= most && b <= most && c <= most && !near(a, b) && !near(a, c) && (a < b) == (a < c)
}

// hops is how many routers a packet has passed, from the usual beginnings.
func hops(ttl uint8) int {
	for _, begin := range []int{32, 64, 128, 255} {
		if int(ttl) <= begin {
			return begin - int(ttl)
		}
	}
	return 0
}

func (v *sight) synackRepeated() string {
	if v.answer.tally.repeats == 0 {
		return ""
	}
	return count(int(v.answer.tally.repeats), "time")
}

func (v *sight) split() string {
	if v.result.Reason != probe.ReasonSplitHandshake {
		return ""
	}
	return fmt.Sprintf("SYN without ACK, seq %d", uint32(v.pair.Server.ISS))
}

func (v *sight) openedAtOnce() string {
	switch {
	case v.result.Source == v.result.Target && v.result.State == probe.StateOpen:
		return "the socket is connected to itself"
	case v.known.has(knowCrossed):
		return fmt.Sprintf("SYNs at %d and %d", uint32(v.pair.Client.ISS), uint32(v.pair.Server.ISS))
	}
	return ""
}

// challenged: the client shows that it asked for a connection, by its RST or by
// another SYN. Somebody else's SYN into an open connection is answered so too.
func (v *sight) challenged() string {
	if v.more.challenges == 0 || !v.more.own || v.more.lives {
		return ""
	}
	return fmt.Sprintf("ACK %d, seq %d, to the SYN %d",
		uint32(v.more.challenge[1]), uint32(v.more.challenge[0]), uint32(v.pair.Client.ISS))
}

func (v *sight) forged() string {
	m := v.more
	switch {
	case v.known.has(knowGenuine):
		return fmt.Sprintf("the %s went on after an RST with TTL %d: %s up to %v later",
			m.alive.side, m.alive.ttl, count(int(m.alive.count), "sign"), m.alive.after)
	case v.known.has(knowForged) && m.contradicted > 0:
		return fmt.Sprintf("RST, TTL %d, and %v later a SYN-ACK to the same SYN, TTL %d", m.forged.ttl, m.contradicted, v.answer.ttl)
	case v.known.has(knowForged):
		return fmt.Sprintf("RST seq %d ack %d in %s, TTL %d", uint32(m.forged.seq), uint32(m.forged.ack), m.forged.state, m.forged.ttl)
	}
	return ""
}

func (v *sight) icmpRejected() string {
	if v.more.icmpCount == 0 {
		return ""
	}
	return v.more.icmp.describe(v.result.Target.Addr())
}

func (v *sight) icmpOnOpen() string {
	if v.more.openCount == 0 || v.result.State != probe.StateOpen {
		return ""
	}
	return v.more.onOpen.describe(v.result.Target.Addr())
}

func (e *icmpKept) describe(server netip.Addr) string {
	who := "the server itself"
	if e.from != server.WithZone("") {
		who = e.from.String()
	}
	return fmt.Sprintf("%s (type %d code %d) by %s, TTL %d", e.reason, e.code.Type, e.code.Code, who, e.ttl)
}

// finAgain needs no more than the FINs.
func (v *sight) finAgain() string {
	if v.result.FINRetransmits == 0 {
		return ""
	}
	text := count(v.result.FINRetransmits, "time")
	if len(v.result.FINSchedule) > 0 {
		text += ", after " + schedule(v.result.FINSchedule)
	}
	return text
}

func (v *sight) finUnanswered() string {
	side := Client
	if !v.neverAcked(Client, v.trust) {
		side = Server
	}
	if v.result.Close != CloseTimeout || !v.neverAcked(side, v.trust) || v.queueFull() != "" {
		return ""
	}
	return fmt.Sprintf("the %s's FIN was sent %s; the %s acknowledged none", side, count(int(v.fins[side].count), "time"), side.Other())
}

func (v *sight) threeWay() string {
	if v.result.Close != CloseThreeWay {
		return ""
	}
	return fmt.Sprintf("FIN-ACK of the %s", v.result.First.Other())
}

// heldOpen: data that the client acknowledged in steps before the server's FIN,
// or nothing for long.
func (v *sight) heldOpen() string {
	const long, steps = time.Second, 2
	f := &v.fins[Client]
	idle := v.result.Close == CloseHalfClosed && f.count > 0 &&
		(v.trust.Silent >= long || v.since(v.last)-f.ackedAt >= uint32(long/time.Millisecond))
	if !idle && v.more.lateSteps < steps {
		return ""
	}
	return fmt.Sprintf("the client's FIN acknowledged, then %d bytes of data", v.more.late)
}

// serverReset: an RST with ACK is a program's or a kernel's choice. One without
// answers a segment for which there is no connection any more: it ends one only
// where nothing can have ended it before.
func (v *sight) serverReset() string {
	m := v.more
	if !v.known.has(knowServerReset) || v.result.Close != CloseByReset || v.ackAt == 0 || m.overflow && !v.pair.Server.Confirmed() {
		return ""
	}
	untouched := v.whole && v.pair.Server.Confirmed() && v.trust.Gaps == 0 && v.fins[Client].count == 0 && v.fins[Server].count == 0 && v.known&(knowClientReset|knowGenuine) == 0
	if m.reset.flags&craft.ACK == 0 && !untouched {
		return ""
	}
	return fmt.Sprintf("RST [%s] in %s%s", m.reset.flags, m.reset.state, afterHandshake(m.resetAt-v.ackAt))
}

// afterHandshake tells a time in nanoseconds, unless stamps contradict it.
func afterHandshake(d int64) string {
	if d < 0 {
		return ""
	}
	return fmt.Sprintf(", %v after the handshake", time.Duration(d).Round(time.Microsecond))
}

func (v *sight) crossed() string {
	c, s := &v.fins[Client], &v.fins[Server]
	const onTheWay = 2000 // milliseconds, more than a FIN is under way
	if c.count == 0 || s.count == 0 || c.seq.LessThan(s.ack) || s.seq.LessThan(c.ack) || max(c.at, s.at)-min(c.at, s.at) > onTheWay {
		return ""
	}
	return fmt.Sprintf("FINs at %d and %d", uint32(c.seq), uint32(s.seq))
}

func (v *sight) closedWithoutTimeWait() string {
	if !v.known.has(knowStranger) || v.result.First != Server {
		return ""
	}
	return "RST to a retransmitted FIN"
}

// middlebox weighs marks of the RSTs themselves against the SYN-ACK's.
func (v *sight) middlebox() string {
	if v.known.has(knowTwoPlaces) {
		return ""
	}
	for _, m := range []*resetKept{&v.more.forged, &v.more.reset} {
		ttl, known := int(m.ttl), int(v.answer.ttl)
		if m.at > 0 && !m.notes.Void() && v.known.has(knowServerSYN) && (ttl-known > 1 || known-ttl > 1) {
			return fmt.Sprintf("TTL %d, of the SYN-ACK %d", ttl, known)
		}
	}
	return ""
}
