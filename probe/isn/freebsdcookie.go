package isn

import (
	"fmt"

	"synscope/craft"
)

// detectFreeBSDCookie finds FreeBSD's cookies: the low byte holds the options
// XOR the high byte, so that seven bits a sample are known; the eighth says
// which of two secrets was used (sys/netinet/tcp_syncache.c, syncookie_generate).
func detectFreeBSDCookie(v *view) (verdict, bool) {
	known := 0
	first := make(map[Opt[Offer]]byte)
	plain := v.unladdered()
	for i := range plain {
		p := &plain[i]
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

// unladdered returns the points whose options may be taken for equal. Where
// offers are known that is all of them, as they are compared by offer. In files
// without offers it is those whose client ISN came only once: a ladder keeps one.
func (v *view) unladdered() []point {
	count := make(map[Opt[craft.Seq]]int)
	for i := range v.points {
		count[v.points[i].sample.ClientISN]++
	}
	var out []point
	for _, p := range v.points {
		if p.sample.Offer.OK || !p.sample.ClientISN.OK || count[p.sample.ClientISN] == 1 {
			out = append(out, p)
		}
	}
	return out
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
