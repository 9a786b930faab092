package isn

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"synscope/craft"
)

// The MSS values that Linux's cookies can hold; the index into the table is
// added to the hash's low 24 bits (net/ipv4/syncookies.c, net/ipv6/syncookies.c).
var (
	linuxMSS4 = []uint16{536, 1300, 1440, 1460}
	linuxMSS6 = []uint16{1280 - 60, 1480 - 60, 1500 - 60, 9000 - 60}
)

// linuxTables returns the tables that may be in use, the likelier first: that of
// the sampler's address family, which Linux uses, and that of IPv4, which gVisor
// uses for IPv6 too (pkg/tcpip/transport/tcp/accept.go, mssTable).
func linuxTables(p *point) [][]uint16 {
	if src := p.sample.Src; src.IsValid() && !src.Unmap().Is4() {
		return [][]uint16{linuxMSS6, linuxMSS4}
	}
	return [][]uint16{linuxMSS4}
}

// mssIndex is the place of the largest value of the table that is no larger
// than mss, 0 if none is.
func mssIndex(table []uint16, mss uint16) int {
	i := len(table) - 1
	for i > 0 && table[i] > mss {
		i--
	}
	return i
}

// linuxOptions looks for what Linux puts in: the MSS index in the offset, which
// also tells the MSS that arrived, the minute counter above it, and the other
// options in TSval. Other stacks have taken over the former two; where they leave
// out of their answers what Linux would keep in TSval, they are not Linux; nor is
// who puts neither MSS nor options where Linux does.
func (v *verdict) linuxOptions(w *view, counts bool) {
	variant := VariantLinux
	if !keepsOptions(w) {
		variant, v.variant = VariantOther, VariantOther
		v.note("cookie-without-options", Info, "SYN-ACKs with timestamps, and without window scale and SACK",
			"Window scale and SACK are lost though there is a timestamp to keep them in: gVisor's cookies do that, and Linux's do not.")
	}
	if counts {
		v.variant = variant
	}
	if top, table, rungs, ok := mssLadder(w); ok {
		v.variant = variant
		v.inputs = append(v.inputs, "options")
		v.serverMSS = Some(table[top])
		v.note("cookie-mss", Info, fmt.Sprintf("offsets over the ladder: %s", rungs),
			"The cookie holds index %d of its MSS table: the host took our MSS for at least %d.", top, table[top])
		return
	}
	if smallSteps(w) {
		v.variant = variant
		v.inputs = append(v.inputs, "options")
		v.note("cookie-mss", Info, "isn − client_isn takes neighbouring values", "The cookie holds the place of our MSS in a table.")
		return
	}
	n, equal, unequal := steadyTSval(w)
	switch {
	case equal && !unequal:
		v.variant = variant
		v.note("cookie-timestamps", Info, fmt.Sprintf("%d TSvals share their low six bits", n),
			"Window scale, SACK and ECN are kept in the low six bits of the timestamp.")
	case unequal || climbed(w):
		v.variant = VariantOther
	case v.variant == "":
		v.note("cookie-variant-not-shown", Info, fmt.Sprintf("%d samples, %d with timestamps", len(w.points), n),
			"Whether these are Linux's cookies was not shown: that takes SYNs with several values of the MSS (the options ladder). If they are, fewer guesses are enough than for others.")
	}
}

// keepsOptions reports whether no answer that carries a timestamp has lost options
// of ours which Linux keeps in it: window scale and SACK
// (net/ipv4/syncookies.c, cookie_init_timestamp).
func keepsOptions(w *view) bool {
	for i := range w.points {
		s := w.points[i].sample
		o, known := s.Offer.Get()
		offered := !known || o.Timestamps && o.SACK && o.WScale.OK
		if offered && s.TSVal.OK && s.SACK == Some(false) && !s.WScale.OK {
			return false
		}
	}
	return true
}

// smallSteps reports whether a tuple's offsets take several neighbouring values
// under offers that nobody wrote down.
func smallSteps(w *view) bool {
	for _, g := range w.repeated(4) {
		for i := 1; i < len(g); i++ {
			a, b := g[i-1].offset(), g[i].offset()
			if !g[i].sample.Offer.OK && a != b && near(a, b, int32(len(linuxMSS4)-1)) {
				return true
			}
		}
	}
	return false
}

// mssLadder compares the offsets of SYNs of one tuple that offered different
// MSS values. It returns the index that the highest offer got and the table that
// it points into, if the offsets rise exactly as the table's indexes do, possibly
// cut off by a clamp on the way.
func mssLadder(w *view) (top int, table []uint16, rungs string, ok bool) {
	for _, g := range w.repeated(4) {
		low, levels := lowestOffers(g)
		if len(levels) < 3 {
			continue
		}
		for _, table := range linuxTables(&g[0]) {
			if high, ok := climbs(levels, low, table); ok {
				return high, table, ladderText(slices.Sorted(maps.Keys(levels)), levels, low), true
			}
		}
	}
	return 0, nil, "", false
}

// climbed reports whether SYNs of one tuple that offered three values of the MSS or
// more were answered: Linux's cookies would have told them apart.
func climbed(w *view) bool {
	return slices.ContainsFunc(w.repeated(4), func(g []point) bool {
		_, levels := lowestOffers(g)
		return len(levels) >= 3
	})
}

// climbs reports whether the offset of each offered MSS is its index in the
// table, up to a highest one.
func climbs(levels map[uint16]int32, low int32, table []uint16) (high int, ok bool) {
	values := slices.Sorted(maps.Keys(levels))
	high = int(levels[values[len(values)-1]] - low)
	if high < 1 || high >= len(table) {
		return 0, false
	}
	for _, mss := range values {
		if int(levels[mss]-low) != min(mssIndex(table, mss), high) {
			return 0, false
		}
	}
	return high, true
}

// lowestOffers collects the offset of each offered MSS among the SYNs of the
// last client ISN that the group repeats, and the smallest of them.
func lowestOffers(g []point) (low int32, levels map[uint16]int32) {
	levels = make(map[uint16]int32)
	last := g[len(g)-1].sample.ClientISN
	for i := range g {
		o, known := g[i].sample.Offer.Get()
		if !known || o.MSS == 0 || !near(g[i].offset(), g[len(g)-1].offset(), widestIndex) {
			continue
		}
		if g[i].sample.ClientISN != last && len(levels) > 0 {
			continue
		}
		d := g[i].offset()
		if len(levels) == 0 || craft.Seq(d).LessThan(craft.Seq(low)) {
			low = d
		}
		levels[o.MSS] = d
	}
	return low, levels
}

// ladderText prints each offered MSS with its place.
func ladderText(values []uint16, levels map[uint16]int32, low int32) string {
	text := ""
	for _, mss := range values {
		text += fmt.Sprintf("mss %d +%d ", mss, levels[mss]-low)
	}
	return text
}

// steadyTSval compares the low six bits of the TSvals of n SYNs, of each tuple with
// equal options, to which each tuple, or each pair of hosts, adds a constant of its
// own (net/core/secure_seq.c): equal is that none differs among enough of them, by
// chance 1/64 a sample; unequal that some differ, though the tuples are known.
func steadyTSval(w *view) (n int, equal, unequal bool) {
	type kind struct {
		src   netip.Addr
		port  Opt[uint16]
		offer Opt[Offer]
	}
	first, differ := make(map[kind]uint32), false
	for _, p := range w.unladdered() {
		ts, seen := p.sample.TSVal.Get()
		if !seen {
			continue
		}
		n++
		k := kind{p.sample.Src, p.sample.SrcPort, p.sample.Offer}
		was, known := first[k]
		if !known {
			first[k] = ts
		}
		if known && (was^ts)&63 != 0 {
			differ, unequal = true, unequal || k.port.OK
		}
	}
	return n, !differ && n-len(first) >= 3, unequal
}
