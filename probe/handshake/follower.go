package handshake

import (
	"cmp"
	"net/netip"
	"time"

	"synscope/craft"
)

// Line is what there is to say of one segment, or of one ICMP error about one:
// a rung of the ladder.
type Line struct {
	Time    time.Time
	From    Side
	Segment *craft.Segment   // nil for an ICMP error
	ICMP    *craft.ICMPError // nil for a segment
	// Client and Server are the states after the segment.
	Client, Server State
	// Seq and Ack count from the ISNs of the two ends, as far as those are
	// known; tcpdump and Wireshark do the same.
	Seq, Ack uint32
	Notes    Notes
}

// Context is what is known beside the segments. The zero value is nothing.
type Context struct {
	View Side // where the tap is; Client unless a capture was made at the server
	// MSS is what our own interface would allow, in bytes.
	MSS uint16
	// Withheld is the acknowledgement that was left out on purpose.
	Withheld Withhold
	// Ending says whether an RST of the client was meant to close.
	Ending Ending
	// Watched is how long the peer was given while it was withheld.
	Watched time.Duration
	// Known is what earlier connections told of the host.
	Known Known
	// Keep bounds what is kept of the peer's data, in bytes. Default: 64 KiB.
	Keep int
}

// Known is what connections tell of a host that helps to judge the next one.
type Known struct {
	TTL        uint8         // of its SYN-ACKs as they arrive; 0 is not known
	RTT        time.Duration // the smallest seen; 0 is not known
	FullQueues []uint16      // ports of the host whose accept queue was found full: each program has its own
}

// Follower watches one connection from its SYN on, and every segment of it: for
// captures, which may miss some, there is [Bystander]. It
// keeps counters and a few first samples, never the segments: its size is
// bounded whatever the length of the connection. Give it to one goroutine.
type Follower struct {
	Pair
	client, server netip.AddrPort
	context        Context
	seen           evidence
	released       bool // the client has acknowledged something
}

// NewFollower returns a Follower of connections from client to server.
func NewFollower(client, server netip.AddrPort, c Context) *Follower {
	c.Keep = cmp.Or(max(c.Keep, 0), maxData)
	f := &Follower{client: client, server: server, context: c}
	f.seen.data.keep = c.Keep
	return f
}

// Side tells which end sent a segment.
func (f *Follower) Side(s *craft.Segment) Side {
	if s.Src == f.client {
		return Client
	}
	return Server
}

// Segment takes in the next segment seen. The line's Segment is s itself.
func (f *Follower) Segment(at time.Time, s *craft.Segment) Line {
	from := f.Side(s)
	before := f.Pair
	notes := f.Observe(from, s)
	f.seen.segment(at, from, s, notes, &before, &f.Pair)
	f.released = f.released || from == Client && s.Flags&(craft.ACK|craft.RST) == craft.ACK
	return Line{
		Time: at, From: from, Segment: s, Notes: notes,
		Client: f.clientState(), Server: f.Server.State(),
		Seq: f.relativeSeq(from, s), Ack: f.relativeAck(from, s),
	}
}

// ICMP takes in an error that quotes a segment of the client.
func (f *Follower) ICMP(at time.Time, e *craft.ICMPError) Line {
	f.seen.icmp(at, e, f.Client.State())
	return Line{Time: at, From: Server, ICMP: e, Client: f.clientState(), Server: f.Server.State()}
}

// clientState is that of the client. While it withholds the acknowledgement of the
// SYN-ACK it behaves as if that had not come: it stays in SYN-SENT until an ACK
// leaves, which a TCP sends in the step in which it becomes ESTABLISHED (RFC 9293
// §3.10.7.3).
func (f *Follower) clientState() State {
	if state := f.Client.State(); f.context.Withheld != WithholdSYNACKAck || f.released || state != Established {
		return state
	}
	return SYNSent
}

func (f *Follower) relativeSeq(from Side, s *craft.Segment) uint32 {
	if e := f.end(from); e.Opened() {
		return uint32(s.Seq.Sub(e.ISS))
	}
	return uint32(s.Seq)
}

func (f *Follower) relativeAck(from Side, s *craft.Segment) uint32 {
	switch e := f.end(from.Other()); {
	case !s.Flags.Has(craft.ACK):
		return 0
	case e.Opened():
		return uint32(s.Ack.Sub(e.ISS))
	}
	return uint32(s.Ack)
}
