package paths

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"synscope/probe"
	"synscope/probe/trace"
)

// find adds what is worth saying of the map.
func (m *Map) find() {
	for i := range m.Dead {
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

// lossyLink finds the link that loses, if one does so more than chance would have
// it: flows that take it are answered less often from there on than others.
func (m *Map) lossyLink() (f probe.Finding, found bool) {
	best, bestP := -1, 1e-3/float64(max(len(m.Edges), 1))
	var counts [4]int
	for i, e := range m.Edges {
		if e.Uncertain || !m.Nodes[e.To].Addr.IsValid() {
			continue
		}
		c, further := m.behind(&e)
		if further.sent >= 5 && further.lost == 0 {
			continue // the router answers seldom, and passes on all
		}
		p := fisher(c)
		if p < bestP || best >= 0 && p <= bestP*1.5 && m.Nodes[e.To].TTL < m.Nodes[m.Edges[best].To].TTL {
			best, bestP, counts = i, p, c
		}
	}
	if best < 0 {
		return f, false
	}
	e := m.Edges[best]
	return probe.Finding{
		Code: "path-lossy", Severity: probe.SeverityWarning,
		Text: fmt.Sprintf("what takes the link from %s to %s is lost more often than the rest", m.Name(e.From), m.Name(e.To)),
		Evidence: fmt.Sprintf("%d of %d probes there and behind it, %d of %d on other ways; so much by chance: %.1g",
			counts[0], counts[1], counts[2], counts[3], bestP),
	}, true
}

// behind counts the probes to the far end of a link and further, on flows that
// take it and on others: lost, all, lost, all; further are those of the former that
// were for hops behind the link. Silent places do not count: they
// lose nothing that can be seen.
func (m *Map) behind(e *Edge) (c [4]int, further struct{ sent, lost int }) {
	from, to := &m.Nodes[e.From], &m.Nodes[e.To]
	for _, f := range m.Flows {
		if len(f.Nodes) < to.TTL || f.Nodes[to.TTL-1] < 0 || from.TTL > 0 && f.Nodes[from.TTL-1] < 0 {
			continue
		}
		takes := f.Nodes[to.TTL-1] == to.ID && (from.TTL == 0 || f.Nodes[from.TTL-1] == from.ID)
		for _, h := range f.Hops {
			if h.TTL < to.TTL || h.TTL > len(f.Nodes) || len(h.Answers) == 0 {
				continue
			}
			at := 2
			if takes {
				at = 0
			}
			if takes && h.TTL > to.TTL {
				further.sent += h.Sent
				further.lost += h.Lost
			}
			c[at] += h.Lost
			c[at+1] += h.Sent
		}
	}
	return c, further
}

// fisher is the chance that so many of the first or more are lost if both lose
// alike (Fisher's exact test, one-sided); 1 where there is nothing to compare.
func fisher(c [4]int) float64 {
	lost, all := c[0]+c[2], c[1]+c[3]
	if c[1] == 0 || lost == 0 {
		return 1
	}
	if c[3] == 0 { // nothing beside it: held against a loss that is usual
		return binomialTail(c[0], c[1], 0.02)
	}
	sum := 0.0
	for k := c[0]; k <= min(lost, c[1]); k++ {
		if lost-k <= c[3] {
			sum += math.Exp(choose(c[1], k) + choose(c[3], lost-k) - choose(all, lost))
		}
	}
	return sum
}

func binomialTail(k, n int, p float64) (sum float64) {
	for i := k; i <= n; i++ {
		sum += math.Exp(choose(n, i) + float64(i)*math.Log(p) + float64(n-i)*math.Log(1-p))
	}
	return sum
}

// choose is the logarithm of a binomial coefficient.
func choose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}
