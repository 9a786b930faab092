//go:build linux

package lab

import (
	"fmt"
	"time"
)

// Link is an imperfect link in place of the plain veth between the prober and
// its first hop. Only IP packets suffer; ARP and IPv6 neighbour discovery pass
// at once unless HarmNeighbours is set. The prober does not need to ask who is at the other end, unless that or
// AskNeighbours is set: it knows.
type Link struct {
	Out            Path // from the prober
	Back           Path // to the prober
	HarmNeighbours bool
	AskNeighbours  bool
	LogSize        int                // records kept for [Wire.Records]; 0 means 8192
	OnPacket       func(PacketRecord) // called on the link's own thread for each record; must not block
}

// introduces tells whether the prober knows who is at the other end of a link.
func (l *Link) introduces() bool { return l != nil && !l.HarmNeighbours && !l.AskNeighbours }

// Path is what one direction of a link does. The zero value forwards at once.
type Path struct {
	Delay     time.Duration
	Jitter    time.Duration        // uniform in ±Jitter about Delay; never reorders by itself
	Loss      float64              // probability, 0 to 1
	Duplicate float64              // probability that a packet leaves twice
	Reorder   float64              // probability that a packet is held for ReorderBy more, and overtaken
	ReorderBy time.Duration        // 0 means 1 ms
	Limit     int                  // packets in flight; more are dropped. 0 means 65536
	Lose      func(ip []byte) bool // loses the packets (from the IP header on) it returns true for, besides Loss
}

// Direction says which way a packet crossed a link.
type Direction uint8

// The directions, seen from the prober.
const (
	Outward Direction = iota
	Homeward
)

// Outcome says what a link did with a packet.
type Outcome uint8

// The outcomes. Every packet that enters a link has exactly one record, and one
// more if it was duplicated. Neighbour discovery is not recorded unless
// [Link.HarmNeighbours] is set.
const (
	Forwarded  Outcome = iota
	Reordered          // forwarded, after ReorderBy
	Duplicated         // the second copy of a forwarded packet
	Lost               // by Path.Loss or Path.Lose
	Overflowed         // by Path.Limit
	SendFailed         // the kernel refused the frame on the far end
)

// PacketRecord is a link's account of one packet.
type PacketRecord struct {
	Direction Direction
	Outcome   Outcome
	In        time.Time     // the kernel's stamp of its arrival at the link
	Due       time.Time     // when it was to leave: In plus the delay drawn
	Out       time.Time     // when it was handed to the kernel again; zero if it was not
	Bytes     int           // of the frame without its Ethernet header
	Head      [HeadLen]byte // the first bytes from the network header on
}

// HeadLen is the length of [PacketRecord.Head]: an IPv6 header and the longest
// TCP header.
const HeadLen = 100

// check reports values that make no sense.
func (l Link) check() error {
	for _, p := range []Path{l.Out, l.Back} {
		for _, chance := range []float64{p.Loss, p.Duplicate, p.Reorder} {
			if chance < 0 || chance > 1 {
				return fmt.Errorf("probability %v is not between 0 and 1", chance)
			}
		}
		if p.Delay < 0 || p.Jitter < 0 || p.ReorderBy < 0 || p.Limit < 0 {
			return fmt.Errorf("negative delay or limit: %+v", p)
		}
	}
	return nil
}
