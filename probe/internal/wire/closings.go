package wire

import (
	"slices"
	"time"

	"synscope/craft"
)

// closings remembers to which connections an RST was sent. It bounds how many each gets, and counts
// those whose SYN-ACK is retransmitted all the same: the RST was lost, came too late, or is dropped
// by something behind this machine, and the far end stays half open. The zero value is ready for
// use.
type closings struct {
	of, before map[uint64]closing // of this generation and the one before
	turned     time.Duration
	lost       uint64
}

// closing is one connection.
type closing struct {
	first time.Duration // when the first RST was sent for the latest number
	took  time.Duration // until the SYN-ACK that it answered came; 0: not known

	number craft.Seq // the latest
	times  uint8     // RSTs sent
	known  uint8     // of peers
	lost   bool      // counted
	storm  bool      // told
	peers  [mostNumbers]craft.Seq
}

const (
	// mostClosings is how many RSTs a connection gets: a SYN-ACK and seven
	// retransmissions of it, where Linux sends five (tcp(7), tcp_synack_retries).
	mostClosings = 8
	// mostNumbers is how many numbers a peer may choose for one connection. There is one,
	// but for copies of the SYN and for several machines behind one address.
	mostNumbers = 4
	// lostAfter is how soon after a SYN-ACK no stack retransmits it (RFC 6298 §2.1 asks for
	// a second): what comes sooner is a copy that the network made. What comes later than that
	// and a round trip after our RST was sent without it.
	lostAfter = 700 * time.Millisecond
	// A generation is as old as the third retransmission, and no larger than this.
	// What still gets SYN-ACKs goes on into the next.
	generation     = 8 * time.Second
	mostRemembered = 1 << 15
)

// admit tells whether a connection may get one more RST, for a SYN-ACK with a number of
// the peer's, and whether the peer shows by it, for the first time, that it chooses more
// of these than a host does.
func (u *closings) admit(key uint64, peer craft.Seq, now time.Duration) (open, storm bool) {
	c := u.at(key, now)
	numbers := c.peers[:c.known]
	switch {
	case slices.Contains(numbers, peer):
	case c.known == mostNumbers:
		storm, c.storm = !c.storm, true
		u.of[key] = c
		return false, storm
	default:
		c.peers[c.known] = peer
		c.known++
		u.of[key] = c
	}
	return c.times < mostClosings, false
}

// left takes note that an RST is sent for a SYN-ACK with a number of the peer's, to a SYN that left so long
// before; 0: it is not known. Another number is another connection: the SYN came again after the RST.
// It returns how long the SYN-ACK that an RST answered had taken, and after how long it has come again; 0, 0 where it has not.
func (u *closings) left(key uint64, peer craft.Seq, since, now time.Duration) (took, again time.Duration) {
	c := u.at(key, now)
	if c.times == 0 || c.number != peer {
		c.first, c.number, c.took = now, peer, 0
	}
	apart := now - c.first
	if c.took == 0 { // what is said later of a SYN that nobody remembers is a guess
		c.took = max(0, since-apart)
	}
	if !c.lost && apart >= c.took+lostAfter {
		c.lost = true
		u.lost++
	}
	c.times++
	u.of[key] = c
	return c.took, apart
}

// at is what is known of a connection, kept in the present generation.
func (u *closings) at(key uint64, now time.Duration) closing {
	if u.of == nil || now-u.turned > generation || len(u.of) >= mostRemembered {
		u.before, u.of, u.turned = u.of, map[uint64]closing{}, now
	}
	c, known := u.of[key]
	if old, was := u.before[key]; was && !known {
		c = old
		u.of[key] = c
	}
	return c
}
