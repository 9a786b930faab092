package text

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/probe"
	"synscope/probe/flow"
)

// The columns of a capture's table.
const (
	packetWide = len("1234567")
	startWide  = len("15:04:05.000000")
	pairWide   = len("255.255.255.255:65535 > 255.255.255.255:65535")
	pairNarrow = len("10.255.255.255:65535 > 10.0.0.1:443")
	tripWide   = len("ANSWER AFTER")
	tripShort  = len("99.9 µs") - 1 // a time alone; µ has two bytes
	closeWide  = len("three-way")
	repeatWide = len("RETRANS")
)

// captureText tells of the connections in captures, a line each.
type captureText struct {
	*textSink
	file    string // of the connection above
	day     string // the date of the connection above
	network string // the same
	folds   findingFolds
	said    map[string]bool // why states were unknown
}

// once is a sentence that is told the first time.
func (t *captureText) once(words string) string {
	if t.said[words] {
		return ""
	}
	if t.said == nil {
		t.said = map[string]bool{}
	}
	t.said[words] = true
	return words
}

func (t *captureText) Record(r record.Record) error {
	switch r := r.(type) {
	case *record.Run:
		return t.run(r)
	case *record.Connection:
		return t.write(connectionLines(r, t))
	case *record.Group:
		return t.write(groupText(r, t.textSink))
	case *record.Reading:
		return t.write(readingText(r, t))
	}
	return nil
}

func (t *captureText) Close() error { return t.w.Flush() }

// connectionLines is a line for the attempt, its ladder where it has one, what the capture
// misses of it, and its findings as far as its server has not had them before.
func connectionLines(c *record.Connection, t *captureText) []string {
	lines := t.headings(c)
	lines = append(lines, connectionRow(c, t.textSink))
	l := ladder{paint: t.paint, begin: c.Begin, wide: t.limit()}
	for _, s := range c.Captured.Ladder {
		lines = append(lines, l.rung(s)...)
	}
	if n := c.Captured.Omitted; n > 0 {
		lines = append(lines, "    "+units.CountOf(uint64(n), "more segment"))
	}
	for _, words := range []string{t.once(undecided(c)), missed(c.Captured)} {
		if words != "" {
			lines = append(lines, "  "+t.paint.paint(dim, words))
		}
	}
	for _, f := range c.Findings {
		if c.Captured.Ending == flow.Ongoing || t.folds.first(c.Result.Target, f) {
			lines = append(lines, t.finding(f, ""))
		}
	}
	return lines
}

// headings are the names of the columns, once, and the file, the day and the
// network where those change.
func (t *captureText) headings(c *record.Connection) (lines []string) {
	if !t.headed {
		t.headed = true
		lines = append(lines, t.paint.paint(dim, t.captureRow("PACKET", "START", "CLIENT > SERVER", units.Padded("STATE", stateWide),
			t.answerHead(), "ACK AFTER", "SEEN AT", "CLOSE", "RETRANS", "LASTED")))
	}
	if day := c.Begin.Format(time.DateOnly + " MST"); day != t.day {
		t.day = day
		lines = append(lines, t.paint.paint(dim, "# "+day))
	}
	if c.Captured.File != t.file {
		t.file = c.Captured.File
		lines = append(lines, t.paint.paint(dim, "# "+units.Printable(t.file)))
	}
	if c.Captured.Network != t.network {
		t.network = c.Captured.Network
		lines = append(lines, t.paint.paint(dim, "# "+cmp.Or(t.network, "no vlan, no tunnel")))
	}
	return lines
}

func connectionRow(c *record.Connection, t *textSink) string {
	state := t.paint.paint(stateStyle(c.State), c.State.String()) + strings.Repeat(" ", stateWide-len(c.State.String()))
	repeats := "-"
	if n := c.Captured.ClientRetransmission + c.Captured.ServerRetransmission; n > 0 {
		repeats = strconv.Itoa(n)
	}
	lasted := units.Duration(c.Took)
	if c.Captured.Ending == flow.Ongoing {
		lasted += " so far"
	}
	return t.captureRow(strconv.FormatUint(c.Captured.First, 10), c.Begin.Format("15:04:05.000000"),
		c.Source.String()+" > "+c.Result.Target.String(), state,
		tripOf(c.Captured.SYNToAnswer), tripOf(c.Captured.AnswerToACK), cmp.Or(c.Captured.View.String(), "-"),
		cmp.Or(string(c.Close), "-"), repeats, lasted)
}

// answerHead is the name of the column of times, as long as there is room for.
func (t *textSink) answerHead() string {
	if !t.fits(pairNarrow + 2 + stateWide + 2 + tripWide) {
		return "ANSWER"
	}
	return "ANSWER AFTER"
}

// captureRow is a line of the table. On a narrow terminal a pair of addresses has
// the room that it needs, and what is said less often goes.
func (t *textSink) captureRow(packet, start, pair, state, answer, ack, view, closed, repeats, lasted string) string {
	ends, trip := pairWide, tripWide
	if t.limit() > 0 && t.limit() < 120 {
		ends = pairNarrow
	}
	if !t.fits(ends + 2 + stateWide + 2 + trip) {
		trip = tripShort
	}
	return t.row([]cell{
		{leftPadded(packet, packetWide), packetWide, 2}, {units.Padded(start, startWide), startWide, 4},
		{units.Padded(pair, ends), ends, 0}, {state, stateWide, 0}, {units.Padded(answer, trip), trip, 0},
		{units.Padded(ack, len("ACK AFTER")), len("ACK AFTER"), 7}, {units.Padded(view, len("SEEN AT")), len("SEEN AT"), 6},
		{units.Padded(closed, closeWide), closeWide, 1}, {units.Padded(repeats, repeatWide), repeatWide, 3}, {lasted, len("LASTED") + 3, 5},
	})
}

// undecided says why a state is unknown; "" where it is known.
func undecided(c *record.Connection) string {
	switch {
	case c.State != probe.StateUnknown:
		return ""
	case c.Reason == probe.ReasonNoResponse:
		return "no answer to the SYN was captured: there may have been one"
	case c.Reason == flow.ReasonEvicted:
		return "forgotten before it was over, for lack of room"
	}
	return "what would decide it was not captured"
}

// missed says what was not captured of a connection: "not captured: the SYN; 2
// gaps, 1,400 bytes".
func missed(c *record.Captured) string {
	var words []string
	if len(c.Missing) > 0 {
		words = append(words, "the "+strings.Join(c.Missing, ", the "))
	}
	if gaps := c.Gaps - min(len(c.Missing), 1); gaps > 0 && c.GapBytes > 0 {
		words = append(words, units.CountOf(uint64(gaps), "gap")+" of "+units.CountOf(c.GapBytes, "byte"))
	}
	if len(words) == 0 {
		return ""
	}
	return "not captured: " + strings.Join(words, "; ")
}

func tripOf(m record.Maybe[time.Duration]) string {
	if d, ok := m.Get(); ok {
		return units.Duration(d)
	}
	return "-"
}

// findingFolds counts the findings that servers repeat: each is told in full
// with the first connection that has it.
type findingFolds struct {
	seen map[foldKey]bool
	more map[foldKey]uint64 // connections that had it too
}

type foldKey struct {
	server netip.AddrPort
	code   string
}

// mostFolds bounds the memory: beyond it findings are told each time.
const mostFolds = 1 << 16

// first tells whether a finding is a server's first of its kind.
func (f *findingFolds) first(server netip.AddrPort, finding probe.Finding) bool {
	k := foldKey{server, finding.Code}
	if f.seen[k] {
		f.more[k]++
		return false
	}
	if f.seen == nil {
		f.seen, f.more = map[foldKey]bool{}, map[foldKey]uint64{}
	}
	if len(f.seen) < mostFolds {
		f.seen[k] = true
	}
	return true
}

// lines tell how many more connections had the findings, by kind.
func (f *findingFolds) lines() (lines []string) {
	type sum struct {
		code                 string
		connections, servers uint64
	}
	var sums []*sum
	for k, n := range f.more {
		i := slices.IndexFunc(sums, func(s *sum) bool { return s.code == k.code })
		if i < 0 {
			i = len(sums)
			sums = append(sums, &sum{code: k.code})
		}
		sums[i].connections += n
		sums[i].servers++
	}
	slices.SortFunc(sums, func(a, b *sum) int { return strings.Compare(a.code, b.code) })
	for _, s := range sums {
		lines = append(lines, s.code+": also on "+units.CountOf(s.connections, "more connection")+" of "+units.CountOf(s.servers, "server"))
	}
	return lines
}
