package text

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
)

// traceText tells a trace as traceroute(8) does: a line a hop.
type traceText struct {
	*textSink
	hop     []*record.Hop // the answers of one hop, until the next begins
	changed []string      // of the quotes so far
	silent  int           // the TTL of the last line, where that hop was silent; else 0
	end     *record.Port
	watched []*record.HopSummary
}

func (t *traceText) Record(r record.Record) error {
	switch r := r.(type) {
	case *record.Hop:
		if t.o.Rounds {
			return nil
		}
		if len(t.hop) > 0 && t.hop[0].TTL != r.TTL {
			if err := t.flush(); err != nil {
				return err
			}
		}
		t.hop = append(t.hop, r)
	case *record.HopSummary:
		t.watched = append(t.watched, r)
	case *record.Paths:
		return t.write(t.paths(r))
	case *record.Port:
		t.end = r
	case *record.Summary:
		if err := t.flush(); err != nil || t.end == nil {
			return err
		}
		if len(t.watched) > 0 {
			if err := t.write(WatchTable(t.watched, cmp.Or(t.limit(), 80), t.o.Colour)); err != nil {
				return err
			}
		}
		return t.write(t.verdict(r))
	}
	return nil
}

func (t *traceText) Close() error {
	if err := t.flush(); err != nil {
		return err
	}
	return t.w.Flush()
}

// flush writes the line of a hop, and what its quotes show.
func (t *traceText) flush() error {
	if len(t.hop) == 0 {
		return nil
	}
	lines := []string{t.line()}
	for _, change := range t.news() {
		lines = append(lines, "    "+t.paint.paint(yellow, "from here on: "+units.Printable(change)))
	}
	t.silent = 0
	if !slices.ContainsFunc(t.hop, func(h *record.Hop) bool { return h.Addr.IsValid() }) {
		t.silent = t.hop[0].TTL
	}
	t.hop = nil
	return t.write(lines)
}

// line gives the times of a hop, each behind the address that it belongs to
// where several answered.
func (t *traceText) line() string {
	line := fmt.Sprintf("%3d", t.hop[0].TTL)
	var last netip.Addr
	for _, h := range t.hop {
		if !h.Addr.IsValid() {
			line += "  *"
			continue
		}
		if h.Addr != last {
			line += "  " + t.paint.paint(bold, responder(h))
			last = h.Addr
		}
		line += "  " + hopTime(h)
	}
	return line
}

func responder(h *record.Hop) string {
	if h.Name == "" {
		return h.Addr.String()
	}
	return units.Printable(h.Name) + " (" + h.Addr.String() + ")"
}

func hopTime(h *record.Hop) string {
	word := "?"
	if d, ok := h.RTT.Get(); ok {
		word = units.Duration(d)
	}
	if h.Doubt != "" {
		word += " [" + h.Doubt + "]"
	}
	if icmp, ok := h.ICMPCode.Get(); ok && h.Kind.String() == "unreachable" {
		typ, _ := h.ICMPType.Get()
		word += fmt.Sprintf(" !%d/%d", typ, icmp)
	}
	return word
}

// news are the changes that no hop before has shown: whoever rewrites sits
// between the last hop without them and this one.
func (t *traceText) news() (list []string) {
	for _, h := range t.hop {
		for _, c := range h.Changes {
			if !slices.Contains(t.changed, c.Field) {
				t.changed = append(t.changed, c.Field)
				list = append(list, strings.Replace(c.String(), ">", " became ", 1))
			}
		}
	}
	return list
}

// verdict is the port's own answer, and what was found beside it.
func (t *traceText) verdict(s *record.Summary) []string {
	p := t.end
	line := hostPort(p.Target, p.Addr, p.Port) + " is " + t.paint.paint(stateStyle(p.State), p.State.String()) + " (" + evidence(p) + ")"
	if t.silent > 0 {
		line += fmt.Sprintf(": silence from hop %d on", t.silent)
	}
	lines := []string{"", line}
	for _, f := range p.Findings {
		lines = append(lines, t.finding(f, ""))
	}
	return append(lines, "traced in "+units.Duration(s.Took)+" with "+units.CountOf(s.Sent, "packet"))
}
