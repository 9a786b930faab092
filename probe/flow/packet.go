package flow

import (
	"cmp"
	"fmt"
	"net/netip"
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
	Length    int       // in bytes on the wire, from the IP header on; 0 unknown
	File      int       // which of several captures it comes from
	Interface uint32    // where it was seen, any number that tells interfaces apart
	Network   uint32    // in which VLAN, tunnel or the like, any number that tells those apart; 0 none
	// NetworkName is what a person calls Network, as "vlan 5". It is asked during
	// the call, when a connection begins. Nil: it has no name.
	NetworkName fmt.Stringer
	Direction   Direction
	// Recorded says that the client's own program wrote the capture: of what the client
	// sent nothing is missing.
	Recorded bool
}

// Segment is what is known of one packet of a connection. It is good during the
// call that it is handed to.
type Segment struct {
	handshake.Line
	Attempt   uint64 // the number of its connection attempt, as in [Attempt]
	Packet    uint64
	File      int
	Repeat    Repeat
	Duplicate bool // captured before, here or at another place; it counted for nothing, and Line has its segment and time only
}

// A Sink takes what a [Table] finds. An error ends the work and is returned by
// the Table's method that met it.
type Sink interface {
	// Attempt takes a connection attempt that is over or forgotten, in the
	// order in which that happens. It is good during the call; what it points
	// to stays.
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
	// one that was silent longest is forgotten. Default: as many as there is
	// Memory for.
	Flows int
	// Memory is about how many bytes the connections that are followed at a time
	// may take. A SYN alone takes about 110, a connection 520 and more. Default:
	// 1 GiB.
	Memory int64
	// Segments asks for [Sink.Segment].
	Segments bool
	// Wanted chooses among connections by their endpoints, the sender's of a
	// segment first. Default: all.
	Wanted func(src, dst netip.AddrPort) bool
	// Live is for captures that are still being made: [Table.Settle] is going
	// to be called.
	Live bool
}

func (c Config) withDefaults() Config {
	c.Idle = cmp.Or(max(c.Idle, 0), 15*time.Minute)
	c.Linger = cmp.Or(max(c.Linger, 0), 2*time.Minute)
	c.Memory = cmp.Or(max(c.Memory, 0), 1<<30)
	c.Flows = cmp.Or(max(c.Flows, 0), 1<<30)
	return c
}

// Counts are what became of the packets of a capture. Every packet is in
// exactly one of the first group.
type Counts struct {
	Followed   uint64            // belonged to a connection attempt
	Duplicates uint64            // the same packet captured again
	Underway   uint64            // TCP, of connections whose beginning was not seen
	Unwanted   uint64            // of connections that were not asked for
	Rejected   map[string]uint64 // neither TCP nor an ICMP error, or damaged, by reason

	Gaps       uint64 // holes in numbers that were acknowledged and not captured, SYNs included
	GapBytes   uint64 // numbers in them
	Carried    uint64 // segments captured that used up numbers
	Incomplete uint64 // connections with a gap
	Midstream  uint64 // connections that had begun before the capture
	Evicted    uint64 // connections that were forgotten before they were over
}

// Loss is the share of the segments with numbers of their own that the capture
// is known to miss, from 0 to 1.
func (c *Counts) Loss() float64 {
	if c.Gaps == 0 {
		return 0
	}
	return float64(c.Gaps) / float64(c.Gaps+c.Carried)
}
