package flow

import (
	"time"

	"synscope/probe/handshake"
)

// Direction says whether the capturing machine sent or received a packet. The
// zero value is DirectionUnknown.
type Direction uint8

// The directions.
const (
	DirectionUnknown Direction = iota
	Inbound
	Outbound
)

// Packet is one IP packet of a capture.
type Packet struct {
	Number    uint64    // in the capture, from 1
	Time      time.Time // when it was captured
	Data      []byte    // from the IP header on, perhaps cut; used during the call only
	Interface uint32    // where it was seen, any number that tells interfaces apart
	Direction Direction
}

// Segment is what is known of one packet of a connection. It is good during the
// call that it is handed to.
type Segment struct {
	handshake.Line
	Attempt   uint64 // the number of its connection attempt, as in [Attempt]
	Packet    uint64
	Repeat    Repeat
	Duplicate bool // seen before at another place; it counted for nothing, and Line has its segment and time only
}

// A Sink takes what a [Table] finds. An error ends the work and is returned by
// the Table's method that met it.
type Sink interface {
	// Attempt takes a connection attempt that is over or forgotten, in the
	// order in which that happens.
	Attempt(*Attempt) error
	// Segment takes each packet of an attempt before its Attempt, where
	// [Config.Segments] asks for it.
	Segment(*Segment) error
}

// Config bounds the memory of a [Table].
type Config struct {
	// Idle is how long a connection may be silent until it is forgotten.
	// Default: 15 minutes, longer than any SYN is repeated.
	Idle time.Duration
	// Linger is the same for one that has ended. Default: 2 minutes, which
	// is RFC 9293's MSL.
	Linger time.Duration
	// Flows is the number of connections followed at a time; beyond it the
	// one that was silent longest is forgotten. Default: 65,536.
	Flows int
	// Segments asks for [Sink.Segment].
	Segments bool
}

func (c Config) withDefaults() Config {
	if c.Idle <= 0 {
		c.Idle = 15 * time.Minute
	}
	if c.Linger <= 0 {
		c.Linger = 2 * time.Minute
	}
	if c.Flows <= 0 {
		c.Flows = 1 << 16
	}
	return c
}

// Counts are what became of the packets of a capture. Every packet is in
// exactly one of them.
type Counts struct {
	Followed   uint64            // belonged to a connection attempt
	Duplicates uint64            // the same packet at another place
	Underway   uint64            // TCP, of connections whose beginning was not seen
	Rejected   map[string]uint64 // nothing that TCP is probed by, by reason
}
