package isn

import (
	"encoding/json"
	"net/netip"
	"time"

	"synscope/craft"
)

// Opt is a value that may not have been measured. The zero Opt is absent,
// which is not the same as a measured zero: an ISN of 0 is a value. In JSON it is the
// value, or null; a field with the option omitzero is left out where it is absent.
type Opt[T any] struct {
	Value T
	OK    bool
}

// Some returns a measured value.
func Some[T any](v T) Opt[T] { return Opt[T]{Value: v, OK: true} }

// Get returns the value and whether it was measured.
func (o Opt[T]) Get() (T, bool) { return o.Value, o.OK }

// IsZero reports absence.
func (o Opt[T]) IsZero() bool { return !o.OK }

// MarshalJSON writes the value, or null where there is none.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.OK {
		return []byte("null"), nil
	}
	return json.Marshal(o.Value)
}

// UnmarshalJSON reads a value; null is absence.
func (o *Opt[T]) UnmarshalJSON(b []byte) error {
	*o = Opt[T]{}
	if string(b) == "null" {
		return nil
	}
	o.OK = true
	return json.Unmarshal(b, &o.Value)
}

// Offer is what the options of a SYN of ours offered. MSS 0 means that the
// SYN carried no MSS option.
type Offer struct {
	MSS        uint16
	WScale     Opt[uint8]
	SACK       bool
	Timestamps bool
}

// Sample is one SYN of ours and what came back. A sample without ISN is an
// exchange that was lost: the host may or may not have drawn a number for it.
type Sample struct {
	Series    string     // a label for people; the analysis never reads it
	Src       netip.Addr // zero where unknown
	SrcPort   Opt[uint16]
	ClientISN Opt[craft.Seq]
	Sent      Opt[int64] // ns, any epoch, one clock for all samples
	Received  Opt[int64] // ns, the same clock
	ISN       Opt[craft.Seq]

	// What the SYN-ACK carried. SACK is false where the SYN-ACK was seen
	// without the option, absent where nobody looked.
	MSS    Opt[uint16]
	WScale Opt[uint8]
	SACK   Opt[bool]
	TSVal  Opt[uint32]
	Window Opt[uint16]
	TTL    Opt[uint8]

	Offer Opt[Offer] // what our SYN offered, where it is known
}

// RTT returns the time from the SYN to its SYN-ACK, and whether both ends
// were measured, the one not before the other.
func (s *Sample) RTT() (time.Duration, bool) {
	if !s.Sent.OK || !s.Received.OK || s.Received.Value < s.Sent.Value {
		return 0, false
	}
	return time.Duration(s.Received.Value - s.Sent.Value), true
}

// tuple is the part of the four-tuple that a sampler can vary.
type tuple struct {
	src  netip.Addr
	port Opt[uint16]
}

func (s *Sample) tuple() tuple { return tuple{s.Src, s.SrcPort} }
