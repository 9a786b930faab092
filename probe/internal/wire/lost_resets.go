package wire

import (
	"time"

	"synscope/craft"
)

// lostResets remembers which connections an RST was sent to, and counts those whose
// SYN-ACK is retransmitted all the same: the RST was lost, came late, or something
// behind this machine keeps RSTs back, and the far end stays half open. The zero value
// is ready for use.
type lostResets struct {
	closed, before map[uint64]time.Duration // when the first RST left, of this generation and the one before; counted once counted
	turned         time.Duration
	count          uint64
}

const (
	// lostAfter is how long after an RST the far end has taken it in: no stack
	// retransmits a SYN-ACK sooner (RFC 6298 §2.1 asks for a second), and what comes
	// sooner is a copy that the network made.
	lostAfter = 700 * time.Millisecond
	// A generation is as old as the third retransmission, and no larger than this.
	generation     = 8 * time.Second
	mostRemembered = 1 << 15
	counted        = time.Duration(-1)
	neverSent      = time.Duration(-2)
)

// note is told of each RST for a SYN-ACK, by the key of its response.
func (u *lostResets) note(key uint64, x *Response, now time.Duration) {
	if x.Flags != craft.RST {
		return
	}
	if u.closed == nil || now-u.turned > generation || len(u.closed) >= mostRemembered {
		u.before, u.closed, u.turned = u.closed, map[uint64]time.Duration{}, now
	}
	switch first := u.first(key); {
	case first == neverSent:
		u.closed[key] = now
	case first != counted && now-first >= lostAfter:
		u.closed[key] = counted
		u.count++
	}
}

func (u *lostResets) first(key uint64) time.Duration {
	if first, ok := u.closed[key]; ok {
		return first
	}
	if first, ok := u.before[key]; ok {
		return first
	}
	return neverSent
}
