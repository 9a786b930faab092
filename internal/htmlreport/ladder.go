package htmlreport

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"synscope/craft"
	"synscope/internal/explain"
	"synscope/internal/report/units"
	"synscope/probe"
)

// Limits on what is kept and drawn of connections.
const (
	mostConnections = 100 // of a run
	mostRungs       = 120 // of a connection
	mostUnderway    = 4_096
)

// ladderBook is the connections of a run with their segments.
type ladderBook struct {
	done     []*connection
	underway map[string]*connection // by the client's end, or the capture's number
	left     uint64                 // connections that there is no room for
	strays   uint64                 // segments of connections beyond mostUnderway
}

// connection is one connection: its segments, and what became of it.
type connection struct {
	segments []*segmentRecord
	omitted  int
	result   *handshakeRecord // nil: segments alone
}

// end is the client's end of a segment, which names its connection.
func (s *segmentRecord) end() string {
	switch {
	case s.Connection != nil:
		return "#" + strconv.FormatUint(*s.Connection, 10)
	case s.Dir == "out":
		return s.Src
	}
	return s.Dst
}

func (b *ladderBook) takeSegment(s *segmentRecord) {
	c := b.underway[s.end()]
	if c == nil {
		if len(b.underway) == mostUnderway {
			b.strays++
			return
		}
		if b.underway == nil {
			b.underway = map[string]*connection{}
		}
		c = &connection{}
		b.underway[s.end()] = c
	}
	if len(c.segments) == mostRungs {
		c.omitted++
		return
	}
	c.segments = append(c.segments, s)
}

// takeHandshake closes a connection, and judges the port by it.
func (r *run) takeHandshake(h *handshakeRecord) {
	name := h.place.String()
	r.takeFindings(h.place, h.Findings)
	h.Findings = h.Findings[:min(len(h.Findings), mostOfRecord)]
	v := verdict{state: h.State, reason: h.Reason}
	if trip := h.trip(); trip != nil {
		v.rtt = *trip
		r.trips.add(name, h.Start, *trip, r.head.Start)
	}
	r.judge(h.place, v)
	r.ladders.finish(h, len(r.ladders.done) < mostConnections && r.store.keeps(r.size))
}

// trip is the connection's round trip, from wherever it was seen.
func (h *handshakeRecord) trip() (d *time.Duration) {
	for _, d := range []*time.Duration{h.RTT, h.ServerRTT, h.SYNToACK} {
		if d != nil {
			return d
		}
	}
	return nil
}

// finish closes a connection; it is kept where there is room.
func (b *ladderBook) finish(h *handshakeRecord, room bool) {
	key := h.Source
	if h.Connection != nil {
		key = "#" + strconv.FormatUint(*h.Connection, 10)
	}
	c := b.underway[key]
	delete(b.underway, key)
	if c == nil {
		c = &connection{}
	}
	c.result = h
	if !room || len(b.done) == mostConnections {
		b.left++
		return
	}
	b.done = append(b.done, c)
}

// all are the connections, those without a result last, and how many there are that
// there is no room for.
func (b *ladderBook) all() (all []*connection, left uint64) {
	all = slices.Clone(b.done)
	var rest []*connection
	for _, c := range b.underway {
		rest = append(rest, c)
	}
	slices.SortFunc(rest, func(x, y *connection) int { return x.segments[0].Time.Compare(y.segments[0].Time) })
	shown := min(len(rest), max(0, mostConnections-len(all)))
	return append(all, rest[:shown]...), b.left + uint64(len(rest)-shown)
}

// connectionView is a connection on the page.
type connectionView struct {
	Title, State, Reason string
	Facts                []fact
	Findings             []probe.Finding
	Rungs                []rung
	Omitted              string
	Explain              []string // words
}

type fact struct{ Name, Value string }

// rung is a segment of a ladder.
type rung struct {
	Out                bool
	Time, Arrow        string
	Local, Peer        string // states after it, "" where they stay
	Details, Notes     []string
	Reset, ICMP, Again bool
}

// ladderView is the connections of one run.
type ladderView struct {
	Title       string
	Connections []connectionView
	Omitted     string
}

func (r *Report) ladderViews() (views []ladderView) {
	for _, one := range r.runs {
		v := ladderView{Title: r.runName(one)}
		all, left := one.ladders.all()
		for _, c := range all {
			if r.shown.fits("connections", 1, mostLadders) {
				v.Connections = append(v.Connections, c.view(r))
			}
		}
		if left > 0 {
			v.Omitted = fmt.Sprintf("%s more: a page has room for the first %d of a run.", units.Plural(left, "connection", "connections"), mostConnections)
		}
		if len(v.Connections) > 0 {
			views = append(views, v)
		}
	}
	return views
}

func (c *connection) view(r *Report) (v connectionView) {
	v.Rungs = rungs(c.segments)
	if c.omitted > 0 {
		v.Omitted = fmt.Sprintf("%s more: a ladder has room for %d.", units.Plural(uint64(c.omitted), "segment", "segments"), mostRungs)
	}
	h := c.result
	if h == nil {
		v.Title = c.segments[0].Src + " → " + c.segments[0].Dst
		return v
	}
	v.Title, v.State, v.Reason = h.place.String(), h.State.String(), h.Reason
	v.Facts, v.Findings = h.facts(), h.Findings
	r.book.note(explain.State, v.State)
	r.book.note(explain.Reason, v.Reason)
	r.book.note(explain.Close, h.Close)
	return v
}

// facts are what a connection's record says beside its state.
func (h *handshakeRecord) facts() (list []fact) {
	add := func(name, value string) {
		if value != "" {
			list = append(list, fact{name, value})
		}
	}
	add("RTT", spell(h.trip())+clockWords(h.Clock, h.trip() != nil))
	add("close", h.Close)
	add("negotiated", negotiated(h.Negotiated))
	if h.Repeats != nil && *h.Repeats > 0 {
		add("SYN-ACK repeated", times(*h.Repeats)+afterWords(h.Schedule))
	}
	if h.FINs != nil && *h.FINs > 0 {
		add("FIN repeated", times(*h.FINs))
	}
	add("took", spell(h.Took))
	return list
}

func clockWords(clock string, timed bool) string {
	if clock == "" || !timed {
		return ""
	}
	return " (" + clock + ")"
}

func times(n uint64) string { return units.Plural(n, "time", "times") }

func afterWords(schedule []time.Duration) string {
	if len(schedule) == 0 {
		return ""
	}
	words := make([]string, len(schedule))
	for i, d := range schedule {
		words[i] = units.Duration(d)
	}
	return ", after " + strings.Join(words, ", ")
}

// negotiated are the options that both ends negotiated.
func negotiated(options map[string]json.RawMessage) string {
	var words []string
	for _, o := range []struct{ key, name string }{
		{"mss", "MSS"}, {"wscale", "window scale"}, {"sack", "SACK"}, {"ts", "timestamps"}, {"ecn", "ECN"}, {"tfo", "TFO"}, {"mptcp", "MPTCP"},
	} {
		switch value := phrase(options[o.key]); value {
		case "", "false":
		case "true":
			words = append(words, o.name)
		default:
			words = append(words, o.name+" "+units.Shortened(value, 40))
		}
	}
	return strings.Join(words, ", ")
}

// rungs are the segments as they are drawn, with sequence numbers counted from
// each end's first.
func rungs(segments []*segmentRecord) (list []rung) {
	var base [2]craft.Seq
	var known [2]bool
	local, peer := "", ""
	for _, s := range segments {
		side := map[bool]int{true: 0, false: 1}[s.Dir == "out"]
		if !known[side] && strings.Contains(s.Flags, "S") {
			base[side], known[side] = s.Seq, true
		}
		r := s.rung(base[side], base[1-side])
		r.Time = "0"
		if d := s.Time.Sub(segments[0].Time); d != 0 {
			r.Time = "+" + units.Duration(d)
		}
		if s.Local != local {
			r.Local, local = s.Local, s.Local
		}
		if s.Peer != peer {
			r.Peer, peer = s.Peer, s.Peer
		}
		list = append(list, r)
	}
	return list
}

// rung is one segment; own and other are the first numbers of the two sides, 0
// where they are not known: then the numbers are those of the wire.
func (s *segmentRecord) rung(own, other craft.Seq) rung {
	r := rung{Out: s.Dir == "out", Reset: strings.Contains(s.Flags, "R"), ICMP: s.Flags == ""}
	r.Again = strings.Contains(s.Note, "retransmi") || strings.Contains(s.Note, "repeat") || strings.Contains(s.Note, "again")
	if s.Note != "" {
		r.Notes = strings.Split(s.Note, ", ")
	}
	if r.ICMP {
		r.Arrow = "ICMP"
		return r
	}
	r.Arrow = fmt.Sprintf("%s seq %d", s.Flags, uint32(s.Seq)-uint32(own))
	if s.Ack != nil && strings.Contains(s.Flags, ".") {
		r.Arrow += fmt.Sprintf(" ack %d", uint32(*s.Ack)-uint32(other))
	}
	if s.Len > 0 {
		r.Arrow += fmt.Sprintf(" len %d", s.Len)
	}
	if s.Window != nil && !r.Reset {
		r.Arrow += fmt.Sprintf(" win %d", *s.Window)
	}
	r.Details = s.details()
	return r
}

// details are the numbers of the wire and the options without padding.
func (s *segmentRecord) details() []string {
	numbers := strconv.FormatUint(uint64(s.Seq), 10)
	if s.Ack != nil && strings.Contains(s.Flags, ".") {
		numbers += ":" + strconv.FormatUint(uint64(*s.Ack), 10)
	}
	words := []string{numbers, "ttl " + strconv.Itoa(int(s.TTL))}
	for _, o := range s.Options {
		if o != "nop" && o != "eol" {
			words = append(words, o)
		}
	}
	return words
}
