package flow

import "fmt"

// Repeat says what a segment is to the ones before it in the same direction.
// The zero value is Fresh. The distinctions are those of the Wireshark User's
// Guide, §7.5 "TCP Analysis", so that counts can be compared.
type Repeat uint8

const (
	Fresh                  Repeat = iota
	Retransmission                // sequence space that was sent before
	FastRetransmission            // the same, within 20 ms of a second duplicate acknowledgement for it
	SpuriousRetransmission        // data that the other side has acknowledged already
	OutOfOrder                    // fills a hole, too soon to be a retransmission
	KeepAlive                     // at most one byte, just below what comes next (RFC 9293 §3.8.4)
	WindowProbe                   // one byte into a window that is shut (RFC 9293 §3.8.6.1)
)

var repeatNames = [...]string{
	"", "retransmission", "fast retransmission", "spurious retransmission",
	"out of order", "keep-alive", "window probe",
}

// String is the repeat in words, "" for Fresh.
func (r Repeat) String() string {
	if int(r) >= len(repeatNames) {
		return fmt.Sprintf("repeat(%d)", uint8(r))
	}
	return repeatNames[r]
}
