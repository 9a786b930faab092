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
// numbers as they are on the wire, the options, and what is to be noted.
const (
	timeWide   = len("999.9 ms")
	localWide  = len("SYN_RECEIVED")
	shaftWide  = 40
	peerColumn = 2 + timeWide + 2 + localWide + 2 + shaftWide + 2
	detailWide = shaftWide + 2 + localWide
	shaftEnds  = 5 // a head, a tail, and the blanks round the words
)

// ladder draws the segments of one connection.
type ladder struct {
	paint painter
	begin time.Time // of the first segment
	plain bool      // without states
}

// header names the columns.
func (l *ladder) header() string {
	local, peer := "WE", "PEER"
	if l.plain {
		local, peer = "", ""
	}
	title := " SEGMENT "
	dashes := strings.Repeat("─", (shaftWide-len(title))/2)
	row := "  " + leftPadded("TIME", timeWide) + "  " + units.Padded(local, localWide) + "  " + dashes + title + dashes + "  " + peer
	return l.paint.paint(dim, strings.TrimRight(row, " "))
}

// rung is the lines of one segment.
func (l *ladder) rung(s *record.Segment) []string {
	if l.begin.IsZero() {
		l.begin = s.Time
	}
	row := "  " + l.paint.paint(dim, leftPadded(l.offset(s), timeWide)) + "  " +
		l.state(s.Local) + "  " + l.shaft(s) + "  " + l.state(s.Peer)
	lines := []string{strings.TrimRight(row, " ")}
	indent := strings.Repeat(" ", peerColumn-shaftWide-2+3)
	for _, line := range wrapped(details(s), detailWide-3) {
		lines = append(lines, indent+l.paint.paint(dim, line))
	}
	if s.Note != "" {
		for _, line := range wrapped(strings.Split(s.Note, ", "), detailWide-3) {
			lines = append(lines, indent+l.paint.paint(yellow, units.Printable(line)))
		}
	}
	return lines
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

// shaft is the arrow: flags, relative numbers, window and length within it.
func (l *ladder) shaft(s *record.Segment) string {
	words := strings.Join(segmentWords(s), " ")
	if roomy(s) {
		words += windowWords(s)
	}
	line := strings.Repeat("─", max(1, shaftWide-shaftEnds-utf8.RuneCountInString(words)))
	look := bold
	if strings.Contains(s.Flags, "R") || s.Flags == "" {
		look = red
	}
	if s.Out {
		return "── " + l.paint.paint(look, words) + " " + line + "▶"
	}
	return "◀─ " + l.paint.paint(look, words) + " " + line + "─"
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
	return words
}

// windowWords is " win N"; an RST has none worth telling.
func windowWords(s *record.Segment) string {
	if s.Flags == "" || strings.Contains(s.Flags, "R") {
		return ""
	}
	return " win " + strconv.Itoa(int(s.Window))
}

// roomy tells whether the arrow has room for the window too; else it stands
// among the details.
func roomy(s *record.Segment) bool {
	return len(strings.Join(segmentWords(s), " "))+len(windowWords(s))+shaftEnds < shaftWide
}

// details are the numbers and options of the wire.
func details(s *record.Segment) []string {
	if s.Flags == "" {
		return nil
	}
	if s.RelativeSeq == uint32(s.Seq) && s.RelativeAck == ackOf(s) {
		return append([]string{"ttl " + strconv.Itoa(int(s.TTL))}, telling(s.Options)...)
	}
	words := []string{"= " + strconv.FormatUint(uint64(s.Seq), 10)}
	if ack, ok := s.Ack.Get(); ok && strings.Contains(s.Flags, ".") {
		words[0] += ":" + strconv.FormatUint(uint64(ack), 10)
	}
	if window := windowWords(s); window != "" && !roomy(s) {
		words = append(words, window[1:])
	}
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

// wrapped joins words by commas into lines of at most that many columns.
func wrapped(words []string, wide int) (lines []string) {
	for _, word := range words {
		last := len(lines) - 1
		if last >= 0 && utf8.RuneCountInString(lines[last])+2+utf8.RuneCountInString(word) <= wide {
			lines[last] += ", " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}

func leftPadded(s string, wide int) string {
	return strings.Repeat(" ", max(0, wide-utf8.RuneCountInString(s))) + s
}
