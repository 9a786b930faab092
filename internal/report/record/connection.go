package record

import (
	"strings"
	"time"

	"synscope/probe"
	"synscope/probe/flow"
	"synscope/probe/handshake"
)

// Connection is what became of one connection attempt: the record "handshake".
// What only a capture tells is absent in a live run.
type Connection struct {
	Target string // what the user typed; the address in a capture
	handshake.Result
	RTT, ServerRTT Maybe[time.Duration] // round trips, where they are that
	Captured       *Captured            // nil in a live run
}

// Captured is what a capture tells of a connection beyond a live run.
type Captured struct {
	Number, First, Last  uint64
	File, LastFile       string // in which First and Last are; "" where there is one file
	Packets, Duplicates  uint64
	Missing              []string // of the opening: "SYN", "SYN-ACK"
	Gaps                 int      // holes in numbers that were acknowledged and not captured
	GapBytes             uint64
	View                 flow.View
	Network              string // "vlan 5" and the like; "" none
	Ending               flow.Ending
	Heard                time.Time            // when the answer to the SYN was captured; zero unknown
	SYNToAnswer          Maybe[time.Duration] // as the capture saw it
	AnswerToACK          Maybe[time.Duration]
	SYNToACK             Maybe[time.Duration]
	ClientRetransmission int
	ServerRetransmission int
	Omitted              int        // segments that Ladder has no room for
	Ladder               []*Segment // for people only
}

// NewConnection makes the record of a live connection to target, the word that
// the user typed.
func NewConnection(target string, r *handshake.Result) *Connection {
	c := &Connection{Target: target, Result: *r, RTT: measured(r.RTT)}
	if target == "" {
		c.Target = r.Target.Addr().String()
	}
	return c
}

// measured is a duration unless it is zero, which stands for none.
func measured(d time.Duration) Maybe[time.Duration] {
	if d <= 0 {
		return Maybe[time.Duration]{}
	}
	return Some(d)
}

// NewCapturedConnection makes the record of a connection of a capture. A round
// trip is given where the capture was made at the end that measures it.
func NewCapturedConnection(a *flow.Attempt) *Connection {
	c := NewConnection("", &a.Result)
	if a.View != flow.ViewClient {
		c.RTT = Maybe[time.Duration]{}
	}
	if a.View == flow.ViewServer {
		c.ServerRTT = measured(a.Result.ServerRTT)
	}
	c.Captured = &Captured{
		Number: a.Number, First: a.First, Last: a.Last, Packets: a.Packets, Duplicates: a.Duplicates,
		View: a.View, Network: a.Network, Ending: a.Ending, Missing: a.Missing, Gaps: a.Gaps, GapBytes: a.GapBytes,
		SYNToAnswer: measured(a.Result.RTT), AnswerToACK: measured(a.Result.ServerRTT), SYNToACK: measured(a.SYNToACK),
		ClientRetransmission: a.Retransmissions(handshake.Client),
		ServerRetransmission: a.Retransmissions(handshake.Server),
	}
	if a.Answered {
		c.Captured.Heard = a.Heard
	}
	return c
}

// AnsweredAt is when the answer came, or the beginning where that is not known.
func (c *Connection) AnsweredAt() time.Time {
	if c.Captured != nil && !c.Captured.Heard.IsZero() {
		return c.Captured.Heard
	}
	trip, _ := c.RTT.Get()
	if c.Captured != nil {
		trip, _ = c.Captured.SYNToAnswer.Get()
	}
	return c.Begin.Add(trip)
}

// Type is "handshake".
func (*Connection) Type() string { return "handshake" }

// ConnectionColumns are the fields in their order, present or not.
func ConnectionColumns() []string {
	return []string{
		"target", "addr", "port", "src", "state", "reason", "attempts", "rtt_ns", "rtt_clock", "server_rtt_ns", "responder",
		"icmp_type", "icmp_code", "mss", "wscale", "sack", "ts", "ecn", "tfo", "mptcp", "close",
		"synack_retransmits", "synack_schedule_ns", "fin_retransmits", "start", "took_ns",
		"connection", "file", "first_packet", "last_file", "last_packet", "packets", "duplicates", "view", "network", "end",
		"syn_to_answer_ns", "answer_to_ack_ns", "syn_to_ack_ns", "client_retransmissions", "server_retransmissions",
		"missing", "gaps", "gap_bytes", "findings",
	}
}

func (c *Connection) Fields(w FieldWriter) {
	w.Str("target", c.Target)
	w.Addr("addr", c.Result.Target.Addr())
	w.Uint("port", uint64(c.Result.Target.Port()))
	if c.Source.IsValid() {
		w.Str("src", c.Source.String())
	}
	w.Str("state", c.State.String())
	w.Str("reason", string(c.Reason))
	w.Uint("attempts", uint64(c.Attempts))
	durationField(w, "rtt_ns", c.RTT)
	if !c.RTT.IsZero() || !c.ServerRTT.IsZero() {
		w.Str("rtt_clock", c.Clock.String())
	}
	durationField(w, "server_rtt_ns", c.ServerRTT)
	c.refusalFields(w)
	if c.State == probe.StateOpen {
		w.Object("negotiated", c.negotiatedFields)
		strField(w, "close", string(c.Close))
		w.Uint("synack_retransmits", uint64(c.SYNACKRetransmits))
		if len(c.SYNACKSchedule) > 0 {
			w.Durations("synack_schedule_ns", c.SYNACKSchedule)
		}
		w.Uint("fin_retransmits", uint64(c.FINRetransmits))
	}
	if !c.Begin.IsZero() {
		w.Time("start", c.Begin)
		w.Nanoseconds("took_ns", c.Took)
	}
	if c.Captured != nil {
		c.Captured.Fields(w)
	}
	findingsField(w, "findings", c.Findings)
}

func (c *Connection) refusalFields(w FieldWriter) {
	addrField(w, "responder", c.Responder)
	if c.ICMP != nil {
		w.Uint("icmp_type", uint64(c.ICMP.Type))
		w.Uint("icmp_code", uint64(c.ICMP.Code))
	}
}

func (c *Connection) negotiatedFields(w FieldWriter) {
	n := &c.Negotiated
	if n.MSS != 0 {
		w.Uint("mss", uint64(n.MSS))
	}
	if n.Partial {
		return
	}
	if n.Scaled {
		w.Uint("wscale", uint64(n.Shift))
	}
	w.Bool("sack", n.SACK)
	w.Bool("ts", n.Stamps)
	strField(w, "ecn", string(n.ECN))
	w.Bool("tfo", n.TFO)
	w.Bool("mptcp", n.MPTCP)
}

func (c *Captured) Fields(w FieldWriter) {
	w.Uint("connection", c.Number)
	strField(w, "file", c.File)
	w.Uint("first_packet", c.First)
	if c.LastFile != c.File {
		w.Str("last_file", c.LastFile)
	}
	w.Uint("last_packet", c.Last)
	w.Uint("packets", c.Packets)
	w.Uint("duplicates", c.Duplicates)
	strField(w, "view", c.View.String())
	strField(w, "network", c.Network)
	w.Str("end", c.Ending.String())
	durationField(w, "syn_to_answer_ns", c.SYNToAnswer)
	durationField(w, "answer_to_ack_ns", c.AnswerToACK)
	durationField(w, "syn_to_ack_ns", c.SYNToACK)
	w.Uint("client_retransmissions", uint64(c.ClientRetransmission))
	w.Uint("server_retransmissions", uint64(c.ServerRetransmission))
	if len(c.Missing) > 0 {
		w.Strs("missing", lowered(c.Missing))
	}
	if c.Gaps > 0 {
		w.Uint("gaps", uint64(c.Gaps))
		w.Uint("gap_bytes", c.GapBytes)
	}
}

// lowered are words in the lower case of records.
func lowered(words []string) []string {
	list := make([]string, len(words))
	for i, w := range words {
		list[i] = strings.ToLower(w)
	}
	return list
}
