package isn

import (
	"fmt"
	"slices"

	"synscope/craft"
)

// Variants of syn-cookies.
const (
	VariantLinux   = "linux"
	VariantFreeBSD = "freebsd"
	VariantOther   = "other"
)

// The MSS values that Linux's cookies can hold; the index into the table is
// added to the hash's low 24 bits (net/ipv4/syncookies.c, net/ipv6/syncookies.c).
var (
	linuxMSS4 = []uint16{536, 1300, 1440, 1460}
	linuxMSS6 = []uint16{1280 - 60, 1480 - 60, 1500 - 60, 9000 - 60}
)

// linuxTable returns the table for the sampler's address family.
func linuxTable(p *point) []uint16 {
	if src := p.sample.Src; src.IsValid() && !src.Unmap().Is4() {
		return linuxMSS6
	}
	return linuxMSS4
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

// offset is what a cookie adds to our own ISN.
func (p *point) offset() int32 {
	return p.x.Sub(p.sample.ClientISN.Value)
}

// widestEncoding is how far an option's encoding may move an offset.
const widestEncoding = 7

// detectOffsetCookie finds cookies that add our ISN to a keyed hash of the
// tuple: isn − client_isn is constant on a tuple but for the small number that
// encodes the MSS, and but for one new value when the counter ticks.
func detectOffsetCookie(v *view) (verdict, bool) {
	steady, moved, groups := 0, 0, 0
	for _, g := range v.repeated(2) {
		if distinctClients(g) < 2 || !g[0].sample.ClientISN.OK {
			continue
		}
		groups++
		for i := 1; i < len(g); i++ {
			if near(g[i].offset(), g[i-1].offset(), widestEncoding) {
				steady++
			} else {
				moved++
			}
		}
	}
	if groups == 0 || steady < 2 || moved > max(groups, steady/4) {
		return verdict{}, false
	}
	out := verdict{class: ClassSYNCookies, variant: VariantOther, confidence: sure(14 * float64(steady))}
	out.describeOffset(v, steady, moved)
	out.proxy(v)
	return out, true
}

// near reports whether two differences lie within n of each other, serially.
func near(a, b int32, n int32) bool {
	d := craft.Seq(a).Sub(craft.Seq(b))
	return d >= -n && d <= n
}

// describeOffset finds the variant and the inputs of an offset cookie.
func (v *verdict) describeOffset(w *view, steady, moved int) {
	v.inputs = []string{"client_isn"}
	if sameOffsetEverywhere(w) {
		v.note("isn-echo", Warning, someValues(w.points), "The number is ours plus a constant: nobody has to guess it.")
		d := w.points[0].offset()
		v.next = func(h []point) (craft.Seq, bool) {
			if len(h) >= len(w.points) {
				return 0, false
			}
			return w.points[len(h)].sample.ClientISN.Value.Add(uint32(d)), true
		}
		return
	}
	v.inputs = append(v.inputs, "port")
	v.note("syn-cookie", Notice, fmt.Sprintf("isn − client_isn kept %d times, moved %d times", steady, moved),
		"The number is ours plus a keyed hash of the four-tuple: the host keeps no state for half-open connections.")
	if minuteCounter(w) {
		v.inputs = append(v.inputs, "time")
		v.variant = VariantLinux
		v.note("cookie-counter", Info, "the top eight bits of isn − client_isn went up by one",
			"The cookie's minute counter ticked while we looked.")
	}
	v.linuxOptions(w)
}

// sameOffsetEverywhere reports whether even the tuple makes no difference.
func sameOffsetEverywhere(w *view) bool {
	for i := range w.points {
		if !near(w.points[i].offset(), w.points[0].offset(), widestEncoding) {
			return false
		}
	}
	return len(w.tuples) > 1
}

// minuteCounter reports whether a tuple's offset jumped to one whose top eight
// bits are one higher: Linux counts minutes there, and the carry of the lower
// 24 may add one more or take it back.
func minuteCounter(w *view) bool {
	for _, g := range w.repeated(2) {
		for i := 1; i < len(g); i++ {
			a, b := g[i-1].offset(), g[i].offset()
			if near(a, b, widestEncoding) {
				continue
			}
			if d := craft.Seq(b).Sub(craft.Seq(a)) >> 24; d < -1 || d > 2 {
				return false
			}
			return true
		}
	}
	return false
}

// linuxOptions looks for Linux's encodings: the MSS index in the offset, which
// also tells the MSS that arrived, and the other options in TSval.
func (v *verdict) linuxOptions(w *view) {
	if top, rungs, ok := mssLadder(w); ok {
		table := linuxTable(&w.points[0])
		v.variant = VariantLinux
		v.inputs = append(v.inputs, "options")
		v.serverMSS = Some(table[top])
		v.note("cookie-mss", Info, fmt.Sprintf("offsets over the ladder: %s", rungs),
			"The cookie holds index %d of its MSS table: the host took our MSS for at least %d.", top, table[top])
		return
	}
	if n, ok := steadyTSval(w); ok {
		v.variant = VariantLinux
		v.note("cookie-timestamps", Info, fmt.Sprintf("%d TSvals share their low six bits", n),
			"Window scale, SACK and ECN are kept in the low six bits of the timestamp.")
	}
}

// mssLadder compares the offsets of SYNs of one tuple that offered different
// MSS values. It returns the index that the highest offer got, if the offsets
// rise exactly as indexes of Linux's table do, possibly cut off by a clamp on
// the way.
func mssLadder(w *view) (top int, rungs string, ok bool) {
	for _, g := range w.repeated(4) {
		low, levels := lowestOffers(g)
		if len(levels) < 3 {
			continue
		}
		table := linuxTable(&g[0])
		values := sortedKeys(levels)
		high := levels[values[len(values)-1]] - low
		if high < 1 || int(high) >= len(table) {
			continue
		}
		fits := true
		for _, mss := range values {
			fits = fits && int(levels[mss]-low) == min(mssIndex(table, mss), int(high))
		}
		if fits {
			return int(high), ladderText(values, levels, low), true
		}
	}
	return 0, "", false
}

// lowestOffers collects the offset of each offered MSS among the SYNs of the
// last client ISN that the group repeats, and the smallest of them.
func lowestOffers(g []point) (low int32, levels map[uint16]int32) {
	levels = make(map[uint16]int32)
	last := g[len(g)-1].sample.ClientISN
	for i := range g {
		o, known := g[i].sample.Offer.Get()
		if !known || o.MSS == 0 || !near(g[i].offset(), g[len(g)-1].offset(), widestEncoding) {
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

// sortedKeys lists the offered MSS values upwards.
func sortedKeys(m map[uint16]int32) []uint16 {
	var keys []uint16
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// ladderText prints each offered MSS with its place.
func ladderText(values []uint16, levels map[uint16]int32, low int32) string {
	text := ""
	for _, mss := range values {
		text += fmt.Sprintf("mss %d +%d ", mss, levels[mss]-low)
	}
	return text
}

// steadyTSval reports whether the TSvals of SYNs with equal options agree in
// their low six bits, up to the constant that each pair of hosts adds: chance
// is 1/64 a sample.
func steadyTSval(w *view) (n int, ok bool) {
	first := make(map[Opt[Offer]]uint32)
	for i := range w.points {
		s := w.points[i].sample
		ts, seen := s.TSVal.Get()
		if !seen {
			continue
		}
		was, known := first[s.Offer]
		if known && (was^ts)&63 != 0 {
			return 0, false
		}
		first[s.Offer] = ts
		n++
	}
	return n, n-len(first) >= 3
}

// proxy turns cookies into a proxy's where every SYN-ACK shut its window.
func (v *verdict) proxy(w *view) {
	for i := range w.points {
		if win, ok := w.points[i].sample.Window.Get(); !ok || win != 0 {
			return
		}
	}
	v.class = ClassSYNProxy
	v.note("syn-proxy", Notice, fmt.Sprintf("window 0 in all %d SYN-ACKs", len(w.points)),
		"The window is shut in every SYN-ACK: a middlebox answers, and asks the host only after the handshake.")
}

// detectFreeBSDCookie finds FreeBSD's cookies: the low byte holds the options
// XOR the high byte, so that seven bits a sample are known; the eighth says
// which of two secrets was used (sys/netinet/tcp_syncache.c, syncookie_generate).
func detectFreeBSDCookie(v *view) (verdict, bool) {
	known := 0
	first := make(map[Opt[Offer]]byte)
	for i := range v.points {
		p := &v.points[i]
		b := cookieByte(p.x) &^ 1
		was, seen := first[p.sample.Offer]
		if seen && was != b {
			return verdict{}, false
		}
		if seen {
			known++
		}
		first[p.sample.Offer] = b
	}
	if known < 5 || !busyBytes(v.points) {
		return verdict{}, false
	}
	b := cookieByte(v.points[0].x)
	out := verdict{class: ClassSYNCookies, variant: VariantFreeBSD, confidence: sure(7*float64(known) - 8),
		inputs: []string{"port", "client_isn"}, freeBits: Some(25.0)}
	if len(first) > 1 {
		out.inputs = append(out.inputs, "options")
	}
	out.note("syn-cookie", Notice, fmt.Sprintf("low byte XOR high byte is %08b in %d samples", b, known+len(first)),
		"The number is a keyed hash of the SYN with our options in its low byte: 24 bits of it are unknown, not 32.")
	out.freeBSDOptions(b)
	out.proxy(v)
	return out, true
}

// busyBytes reports whether the low and the high byte each vary: two bytes that
// stand still XOR to a constant in any slow counter.
func busyBytes(points []point) bool {
	low, high := make(map[byte]bool), make(map[byte]bool)
	for _, p := range points {
		low[byte(p.x)], high[byte(p.x>>24)] = true, true
	}
	enough := min(len(points)/2, 16)
	return len(low) >= enough && len(high) >= enough
}

// cookieByte is the option byte of a FreeBSD cookie.
func cookieByte(x craft.Seq) byte { return byte(x) ^ byte(x>>24) }

// freeBSDMSS is the table of the cookie's MSS index (tcp_sc_msstab).
var freeBSDMSS = []uint16{216, 536, 1200, 1360, 1400, 1440, 1452, 1460}

// freeBSDOptions decodes the byte: from the top MSS index (3 bits), window
// scale index (3), SACK, secret.
func (v *verdict) freeBSDOptions(b byte) {
	mss := freeBSDMSS[b>>5]
	v.serverMSS = Some(mss)
	v.note("cookie-mss", Info, fmt.Sprintf("option byte %08b", b&^1),
		"The host took our MSS for at least %d, our window scale for index %d of its table, SACK %s.",
		mss, b>>2&7, map[bool]string{true: "on", false: "off"}[b&2 != 0])
}

// detectKeyedCookie finds a keyed function of the whole SYN: on one tuple the
// same SYN gets the same number, though others in between got others, and
// another ISN of ours gets another. A half-open socket that outlived our reset
// repeats its number too, but answers every SYN in between with it.
func detectKeyedCookie(v *view) (verdict, bool) {
	repeats, changed := 0, false
	for _, g := range v.repeated(4) {
		if !g[0].sample.ClientISN.OK {
			continue
		}
		repeats += keyedRepeats(g)
		changed = changed || clientMoves(g)
	}
	if repeats == 0 || sharedByStrangers(v.points) {
		return verdict{}, false
	}
	out := verdict{class: ClassSYNCookies, variant: VariantOther, confidence: sure(20 + 8*float64(repeats)), inputs: []string{"port", "options"}}
	if changed {
		out.inputs = []string{"port", "client_isn"}
		if optionsMove(v) {
			out.inputs = append(out.inputs, "options")
		}
	}
	out.note("syn-cookie", Notice, fmt.Sprintf("%d repeats of a SYN got the same number again, other SYNs other numbers", repeats),
		"The number is a keyed function of our SYN: the host keeps no state for half-open connections.")
	out.proxy(v)
	return out, true
}

// sharedByStrangers reports whether SYNs that differ in tuple or client ISN got
// one number: a small store, not a function of the SYN.
func sharedByStrangers(points []point) bool {
	first := make(map[craft.Seq]*point, len(points))
	for i := range points {
		p := &points[i]
		q := first[p.x]
		if q != nil && (q.tuple != p.tuple || q.sample.ClientISN != p.sample.ClientISN) {
			return true
		}
		first[p.x] = p
	}
	return false
}

// keyedRepeats counts pairs of equal SYNs with equal answers that cannot be one
// half-open socket: either a different answer lies between them, or at least
// three further SYNs, each of which our reset had its chance to end.
func keyedRepeats(g []point) int {
	n := 0
	for i := range g {
		between := false
		for j := i + 1; j < len(g) && j <= i+shortGroup; j++ {
			same := g[j].x == g[i].x
			if same && sameSYN(&g[i], &g[j]) && distinct(g) > 1 && (between || j-i >= 4) {
				n++
			}
			between = between || !same
		}
	}
	return n
}

// sameSYN reports whether two SYNs of a tuple were equal as far as is known.
func sameSYN(a, b *point) bool {
	return a.sample.ClientISN == b.sample.ClientISN && a.sample.Offer == b.sample.Offer
}

// clientMoves reports whether another ISN of ours brought another answer.
func clientMoves(g []point) bool {
	for i := 1; i < len(g); i++ {
		if g[i].sample.ClientISN != g[i-1].sample.ClientISN && g[i].x == g[i-1].x {
			return false
		}
	}
	return true
}

// optionsMove reports whether SYNs of one tuple and client ISN got different
// answers to different offers.
func optionsMove(v *view) bool {
	for _, g := range v.repeated(2) {
		for i := 1; i < len(g); i++ {
			a, b := g[i-1].sample, g[i].sample
			if a.ClientISN == b.ClientISN && a.Offer != b.Offer && g[i].x != g[i-1].x {
				return true
			}
		}
	}
	return false
}
