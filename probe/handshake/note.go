package handshake

import "strings"

// Notes is a set of things to say about one segment.
type Notes uint32

// The notes. Those of the second group make the segment void: it changes no
// state.
const (
	NoteRetransmission Notes = 1 << iota // carries nothing that was not sent before
	NoteGap                              // begins beyond what was seen of its sender
	NoteKeepAlive                        // RFC 9293 §3.8.4
	NoteWindowProbe                      // one byte into a window of zero (§3.8.6.1)
	NoteZeroWindow                       // leaves no room
	NoteWindowUpdate                     // nothing but a new window
	NoteDuplicateACK                     // RFC 5681 §2
	NoteData
	NoteUnasked // data before the other end has sent any
	NoteEarlyData
	NoteAfterReset // from an end that an RST has spoken for

	NoteBadAck          // acknowledges what was never sent
	NoteNoAck           // no ACK where there must be one
	NoteChallenge       // an ACK where a SYN-ACK should be (RFC 5961 §4)
	NoteInexactReset    // RST inside the window, not at its edge (RFC 5961 §3)
	NoteIllegalReset    // RST with a number that no end could have sent
	NoteUnverifiedReset // RST to a SYN that does not acknowledge it
	NoteOutside         // outside the receiver's window
	NoteOldReset        // RST about an earlier connection, or to a segment that came late
	NoteOtherSYN        // a SYN of another connection on the same ports
	NoteAside           // without a number of ours, or our question about such a segment

	NoteUncaptured // acknowledges what the capture does not have; not void
	NoteFINAgain   // a FIN that was acknowledged: an end in TIME_WAIT answers it (RFC 9293 §3.10.7.4)
	NoteDoubtful   // of this connection, or of an older one on the same ports; void
)

const void = NoteBadAck | NoteNoAck | NoteChallenge | NoteInexactReset | NoteIllegalReset |
	NoteUnverifiedReset | NoteOutside | NoteOldReset | NoteOtherSYN | NoteAside | NoteDoubtful

var noteWords = [...]string{
	"retransmission", "gap before", "keep-alive", "window probe", "zero window", "window update",
	"duplicate ACK", "", "data without being asked", "before the handshake is complete", "after RST",
	"acknowledges what was not sent", "no ACK", "challenge ACK", "RST not exact", "RST with illegal number",
	"RST that proves nothing", "outside the window",
	"RST about something older", "another connection", "unverified",
	"", "acknowledged before: TIME_WAIT is there to answer it",
	"of this connection or of an older one",
}

// Has reports whether n holds any of m.
func (n Notes) Has(m Notes) bool { return n&m != 0 }

// Void reports whether the segment counts for nothing.
func (n Notes) Void() bool { return n.Has(void) }

// String lists the notes worth reading, parted by commas.
func (n Notes) String() string {
	if n&^NoteData == 0 {
		return ""
	}
	var words []string
	for i, word := range noteWords {
		if n&(1<<i) != 0 && word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}
