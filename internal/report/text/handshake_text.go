package text

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/probe"
	"synscope/probe/handshake"
)

// connectionText tells of live connections: for each its ladder as it grows,
// then what it came to. For the command send there are rungs and no more.
type connectionText struct {
	*textSink
	ladder ladder
	within bool // a ladder has begun
	trips  []time.Duration
	bare   bool
}

func newConnectionText(t *textSink, command string) *connectionText {
	return &connectionText{textSink: t, bare: command == "send", ladder: ladder{paint: t.paint, plain: command == "send", wide: t.limit()}}
}

func (t *connectionText) Record(r record.Record) error {
	switch r := r.(type) {
	case *record.Run:
		return t.run(r)
	case *record.Segment:
		return t.write(t.rung(r))
	case *record.Connection:
		t.within = false
		return t.write(t.outcome(r))
	case *record.Summary:
		if t.o.Quiet {
			return nil
		}
		return t.write(t.summing(r))
	}
	return nil
}

func (t *connectionText) Close() error { return t.w.Flush() }

// rung begins the ladder of a connection where none has begun.
func (t *connectionText) rung(s *record.Segment) (lines []string) {
	if !t.within {
		t.within = true
		t.ladder.begin = time.Time{}
		if t.headed {
			lines = append(lines, "")
		}
		t.headed = true
		lines = append(lines, t.paint.paint(bold, s.Src.String()+" ▶ "+s.Dst.String()), t.ladder.header())
	}
	return append(lines, t.ladder.rung(s)...)
}

// outcome is what a connection came to, in words.
func (t *connectionText) outcome(c *record.Connection) []string {
	if rtt, ok := c.RTT.Get(); ok {
		t.trips = append(t.trips, rtt)
	}
	lines := []string{"", t.verdict(c)}
	for _, fact := range connectionFacts(c) {
		lines = append(lines, "  "+t.paint.paint(dim, units.Padded(fact[0], factWide))+"  "+fact[1])
	}
	for _, f := range c.Findings {
		lines = append(lines, t.finding(f, ""))
	}
	return lines
}

// verdict is "web (192.0.2.7) port 80: open (syn-ack), RTT 21.4 µs (kernel clock)".
func (t *connectionText) verdict(c *record.Connection) string {
	line := fmt.Sprintf("%s port %d: %s (%s)", record.NameOf(c.Target, c.Result.Target.Addr()), c.Result.Target.Port(),
		t.paint.paint(stateStyle(c.State), c.State.String()), c.Reason)
	if c.Responder.IsValid() {
		line += " from " + c.Responder.String()
	}
	if rtt, ok := c.RTT.Get(); ok {
		line += ", RTT " + t.paint.paint(bold, units.Duration(rtt)) + " (" + c.Clock.String() + " clock)"
	}
	return line
}

const factWide = len("retransmitted")

// connectionFacts are name and value of what is worth telling.
func connectionFacts(c *record.Connection) (list [][2]string) {
	add := func(name, value string) {
		if value != "" {
			list = append(list, [2]string{name, value})
		}
	}
	if c.State == probe.StateOpen {
		add("negotiated", negotiatedWords(&c.Negotiated))
		add("closed", closingWords(c))
		add("retransmitted", timesOf("SYN-ACK", c.SYNACKRetransmits, c.SYNACKSchedule))
		add("retransmitted", timesOf("FIN", c.FINRetransmits, c.FINSchedule))
	}
	if c.Sent > 0 {
		add("data sent", fmt.Sprintf("%s, %s acknowledged", units.CountOf(c.Sent, "byte"), units.Count(c.Acked)))
	}
	if c.Received > 0 {
		add("data received", units.CountOf(c.Received, "byte")+" "+excerptOf(c.Data))
	}
	return list
}

// ConnectionWords is what a connection came to, in a line: its state, and its facts.
func ConnectionWords(c *record.Connection) string {
	words := []string{c.State.String() + " (" + string(c.Reason) + ")"}
	for _, fact := range connectionFacts(c) {
		words = append(words, fact[0]+": "+fact[1])
	}
	return strings.Join(words, "; ")
}

// negotiatedWords is "mss 1460, wscale 7, SACK, timestamps".
func negotiatedWords(n *handshake.Negotiated) string {
	var words []string
	add := func(there bool, word string) {
		if there {
			words = append(words, word)
		}
	}
	add(n.MSS != 0, "mss "+strconv.Itoa(int(n.MSS)))
	add(n.Scaled, "wscale "+strconv.Itoa(int(n.Shift)))
	add(n.SACK, "SACK")
	add(n.Stamps, "timestamps")
	add(n.ECN != "" && n.ECN != handshake.ECNRefused, string(n.ECN))
	add(n.TFO, "fast open")
	add(n.MPTCP, "multipath")
	switch {
	case words == nil && n.Partial:
		return "unknown"
	case words == nil:
		return "nothing"
	}
	return strings.Join(words, ", ")
}

func closingWords(c *record.Connection) string {
	switch c.Close {
	case handshake.CloseFourWay, handshake.CloseThreeWay:
		return string(c.Close) + ", the " + c.First.String() + " first"
	case handshake.CloseNever:
		return "no; by our RST at the end"
	}
	return string(c.Close)
}

// timesOf is "FIN 5 times, after 1.0 s, 3.0 s, 7.0 s".
func timesOf(segment string, n int, schedule []time.Duration) string {
	if n == 0 {
		return ""
	}
	words := make([]string, len(schedule))
	for i, d := range schedule {
		words[i] = units.Duration(d)
	}
	return segment + " " + units.CountOf(uint64(n), "time") + ", after " + strings.Join(words, ", ")
}

// excerptOf quotes the beginning of what a peer said.
func excerptOf(b []byte) string {
	const most = 48
	if len(b) > most {
		return strconv.Quote(string(b[:most])) + "…"
	}
	return strconv.Quote(string(b))
}

// summing is the end of a run: round trips where there were several, and what
// was lost.
func (t *connectionText) summing(s *record.Summary) (lines []string) {
	if s.Probes > 1 && !t.bare {
		lines = append(lines, "", units.CountOf(s.Probes, "connection")+" in "+units.Duration(s.Took)+": "+t.foundWords(s))
	}
	if n := len(t.trips); n > 1 {
		slices.Sort(t.trips)
		lines = append(lines, fmt.Sprintf("RTT from %s to %s, median %s",
			units.Duration(t.trips[0]), units.Duration(t.trips[n-1]), units.Duration(t.trips[(n-1)/2])))
	}
	if t.bare {
		lines = append(lines, "", t.traffic(s))
	}
	return append(lines, t.losses(s, "not every port has been probed to the end")...)
}
