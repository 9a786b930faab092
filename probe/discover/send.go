package discover

import (
	"net/netip"
	"slices"
	"time"

	"synscope/craft"
	"synscope/probe"
	"synscope/probe/internal/wire"
)

// rounds is how often a host is asked.
const rounds = 2

// segment is one question to a host: an ICMP message where echo is set, and else
// a segment of the flags to the port.
type segment struct {
	echo  craft.EchoKind
	flags craft.Flags
	port  uint16
}

// The questions that most hosts answer one of: echo is what administrators
// leave open to see by, 443 and 80 what servers serve, and an ACK passes filters
// that keep no state and draws an RST from open and closed ports alike.
var (
	firstRound    = []segment{{echo: craft.EchoRequest}, {flags: craft.SYN, port: 443}, {flags: craft.ACK, port: 80}}
	secondRound   = []segment{{echo: craft.TimestampRequest}, {flags: craft.SYN, port: 80}, {flags: craft.SYN, port: 22}}
	secondRoundV6 = []segment{{echo: craft.EchoRequest}, {flags: craft.SYN, port: 80}, {flags: craft.SYN, port: 22}}
	// laterRounds are for networks that lose packets, see loss.go.
	laterRounds = []segment{{echo: craft.EchoRequest}, {flags: craft.SYN, port: 443}, {flags: craft.ACK, port: 80},
		{flags: craft.SYN, port: 80}, {flags: craft.SYN, port: 22}}
)

// questions are those to a host, by round: of IPv4, and of IPv6.
type questions struct {
	v4, v6 [rounds][]segment
	later  []segment
}

// newQuestions are all questions but those to ports that must not be probed.
func newQuestions(forbidden []uint16) *questions {
	allowed := func(all []segment) []segment {
		return slices.DeleteFunc(slices.Clone(all), func(s segment) bool { return s.echo == 0 && slices.Contains(forbidden, s.port) })
	}
	first := allowed(firstRound)
	return &questions{
		v4: [rounds][]segment{first, allowed(secondRound)},
		v6: [rounds][]segment{first, allowed(secondRoundV6)},

		later: allowed(laterRounds),
	}
}

// questionsAt are those where one port is of interest.
func questionsAt(port uint16, flags craft.Flags) *questions {
	probe := segment{flags: flags, port: port}
	both := []segment{{echo: craft.EchoRequest}, probe}
	each := [rounds][]segment{both, {probe}}
	return &questions{v4: each, v6: each, later: both}
}

// asksOf are the questions to a host.
func (e *engine) asksOf(a netip.Addr) *questions {
	if e.cfg.Port == nil {
		return e.asks
	}
	port, flags := e.cfg.Port(a), craft.SYN
	if e.cfg.ACK {
		flags = craft.ACK
	}
	if e.asksAt[port] == nil {
		e.asksAt[port] = questionsAt(port, flags)
	}
	return e.asksAt[port]
}

func (h *host) segments() []segment { return h.segmentsOf(h.round) }

func (h *host) segmentsOf(round int) []segment {
	switch {
	case round >= rounds:
		return h.asks.later
	case h.Addr.Is4():
		return h.asks.v4[round]
	}
	return h.asks.v6[round]
}

// wants tells whether there is anything to send that the pace alone holds back.
func (e *engine) wants() bool {
	if e.slow.state == paceTrying && !e.Stopping {
		return e.Responses.Ready(e.Now) || e.slow.trial.Wants()
	}
	return e.Responses.Ready(e.Now) || !e.Stopping && (len(e.due) > 0 || !e.exhausted && e.sought() < mostAtOnce)
}

// fill sends what may be sent now.
func (e *engine) fill() {
	budget := e.Pace.Allowance(e.Now, 4*wire.BatchSize)
	granted := budget
	budget = e.RespondBeside(budget)
	if e.Outage.Lasting() {
		budget = min(budget, 1)
	}
	budget = e.sendRounds(budget)
	budget = e.Respond(budget)
	e.Booked(granted - budget)
	e.Hungry = budget == 0 && e.wants()
}

// sendRounds sends what hosts are due, as far as the budget allows, and returns what it leaves
// of it.
func (e *engine) sendRounds(budget int) int {
	if e.Stopping {
		return budget
	}
	if e.slow.state == paceTrying {
		return e.askWitnesses(budget)
	}
	if budget > 0 && len(e.due) == 0 {
		e.admit(budget)
	}
	for budget > 0 && len(e.due) > 0 && e.Now >= e.Paused && e.Failure == nil {
		if e.tryBeside() || e.slow.state == paceLimited && e.slow.beside >= watchEvery && e.askWitness() {
			budget--
			continue
		}
		h := e.due[0]
		e.due = e.due[1:]
		budget -= e.sendRound(h, e.atOnce(budget))
	}
	return budget
}

// atOnce is how many segments of a round follow each other: at a lower pace hosts take turns,
// so that one which has answered the first is not asked the others.
func (e *engine) atOnce(budget int) int {
	if e.slow.state == paceLimited {
		e.slow.beside++
		return 1
	}
	return budget
}

// sendRound sends what is left of a host's round, as far as the budget allows,
// and returns how many segments that took.
func (e *engine) sendRound(h *host, budget int) (taken int) {
	h.waiting = false
	if len(h.sent) == 0 {
		h.Began = time.Now()
	}
	for e.byID[h.id] != nil && h.place < len(h.segments()) {
		if taken == budget {
			e.begin(h)
			return taken
		}
		taken++
		if err := e.send(h, h.segments()[h.place]); err != nil {
			e.refused(h, err)
			return taken
		}
		if h.walled {
			e.Firewall.Let(e.Now)
		}
		h.place, h.refused, h.walled, h.left = h.place+1, 0, false, true
		e.Outage.End()
		e.Counters.Departed(h.round, e.Now)
	}
	h.began = e.Now
	e.expect(h, e.Now+e.patience())
	return taken
}

func (e *engine) send(h *host, s segment) error {
	b, err := e.packet(h, s, h.round)
	if err != nil {
		return err
	}
	sent := wire.Stamps{Sent: time.Since(e.Start)}
	if _, err = e.Network.Send([][]byte{b}); err == nil {
		h.sent = append(h.sent, sent)
	}
	return err
}

// packet is one question in bytes, the attempt being its round. The numbers are as a scan's, so that what
// answers is told by all 32 bits of one of them.
func (e *engine) packet(h *host, s segment, attempt int) ([]byte, error) {
	if s.echo != 0 {
		return e.Matcher.Echo(s.echo, h.source, h.Addr, attempt)
	}
	src := netip.AddrPortFrom(h.source, e.Matcher.Port(attempt))
	dst := netip.AddrPortFrom(h.Addr, s.port)
	n := e.Matcher.Cookie.Numbers(src, dst, attempt)
	e.Packets.Clear()
	if s.flags == craft.SYN {
		e.Packets.Add(wire.Whole, src, dst, n, e.Now)
	} else {
		e.Packets.AddResponse(wire.Response{Src: src, Dst: dst, Flags: s.flags, Seq: n.Seq, Ack: n.Ack})
	}
	return e.Packets.Batch[0], nil
}

// refused lets the rest of a round wait. A segment that this machine never lets
// out is skipped, since it may let out the others.
func (e *engine) refused(h *host, err error) {
	e.Refused(err)
	wait, again := e.Firewall.Backoff(err, h.refused, e.Now)
	h.walled = wire.RefusalOf(err) == wire.RefusedByFirewall
	if !again || h.unsent != nil && h.walled && !e.Firewall.Limits(e.Now) {
		h.place, h.refused, h.walled = h.place+1, 0, false
		e.Counters.Refusal = err
		if h.unsent == nil {
			h.unsent = err
		}
		h.sent = append(h.sent, wire.Stamps{})
		e.skip(h)
		return
	}
	h.refused++
	e.expect(h, e.Now+wait)
}

// skip goes on with the next segment of a round, or gives up a host to which none
// of the first round could be sent.
func (e *engine) skip(h *host) {
	if !h.left && h.place == len(h.segments()) {
		e.down(h, probe.ReasonNoResponse)
		return
	}
	e.begin(h)
}
