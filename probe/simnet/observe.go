package simnet

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"synscope/craft"
)

// Direction says which way a packet goes.
type Direction uint8

// Out is from us to a host, In from a host to us.
const (
	Out Direction = iota
	In
)

// String returns ">" and "<", as transcripts mark what is sent and received.
func (d Direction) String() string {
	if d == In {
		return "<"
	}
	return ">"
}

// Fate is what became of a packet.
type Fate uint8

// Packets that Passed are reported when they pass our end: outgoing ones as
// they leave, incoming ones as they arrive. Those that a path swallows are
// reported when they enter it.
const (
	Passed     Fate = iota
	Duplicated      // the second copy of one that passed
	Lost            // by Path.Loss
	Limited         // by Path.Limit
	Discarded       // by the host: not TCP, or a checksum is wrong
	Overflowed      // our receive queue was full
	Unclaimed       // the Conn it belongs to was closed
)

var fateNames = [...]string{"passed", "duplicate", "lost", "limited", "discarded", "overflow", "unclaimed"}

// String is the fate's word in transcripts.
func (f Fate) String() string {
	if int(f) >= len(fateNames) {
		return fmt.Sprintf("fate(%d)", uint8(f))
	}
	return fateNames[f]
}

// Event is one packet, seen where we are.
type Event struct {
	Time    time.Time
	Elapsed time.Duration // since the Net was made
	Dir     Direction
	Fate    Fate
	Data    []byte // the IP packet, valid during the call
}

// String is one line of a transcript: seconds, direction, the packet in
// tcpdump's notation, and its fate in brackets where it did not just pass.
func (e Event) String() string {
	line := fmt.Sprintf("%.6f %s %s", e.Elapsed.Seconds(), e.Dir, describe(e.Data))
	if e.Fate != Passed {
		line += " [" + e.Fate.String() + "]"
	}
	return line
}

func describe(data []byte) string {
	var p craft.Packet
	if err := p.Decode(data, craft.TrustChecksums); err != nil {
		return fmt.Sprintf("%d bytes: %v", len(data), err)
	}
	if p.Kind == craft.PacketTCP {
		return p.Segment.String()
	}
	e := &p.ICMP
	return fmt.Sprintf("IP %s > %s: ICMP type %d code %d, quoting %s > %s seq %d, %d bytes of TCP",
		e.Src, e.Dst, e.Type, e.Code, e.Quote.Src, e.Quote.Dst, uint32(e.Quote.Seq), e.Quote.Len)
}

// Transcript keeps the lines of all packets, for tests to compare. The zero
// value is empty.
type Transcript struct {
	mu    sync.Mutex
	lines []string
}

// Observe is for Config.Observe.
func (t *Transcript) Observe(e Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, e.String())
}

// Lines are the lines so far, one for each packet.
func (t *Transcript) Lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.lines...)
}

// String is all lines, each with its newline.
func (t *Transcript) String() string {
	var b strings.Builder
	for _, line := range t.Lines() {
		fmt.Fprintln(&b, line)
	}
	return b.String()
}
