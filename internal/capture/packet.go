package capture

import (
	"errors"
	"fmt"
	"time"
)

// Reasons why a file, or a packet in it, cannot be read. The error that tells
// where is an [*Error] around one of them.
var (
	ErrNotCapture = errors.New("not a capture file")
	ErrCut        = errors.New("the file is cut short")
	ErrCorrupt    = errors.New("the file is corrupt")
	ErrLinkType   = errors.New("unknown link type")
)

// ErrNotIP is what the answer of [Packet.Strip] for a frame without an IP packet
// wraps, such as ARP. It is no fault of the file.
var ErrNotIP = errors.New("no IP packet in the frame")

// ErrShortFrame is the answer of [Packet.Strip] for a frame that ends within
// its link-layer header.
var ErrShortFrame = errors.New("frame ends within its header")

// Error tells where in a file something is wrong.
type Error struct {
	Offset int64  // in bytes from the file's beginning, unpacked
	Packet uint64 // the number, from 1, of the packet that is concerned or would have come next
	Err    error  // what is wrong; wraps one of this package's errors, or a failure to read
}

func (e *Error) Error() string {
	return fmt.Sprintf("packet %d, offset %d: %v", e.Packet, e.Offset, e.Err)
}

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Direction says whether the capturing machine sent or received a packet. The
// zero value is DirectionUnknown.
type Direction uint8

// The directions, in the numbers of pcapng's epb_flags
// (draft-ietf-opsawg-pcapng §4.3.1).
const (
	DirectionUnknown Direction = iota
	Inbound
	Outbound
)

// Packet is one captured frame. It is meant to be reused by [Reader.Next].
type Packet struct {
	Number    uint64    // from 1, as other programs number the file's packets
	Offset    int64     // of the packet's record in the unpacked file
	Time      time.Time // zero where the file has none (pcapng's simple packets)
	Link      LinkType  // what Data begins with
	Interface uint32    // on which it was seen; comparable within one file only
	Direction Direction
	Network   Network // set by Strip
	Data      []byte  // as captured, perhaps cut; valid until the next call of Next
	Length    int     // on the wire
	Own       bool    // written down by this program as one of a run (Recorder)
	Comment   string  // pcapng's first comment; "" none. Filled under Reader.Comments
}
