package isn

import (
	"fmt"
	"math"
	"slices"
)

// remarkFace notes where everything but the number looks like Linux, whose
// numbers would follow a clock on each tuple. That a middlebox rewrites the
// numbers is one explanation of it; a stack that looks like Linux and is not is
// another, and nothing in the samples tells the two apart. So it is a finding,
// and the class stays what the numbers show.
func (r *Report) remarkFace(v *view) {
	ports, aged := uptimePorts(v)
	if !r.foreignToLinux() || !linuxFace(v) || !aged {
		return
	}
	s := v.points[0].sample
	r.note("isn-contradicts-options", Notice, "All but the number is Linux's, whose numbers would follow a clock of 15,625,000 counts a second on each four-tuple: "+
		"a middlebox may rewrite the numbers, or another stack answers in Linux's manner.",
		fmt.Sprintf("window %d, TTL %d, window scale %d and SACK in every SYN-ACK, timestamps of %d ports on one line of 1,000 a second",
			s.Window.Value, s.TTL.Value, s.WScale.Value, ports))
}

// linuxHz is the rate of Linux's clock (net/core/secure_seq.c, seq_scale).
const linuxHz = 15_625_000

// foreignToLinux reports whether the class is one that Linux never has.
func (r *Report) foreignToLinux() bool {
	switch r.Class {
	case ClassUnknown, ClassSYNCookies, ClassSYNProxy, ClassMixed:
		return false
	case ClassTupleClock:
		return math.Abs(r.Clock.Value.Hz/linuxHz-1) > 0.05
	}
	return true
}

// linuxWindows are the windows of Linux's SYN-ACKs at common MTUs and buffers.
var linuxWindows = []uint16{65160, 64240, 28960, 29200, 43690, 65483, 64768}

// linuxFace reports whether every answer to the usual SYN looks like Linux's: its
// usual windows, a TTL that began at 64, and all options of ours taken.
func linuxFace(v *view) bool {
	for i := range v.points {
		s := v.points[i].sample
		if s.Offer != v.points[0].sample.Offer {
			continue // a rung of the ladder, which takes options away
		}
		window, ok := s.Window.Get()
		if !ok || !slices.Contains(linuxWindows, window) {
			return false
		}
		if !s.TTL.OK || s.TTL.Value > 64 || s.TTL.Value < 33 || !s.WScale.OK || !s.TSVal.OK || s.SACK != Some(true) {
			return false
		}
	}
	return true
}

// Linux's timestamps count milliseconds (net/ipv4/tcp_output.c, TCP_TS_HZ), with
// one offset for each pair of addresses.
const (
	timestampHz    = 1000
	timestampSlack = 4 // counts that rounding and scheduling may move one
)

// leastUptimePorts is how many ports must be on one line for it to be one clock.
const leastUptimePorts = 3

// uptimePorts counts the ports whose timestamps were seen, and reports whether
// all are on one line.
func uptimePorts(v *view) (ports int, aged bool) {
	seen := make(map[int]bool)
	var first *point
	for i := range v.points {
		p := &v.points[i]
		ts, ok := p.sample.TSVal.Get()
		if !ok || p.sample.Src != v.points[0].sample.Src {
			continue
		}
		if first == nil {
			first = p
		}
		seen[p.tuple] = true
		off := float64(int32(ts-first.sample.TSVal.Value)) - timestampHz*(p.t-first.t)
		if math.Abs(off) > timestampSlack+2*timestampHz*(p.u+first.u) {
			return len(seen), false
		}
	}
	return len(seen), v.timed && len(seen) >= leastUptimePorts
}
