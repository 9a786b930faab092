package simhost

import (
	"net/netip"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
)

// SYN is what reaches a host.
type SYN struct {
	At    time.Duration // since the host's own epoch
	Src   netip.AddrPort
	ISN   craft.Seq
	Offer isn.Offer
}

// Answer is the SYN-ACK to it.
type Answer struct {
	ISN    craft.Seq
	MSS    uint16
	WScale isn.Opt[uint8]
	SACK   bool
	TSVal  isn.Opt[uint32]
	Window uint16
	TTL    uint8
}

// Generator chooses an initial sequence number for each SYN, in the order of
// their arrival.
type Generator interface {
	Next(SYN) craft.Seq
}

// GeneratorFunc is a function as a Generator.
type GeneratorFunc func(SYN) craft.Seq

// Next calls f.
func (f GeneratorFunc) Next(s SYN) craft.Seq { return f(s) }

// Truth is what an analysis should find.
type Truth struct {
	Class   isn.Class
	Variant string  // of cookies
	Kind    string  // of the model within its class
	Hz      float64 // counts a second, 0 without a clock
	Step    int64   // counts a connection, 0 without a step
}

// Host is a model host: one generator behind one face.
type Host struct {
	Truth   Truth
	gen     Generator
	cookies bool   // keeps no half-open connections
	tsCode  bool   // keeps options in the low bits of TSval, as Linux's cookies do
	tsBase  uint32 // TSval at the epoch
	mss     uint16
	wscale  uint8
	window  uint16
	ttl     uint8
	half    map[netip.AddrPort]halfOpen
}

// halfOpen is a connection that waits for its third segment.
type halfOpen struct {
	client craft.Seq
	answer Answer
}

// Answer takes a SYN. A SYN that repeats a half-open connection's gets the same
// answer again; another one on the same tuple gets none (a real host sends a
// challenge ACK, RFC 5961 §4.2).
func (h *Host) Answer(s SYN) (Answer, bool) {
	if old, ok := h.half[s.Src]; ok && !h.cookies {
		return old.answer, old.client == s.ISN
	}
	a := Answer{ISN: h.gen.Next(s), MSS: h.mss, Window: h.window, TTL: h.ttl, SACK: s.Offer.SACK}
	if s.Offer.WScale.OK {
		a.WScale = isn.Some(h.wscale)
	}
	if s.Offer.Timestamps {
		a.TSVal = isn.Some(h.tsval(s))
	}
	if !h.cookies {
		h.half[s.Src] = halfOpen{s.ISN, a}
	}
	return a, true
}

// Reset ends the half-open connection of a tuple, as our exact RST does.
func (h *Host) Reset(src netip.AddrPort) { delete(h.half, src) }

// tsval is the host's millisecond clock, with options in its low six bits where
// Linux's cookies keep them (net/ipv4/syncookies.c, cookie_init_timestamp).
func (h *Host) tsval(s SYN) uint32 {
	now := uint32(s.At/time.Millisecond) + 1<<20
	if !h.tsCode {
		return now + h.tsBase
	}
	code := uint32(0xf)
	if s.Offer.WScale.OK {
		code = uint32(s.Offer.WScale.Value)
	}
	if s.Offer.SACK {
		code |= 1 << 4
	}
	ts := now>>6<<6 | code
	if ts > now {
		ts -= 1 << 6
	}
	return ts + h.tsBase
}
