package paths

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"synscope/internal/binomial"
	"synscope/probe"
	"synscope/probe/trace"
)

// find adds what is worth saying of the map.
func (m *Map) find() {
	for i := range m.Dead {
		if d := &m.Dead[i]; d.Refused && m.Nodes[d.Node].Stats.Received < confirmed {
			continue
		}
		m.Findings = append(m.Findings, m.deadPath(&m.Dead[i]))
	}
	if f, ok := m.lossyLink(); ok {
		m.Findings = append(m.Findings, f)
	}
	for i := range m.Nodes {
		n := &m.Nodes[i]
		switch {
		case n.Balance == BalancePacket:
			m.Findings = append(m.Findings, probe.Finding{
				Code: "packets-balanced", Severity: probe.SeverityNotice,
				Text: "packets of one flow are sent different ways behind " + m.Name(i) + ": segments of a connection overtake each other",
			})
		case n.Box:
			m.Findings = append(m.Findings, m.inTheName(n))
		}
	}
	m.injected()
	m.rewritten()
}

// Name is a node in words: its address and its hop.
func (m *Map) Name(id int) string {
	switch {
	case id < 0 || id >= len(m.Nodes):
		return "an unknown hop"
	case id == 0:
		return "this machine"
	}
	n := &m.Nodes[id]
	if !n.Addr.IsValid() {
		return "a silent hop " + strconv.Itoa(n.TTL)
	}
	return fmt.Sprintf("%v (hop %d)", n.Addr, n.TTL)
}

func (m *Map) deadPath(d *Dead) probe.Finding {
	far := "somewhere before the target"
	if d.Far >= 0 {
		far = m.Name(d.Far)
	}
	tried := 0
	for _, f := range m.Flows {
		if len(f.Hops) > 0 {
			tried++
		}
	}
	if d.Refused {
		return m.refusedPath(d, far, tried)
	}
	return probe.Finding{
		Code: "path-dead", Severity: probe.SeverityWarning,
		Text: fmt.Sprintf("one path is dead between %s and %s: connections from source ports that are sent that way fail, the others work",
			m.Name(d.Near), far),
		Evidence: fmt.Sprintf("%d of %d flows go there, %d probes into it were not answered: ports %s", len(d.Flows), tried, d.Probes, some(d.Flows)),
	}
}

// refusedPath is for a router that has no way on while its neighbours have one.
func (m *Map) refusedPath(d *Dead, far string, tried int) probe.Finding {
	n, word := &m.Nodes[d.Node], "an ICMP error"
	if n.ICMP != nil {
		if reason, _ := probe.ICMPMeaning(n.Addr, n.ICMP.Type, n.ICMP.Code); reason != "" {
			word = string(reason)
		}
	}
	return probe.Finding{
		Code: "path-refused", Severity: probe.SeverityWarning,
		Text: fmt.Sprintf("one path ends at %s, which says %s; the others go on to %s: connections from source ports that are sent that way fail",
			m.Name(d.Near), word, far),
		Evidence: fmt.Sprintf("%d of %d flows go there: ports %s", len(d.Flows), tried, some(d.Flows)),
	}
}

// some are the first few ports of a list, in words.
func some(ports []uint16) (words string) {
	for i, p := range ports {
		if i == 6 {
			return words + ", …"
		}
		if i > 0 {
			words += ", "
		}
		words += strconv.Itoa(int(p))
	}
	return words
}

// inTheName is for who answers in the target's name from before it.
func (m *Map) inTheName(n *Node) probe.Finding {
	return probe.Finding{
		Code: "answered-before-host", Severity: probe.SeverityWarning,
		Text: fmt.Sprintf("at hop %d somebody answers in the target's name with %s: probes of the same flow that were to live longer expired at routers behind it",
			n.TTL, kindWord(n.Kind)),
		Evidence: returned(n.Returned),
	}
}

func kindWord(k trace.HopKind) string {
	switch k {
	case trace.HopSYNACK:
		return "SYN-ACK"
	case trace.HopReset:
		return "RST"
	case trace.HopUnreachable:
		return "an ICMP error"
	}
	return "nothing"
}

func returned(ttls []uint8) (words string) {
	for _, t := range ttls {
		words += " ttl " + strconv.Itoa(int(t))
	}
	if words == "" {
		return ""
	}
	return "answers arrived with" + words
}

// injected finds answers in the target's name to probes that a router saw expire:
// whoever sent them did not keep the probe.
func (m *Map) injected() {
	first := map[trace.HopKind]int{}
	for _, f := range m.Flows {
		for _, h := range f.Hops {
			expired := slices.ContainsFunc(h.Answers, func(a Answer) bool { return a.Kind == trace.HopTimeExceeded })
			for _, a := range h.Answers {
				if expired && a.Kind != trace.HopTimeExceeded && (first[a.Kind] == 0 || h.TTL < first[a.Kind]) {
					first[a.Kind] = h.TTL
				}
			}
		}
	}
	for _, kind := range []trace.HopKind{trace.HopReset, trace.HopSYNACK} {
		if ttl := first[kind]; ttl > 0 {
			m.Findings = append(m.Findings, probe.Finding{
				Code: "answer-injected", Severity: probe.SeverityWarning,
				Text: fmt.Sprintf("somebody no further than hop %d sends %s in the target's name and lets the probe go on: a router saw the same probe expire",
					ttl, kindWord(kind)),
				Evidence: "both answers came for one probe with TTL " + strconv.Itoa(ttl),
			})
		}
	}
}

// rewritten names what was changed on the way, at the first node that shows it.
func (m *Map) rewritten() {
	seen := map[string]bool{}
	for _, n := range m.Nodes {
		for _, c := range n.Changes {
			if c.Field == "ttl" || seen[c.Field] {
				continue
			}
			seen[c.Field] = true
			m.Findings = append(m.Findings, probe.Finding{
				Code: "header-rewritten", Severity: probe.SeverityNotice,
				Text:     fmt.Sprintf("%s of the probes is rewritten before %s, or by it", c.Field, m.Name(n.ID)),
				Evidence: c.String(),
			})
		}
	}
}

// lossyLink finds the link that loses, if there is one: that which explains best
// which probes were lost, if those that cross it are lost at one rate and all others
// at another, and if chance would explain it as well less than once in a thousand.
func (m *Map) lossyLink() (f probe.Finding, found bool) {
	best, most := -1, math.Log(1e3*float64(max(len(m.Edges), 1)))
	for i := range m.Edges {
		if m.Edges[i].Uncertain || !m.Nodes[m.Edges[i].To].Addr.IsValid() {
			continue
		}
		l := m.losses(&m.Edges[i])
		if gain := l.gain(); gain > most && !l.limited() {
			best, most = i, gain
		}
	}
	if best < 0 {
		return f, false
	}
	e, l := m.Edges[best], m.losses(&m.Edges[best])
	return probe.Finding{
		Code: "path-lossy", Severity: probe.SeverityWarning,
		Text:     fmt.Sprintf("what takes the link from %s to %s is lost more often than the rest", m.Name(e.From), m.Name(e.To)),
		Evidence: fmt.Sprintf("%d of %d probes that cross it were lost, %d of %d others", l.crossing.lost, l.crossing.sent, l.others.lost, l.others.sent),
	}, true
}

// tally counts probes.
type tally struct{ lost, sent int }

func (t *tally) add(h *Hop) {
	t.lost += h.Lost
	t.sent += h.Sent
}

// logLikelihood is that of a tally at the rate that fits it best.
func (t *tally) logLikelihood() float64 {
	if t.lost == 0 || t.lost == t.sent {
		return 0
	}
	p := float64(t.lost) / float64(t.sent)
	return float64(t.lost)*math.Log(p) + float64(t.sent-t.lost)*math.Log(1-p)
}

// losses are the probes that say whether a link loses: those that cross it, of which
// ends are those that the target answers, and all others. Silent places do not count:
// they lose nothing that can be seen.
type losses struct{ crossing, ends, others tally }

func (m *Map) losses(e *Edge) (l losses) {
	from, to := &m.Nodes[e.From], &m.Nodes[e.To]
	for _, f := range m.Flows {
		takes := to.TTL <= len(f.Nodes) && f.Nodes[to.TTL-1] == to.ID && (from.TTL == 0 || f.Nodes[from.TTL-1] == from.ID)
		unknown := to.TTL > len(f.Nodes) || f.Nodes[to.TTL-1] < 0 || from.TTL > 0 && f.Nodes[from.TTL-1] < 0
		for i := range f.Hops {
			h := &f.Hops[i]
			switch {
			case len(h.Answers) == 0, unknown && h.TTL >= to.TTL:
				continue
			case !takes || h.TTL < to.TTL:
				l.others.add(h)
				continue
			}
			l.crossing.add(h)
			if k := h.Answers[0].Kind; k == trace.HopSYNACK || k == trace.HopReset {
				l.ends.add(h)
			}
		}
	}
	return l
}

// gain is how much better two rates explain the losses than one, as the logarithm of
// the ratio of likelihoods; 0 where the link loses less than the rest. Where nothing
// else is known, it is held against a loss of 2 %.
func (l *losses) gain() float64 {
	others := l.others
	if others.sent == 0 {
		others = tally{1, 50}
	}
	if l.crossing.sent == 0 || l.crossing.lost*others.sent <= others.lost*l.crossing.sent {
		return 0
	}
	all := tally{l.crossing.lost + others.lost, l.crossing.sent + others.sent}
	return l.crossing.logLikelihood() + others.logLikelihood() - all.logLikelihood()
}

// limited reports whether routers that send few errors explain the loss as well: what
// the target answers itself is lost less, or there is too little of it to tell.
func (l *losses) limited() bool {
	rate := float64(l.crossing.lost) / float64(max(l.crossing.sent, 1))
	return l.ends.sent < 5 || 1-binomial.UpperTail(l.ends.sent, l.ends.lost+1, rate) < 0.05
}
