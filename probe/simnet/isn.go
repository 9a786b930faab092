package simnet

import (
	"net/netip"
	"time"

	"synscope/craft"
)

// ISN chooses the initial sequence number with which a listener answers a SYN.
// The SYN holds the four-tuple (its Src is the remote end) and what a cookie
// depends on beside it.
type ISN func(now time.Time, syn *craft.Segment) craft.Seq

// LinuxClock is the rate of Linux's ISN clock in ticks a second: one for each
// 64 ns (net/core/secure_seq.c, seq_scale).
const LinuxClock = 15_625_000

// ClockISN is RFC 6528 §3: a clock of hz ticks a second plus a keyed hash of
// the four-tuple.
func ClockISN(key uint64, hz float64) ISN {
	return func(now time.Time, syn *craft.Segment) craft.Seq {
		return ticks(now, hz).Add(uint32(tupleHash(key, syn)))
	}
}

// ConstantISN is the worst there is.
func ConstantISN(value craft.Seq) ISN {
	return func(time.Time, *craft.Segment) craft.Seq { return value }
}

// StepISN grows by step with each connection.
func StepISN(step uint32) ISN {
	var last craft.Seq
	return func(time.Time, *craft.Segment) craft.Seq {
		last = last.Add(step)
		return last
	}
}

// CookieISN is a SYN cookie in the manner of Linux (net/ipv4/syncookies.c): a
// keyed hash of the four-tuple, our ISN, and a minute counter in the top byte.
func CookieISN(key uint64) ISN {
	return func(now time.Time, syn *craft.Segment) craft.Seq {
		minute := uint64(now.Unix() / 60)
		cookie := uint32(tupleHash(mix(key, minute), syn)) & 0xffffff
		return syn.Seq.Add(uint32(tupleHash(key, syn)) + uint32(minute)<<24 + cookie)
	}
}

func ticks(now time.Time, hz float64) craft.Seq {
	whole := uint64(now.Unix()) * uint64(hz)
	return craft.Seq(whole + uint64(float64(now.Nanosecond())/1e9*hz))
}

func tupleHash(key uint64, in *craft.Segment) uint64 {
	return hashEnd(hashEnd(key, in.Src), in.Dst)
}

func hashEnd(h uint64, end netip.AddrPort) uint64 {
	return mix(hashAddr(h, end.Addr()), uint64(end.Port()))
}

func hashAddr(h uint64, a netip.Addr) uint64 {
	b := a.As16()
	d := roll(h, 0, Out, b[:])
	return uint64(d)
}
