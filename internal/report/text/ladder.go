package text

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/probe/handshake"
)

// The ladder is laid out for a terminal of 80 columns: time, our state, an
// arrow that carries what went, the peer's state; below the arrow, dim, the
// numbers as they are on the wire, the options, and what is to be noted. On a
// narrower one the states go below the arrow too, the peer's first.
const (
	timeWide   = len("999.9 ms")
	localWide  = len("SYN_RECEIVED")
	shaftWide  = 40
	leastShaft = 34 // beside our state
	timeColumn = 2 + timeWide + 2
	detailWide = shaftWide + 2 + localWide
	shaftEnds  = 5 // a head, a tail, and the blanks round the words
)

// ladder draws the segments of one connection.
type ladder struct {
	paint painter
	begin time.Time // of the first segment
	plain bool      // without states
	wide  int       // columns of the terminal; 0: as many as it takes
}

// shape is which states have columns of their own, and how long the arrows are.
type shape struct {
	local, peer   bool
	shaft, detail int // columns of an arrow, and of what stands below it
}

func (l *ladder) shape() shape {
	const beside = timeColumn + localWide + 2
	switch {
	case l.wide == 0 || l.wide >= beside+shaftWide+2+localWide:
		return shape{true, true, shaftWide, detailWide - 3}
	case l.wide >= beside+leastShaft:
		shaft := min(shaftWide, l.wide-beside)
		return shape{true, false, shaft, shaft - 3}
	}
	shaft := min(shaftWide, l.wide-timeColumn)
	return shape{false, false, shaft, shaft - 3}
}

// header names the columns.
func (l *ladder) header() string {
	of := l.shape()
	title := " SEGMENT "
	dashes := strings.Repeat("─", (of.shaft-len(title))/2)
	row := l.columns(of, leftPadded("TIME", timeWide), units.Padded(l.named("WE"), localWide), dashes+title+dashes, l.named("PEER"))
	return l.paint.paint(dim, row)
}

// named is the heading of a column of states.
func (l *ladder) named(heading string) string {
	if l.plain {
		return ""
	}
	return heading
}

// columns puts together what there is room for.
func (l *ladder) columns(of shape, at, local, shaft, peer string) string {
	row := "  " + at + "  "
	if of.local {
		row += local + "  "
	}
	row += shaft
	if of.peer {
		row += "  " + peer
	}
	return strings.TrimRight(row, " ")
}

// rung is the lines of one segment.
func (l *ladder) rung(s *record.Segment) []string {
	if l.begin.IsZero() {
		l.begin = s.Time
	}
	of := l.shape()
	at := l.paint.paint(dim, leftPadded(l.offset(s), timeWide))
	lines := []string{l.columns(of, at, l.state(s.Local), l.shaft(s, of.shaft), l.state(s.Peer))}
	indent := strings.Repeat(" ", timeColumn+3)
	if of.local {
		indent += strings.Repeat(" ", localWide+2)
	}
	below := func(words []string, look style) {
		for _, line := range wrapped(words, ", ", of.detail) {
			for _, piece := range folded(line, min(of.detail, l.wide)) { // without a limit nothing is
				lines = append(lines, indent+l.paint.paint(look, piece))
			}
		}
	}
	below(l.statesBelow(s, of), cyan)
	below(details(s, of.shaft), dim)
	if s.Note != "" {
		below(strings.Split(units.Printable(s.Note), ", "), yellow)
	}
	return lines
}

// statesBelow are the states that have no column.
func (l *ladder) statesBelow(s *record.Segment, of shape) (words []string) {
	if l.plain {
		return nil
	}
	if !of.local && s.Local != handshake.Unknown {
		words = append(words, "we "+s.Local.String())
	}
	if !of.peer && s.Peer != handshake.Unknown {
		words = append(words, "peer "+s.Peer.String())
	}
	return words
}

// offset is the time since the first segment. A stamp before its own is told in
// a word: the clock was set, or the file is in another order.
func (l *ladder) offset(s *record.Segment) string {
	switch d := s.Time.Sub(l.begin); {
	case d < 0:
		return "earlier"
	case d > 0:
		return units.Duration(d)
	}
	return "0"
}

// state is a state in its column, in the colour of how far it is.
func (l *ladder) state(s handshake.State) string {
	if l.plain {
		return strings.Repeat(" ", localWide)
	}
	look := cyan
	switch s {
	case handshake.Established:
		look = green
	case handshake.Closed:
		look = dim
	}
	return l.paint.paint(look, s.String()) + strings.Repeat(" ", max(0, localWide-len(s.String())))
}

// shaft is the arrow: flags, relative numbers, window and length within it, as far as
// there is room.
func (l *ladder) shaft(s *record.Segment, wide int) string {
	carried, _ := parted(s, wide)
	words := strings.Join(carried, " ")
	line := strings.Repeat("─", max(1, wide-shaftEnds-utf8.RuneCountInString(words)))
	look := bold
	if strings.Contains(s.Flags, "R") || s.Flags == "" {
		look = red
	}
	if s.Out {
		return "── " + l.paint.paint(look, words) + " " + line + "▶"
	}
	return "◀─ " + l.paint.paint(look, words) + " " + line + "─"
}

// parted are the words that the arrow has room for, and those that stand below it: the
// window goes first.
func parted(s *record.Segment, wide int) (carried, below []string) {
	carried = segmentWords(s)
	for len(carried) > 1 && len(strings.Join(carried, " "))+shaftEnds >= wide {
		last := len(carried) - 1
		carried, below = carried[:last], append([]string{carried[last]}, below...)
	}
	return carried, below
}

// segmentWords are what the arrow carries.
func segmentWords(s *record.Segment) []string {
	if s.Flags == "" {
		return []string{"ICMP"}
	}
	words := []string{s.Flags, "seq " + strconv.FormatUint(uint64(s.RelativeSeq), 10)}
	if strings.Contains(s.Flags, ".") {
		words = append(words, "ack "+strconv.FormatUint(uint64(s.RelativeAck), 10))
	}
	if s.Len > 0 {
		words = append(words, "len "+strconv.Itoa(s.Len))
	}
	if !strings.Contains(s.Flags, "R") { // an RST has no window worth telling
		words = append(words, "win "+strconv.Itoa(int(s.Window)))
	}
	return words
}

// details are the numbers and options of the wire, and what an arrow of a width has no
// room for.
func details(s *record.Segment, wide int) []string {
	if s.Flags == "" {
		return nil
	}
	_, below := parted(s, wide)
	if s.RelativeSeq == uint32(s.Seq) && s.RelativeAck == ackOf(s) {
		return append(append(below, "ttl "+strconv.Itoa(int(s.TTL))), telling(s.Options)...)
	}
	words := []string{"= " + strconv.FormatUint(uint64(s.Seq), 10)}
	if ack, ok := s.Ack.Get(); ok && strings.Contains(s.Flags, ".") {
		words[0] += ":" + strconv.FormatUint(uint64(ack), 10)
	}
	words = append(words, below...)
	if strings.ContainsAny(s.Flags, "SR") {
		words = append(words, "ttl "+strconv.Itoa(int(s.TTL)))
	}
	return append(words, telling(s.Options)...)
}

// stampWords shortens "TS val 1 ecr 2" to "TS 1:2".
var stampWords = strings.NewReplacer("TS val ", "TS ", " ecr ", ":")

// telling are the options without padding.
func telling(options []string) (words []string) {
	for _, option := range options {
		if option != "nop" && option != "eol" {
			words = append(words, stampWords.Replace(option))
		}
	}
	return words
}

func ackOf(s *record.Segment) uint32 {
	ack, _ := s.Ack.Get()
	return uint32(ack)
}

// wrapped joins words into lines of at most that many columns.
func wrapped(words []string, separator string, wide int) (lines []string) {
	for _, word := range words {
		last := len(lines) - 1
		if last >= 0 && utf8.RuneCountInString(lines[last]+separator+word) <= wide {
			lines[last] += separator + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}

func leftPadded(s string, wide int) string {
	return strings.Repeat(" ", max(0, wide-utf8.RuneCountInString(s))) + s
}
