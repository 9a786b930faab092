package report

import (
	"strconv"
	"strings"
	"time"
)

// The columns of a capture's table.
const (
	pairWide  = len("255.255.255.255:65535 > 255.255.255.255:65535")
	tripWide  = len("ANSWER AFTER")
	closeWide = len("three-way")
	againWide = len("AGAIN")
)

// captureText tells of the connections in a capture, a line each.
type captureText struct{ *textSink }

func (t *captureText) Record(r Record) error {
	switch r := r.(type) {
	case *Run:
		return t.run(r)
	case *Connection:
		return t.write(r.text(t.textSink))
	case *Reading:
		return t.write(r.text(t.textSink))
	}
	return nil
}

func (t *captureText) Close() error { return t.w.Flush() }

// text is a line for the attempt, its ladder where it has one, and its
// findings.
func (c *Connection) text(t *textSink) []string {
	var lines []string
	if !t.headed {
		t.headed = true
		lines = append(lines, t.paint.paint(dim, captureRow("CLIENT > SERVER", padded("STATE", stateWide),
			"ANSWER AFTER", "ACK AFTER", "SEEN AT", "CLOSE", "AGAIN", "LASTED")))
	}
	lines = append(lines, c.row(t))
	l := ladder{paint: t.paint, begin: c.Begin}
	for _, s := range c.Captured.Ladder {
		lines = append(lines, l.rung(s)...)
	}
	if n := c.Captured.Omitted; n > 0 {
		lines = append(lines, "    "+countOf(uint64(n), "more segment"))
	}
	for _, f := range c.Findings {
		lines = append(lines, t.finding(f, ""))
	}
	return lines
}

func (c *Connection) row(t *textSink) string {
	state := t.paint.paint(stateStyle(c.State), c.State.String()) + strings.Repeat(" ", stateWide-len(c.State.String()))
	again := "-"
	if n := c.Captured.ClientRetransmission + c.Captured.ServerRetransmission; n > 0 {
		again = strconv.Itoa(n)
	}
	return captureRow(c.Source.String()+" > "+c.Result.Target.String(), state,
		tripOf(c.Captured.SYNToAnswer), tripOf(c.Captured.AnswerToACK), orDash(c.Captured.View.String()),
		orDash(string(c.Close)), again, Duration(c.Took))
}

func captureRow(pair, state, answer, ack, view, closed, again, lasted string) string {
	return strings.Join([]string{
		padded(pair, pairWide), state, padded(answer, tripWide), padded(ack, len("ACK AFTER")),
		padded(view, len("SEEN AT")), padded(closed, closeWide), padded(again, againWide), lasted,
	}, "  ")
}

func tripOf(m Maybe[time.Duration]) string {
	if d, ok := m.Get(); ok {
		return Duration(d)
	}
	return "-"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
