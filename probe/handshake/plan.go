package handshake

import (
	"fmt"
	"strings"
	"time"

	"synscope/craft"
)

// DataOn is the segment that our data goes with. The zero value is
// OnEstablished.
type DataOn uint8

// The moments for data.
const (
	OnEstablished DataOn = iota // after the handshake, in segments of its own
	OnSYN                       // RFC 9293 §3.5 allows it, RFC 7413 makes it useful
	OnACK                       // on the third segment
)

// Ending is how we end a connection that was opened. The zero value is EndFIN.
type Ending uint8

// The endings.
const (
	EndFIN Ending = iota
	EndRST
	EndNone // watch, then clean up by RST all the same
)

// Withhold is an acknowledgement left out on purpose. The zero value is
// WithholdNothing.
type Withhold uint8

// What can be withheld.
const (
	WithholdNothing   Withhold = iota
	WithholdSYNACKAck          // the peer stays half-open
	WithholdLastAck            // the peer stays in LAST_ACK
)

var (
	dataOnWords   = []string{"established", "syn", "ack"}
	endingWords   = []string{"fin", "rst", "none"}
	withholdWords = []string{"", "synack-ack", "last-ack"}
)

// String is the word of --data-on.
func (d DataOn) String() string { return wordOf(dataOnWords, int(d)) }

// String is the word of --close.
func (e Ending) String() string { return wordOf(endingWords, int(e)) }

// String is the word of --withhold, "" for WithholdNothing.
func (w Withhold) String() string { return wordOf(withholdWords, int(w)) }

// ParseDataOn is the inverse of [DataOn.String].
func ParseDataOn(word string) (DataOn, error) {
	i, err := indexOf(dataOnWords, word)
	return DataOn(i), err
}

// ParseEnding is the inverse of [Ending.String].
func ParseEnding(word string) (Ending, error) {
	i, err := indexOf(endingWords, word)
	return Ending(i), err
}

// ParseWithhold is the inverse of [Withhold.String].
func ParseWithhold(word string) (Withhold, error) {
	i, err := indexOf(withholdWords, word)
	return Withhold(i), err
}

func wordOf(words []string, i int) string {
	if i >= len(words) {
		return fmt.Sprintf("value(%d)", i)
	}
	return words[i]
}

func indexOf(words []string, word string) (int, error) {
	for i, w := range words {
		if w == word {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%q: want %s", word, strings.Trim(strings.Join(words, ", "), ", "))
}

// Plan is what our side of a connection does. It is not changed by running it.
type Plan struct {
	// SYN is the first segment: addresses, ISN, window, options, TTL, TOS and
	// flags. Later segments take addresses, TTL and TOS from it.
	SYN craft.Segment
	// Question is the acknowledgment number of an ACK that asks about an RST
	// without a number of ours.
	Question craft.Seq
	// Clock is the timestamp clock's value at time zero (RFC 7323 §5.4).
	Clock uint32

	Data     []byte
	DataOn   DataOn
	Close    Ending
	Withhold Withhold

	// Watch is how long the peer is watched: while an acknowledgement is
	// withheld, with EndNone, in FIN_WAIT_2 and in TIME_WAIT.
	Watch time.Duration
	// Quiet is how long nothing must have come before we close.
	Quiet time.Duration
	// Settle is how long a refusal may still be contradicted.
	Settle time.Duration
	// Timeout is the first retransmission timeout and its upper bound is
	// eight times that; Retries is how often a segment is retransmitted.
	Timeout time.Duration
	Retries int
	// MaxBytes, MaxSegments and MaxTime bound what the peer may send, and how
	// long it may go on until it is quiet; 0 is no bound.
	MaxBytes, MaxSegments int
	MaxTime               time.Duration
	// MSS bounds the payload of our segments that carry timestamps, in bytes, beside the peer's MSS.
	MSS int
	// Mark puts congestion experienced on our data where ECN was negotiated,
	// so that its echo proves the way to be clean (RFC 3168 §6.1).
	Mark bool
}
