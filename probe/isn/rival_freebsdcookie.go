package isn

import (
	"fmt"
	"slices"

	"synscope/craft"
)

// FreeBSD answers every SYN with a cookie, whether or not it keeps the
// connection too (sys/netinet/tcp_syncache.c, syncache_add, where
// net.inet.tcp.syncookies is 1, its default). syncookie_generate there makes
// the number of a keyed hash over addresses, ports, our ISN and one byte of
// options: the upper 24 bits are the hash's, the low byte is the options' byte
// XOR the hash's highest. So low byte XOR high byte is the options' byte, of
// which union syncookie (tcp_syncache.h, on little-endian machines) says, from
// the top: 3 bits index of our MSS, 3 bits index of our window scale, SACK, and
// which of two secrets was used, which take turns every 15 s.
const (
	freeBSDSecret = 1 << 0
	freeBSDSACK   = 1 << 1
)

// freeBSDMSS is tcp_sc_msstab: an index stands for an MSS of at least that.
var freeBSDMSS = []uint16{216, 536, 1200, 1360, 1400, 1440, 1452, 1460}

// freeBSDScale is tcp_sc_wstab: an index stands for a window scale of at least
// that, but for index 0, which stands for none.
var freeBSDScale = []uint16{0, 0, 1, 2, 4, 6, 7, 8}

// freeBSDTurn is how long a secret is used (SYNCOOKIE_LIFETIME, in s).
const freeBSDTurn = 15

// cookieByte is the options' byte of a FreeBSD cookie.
func cookieByte(x craft.Seq) byte { return byte(x) ^ byte(x>>24) }

// detectFreeBSDCookie finds numbers whose low byte XOR high byte is the same
// for equal options, but for the bit that tells the secrets apart: seven bits a
// sample. A few strangers among them are let pass.
func detectFreeBSDCookie(v *view) (verdict, bool) {
	plain := v.unladdered()
	count := make(map[Opt[Offer]]map[byte]int)
	for i := range plain {
		o := plain[i].sample.Offer
		if count[o] == nil {
			count[o] = make(map[byte]int)
		}
		count[o][cookieByte(plain[i].x)&^freeBSDSecret]++
	}
	first := make(map[Opt[Offer]]byte)
	known, strangers := 0, 0
	for o, bytes := range count {
		b, most, all := usual(bytes)
		first[o] = b
		known += most - 1
		strangers += all - most
	}
	if known < 5 || strangers*4 > known || !busyBytes(v.points) || strangers == 0 && foreignTies(v.points) >= leastTies {
		return verdict{}, false
	}
	out := freeBSDVerdict(v, first, known)
	out.saved -= 8 * float64(strangers)
	if !slices.Contains(out.inputs, "time") && strangers == 0 {
		out.saved += float64(known) // nor did the secrets take turns
	}
	return out, true
}

// usual is the most frequent byte, how often it came, and how many bytes there were.
func usual(bytes map[byte]int) (b byte, most, all int) {
	for c, n := range bytes {
		all += n
		if n > most || n == most && c < b {
			b, most = c, n
		}
	}
	return b, most, all
}

// freeBSDVerdict reports cookies whose options' byte is in first, by offer.
func freeBSDVerdict(v *view, first map[Opt[Offer]]byte, known int) verdict {
	b := first[v.points[0].sample.Offer]
	out := verdict{class: ClassSYNCookies, variant: VariantFreeBSD, saved: 7*float64(known) - 8,
		inputs: []string{"port", "client_isn"}, freeBits: Some(25.0)}
	if len(first) > 1 {
		out.inputs = append(out.inputs, "options")
	}
	out.note("syn-cookie", Notice, fmt.Sprintf("low byte XOR high byte is %08b in %d samples", b&^freeBSDSecret, known+len(first)),
		"The number is a keyed hash of the SYN with our options in its low byte: 24 bits of it are unknown, not 32.")
	out.freeBSDSecrets(v)
	if tellsOffers(first) {
		out.freeBSDOptions(b)
	} else {
		out.variant = VariantOther
	}
	out.proxy(v)
	return out
}

// freeBSDSecrets notes where the secrets took turns while we looked, no oftener
// than they do.
func (v *verdict) freeBSDSecrets(w *view) {
	turns := 0
	for i := 1; i < len(w.points); i++ {
		turns += int((cookieByte(w.points[i].x) ^ cookieByte(w.points[i-1].x)) & freeBSDSecret)
	}
	if n := len(w.points); w.timed && turns > 0 && float64(turns) <= 1+(w.points[n-1].t-w.points[0].t)/freeBSDTurn {
		v.inputs = append(v.inputs, "time")
	}
}

// tellsOffers reports whether the bytes hold what the SYNs offered, or less of
// it: a middlebox may take options away or lower the MSS, and adds none.
func tellsOffers(first map[Opt[Offer]]byte) bool {
	for offer, b := range first {
		o, known := offer.Get()
		if !known {
			continue
		}
		scale := 0
		if o.WScale.OK {
			scale = mssIndex(freeBSDScale, uint16(o.WScale.Value))
		}
		held := int(b >> 2 & 7)
		if int(b>>5) > mssIndex(freeBSDMSS, o.MSS) || held != 0 && held != scale || b&freeBSDSACK != 0 && !o.SACK {
			return false
		}
	}
	return true
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

// freeBSDOptions decodes the options' byte.
func (v *verdict) freeBSDOptions(b byte) {
	mss, scale, sack := freeBSDMSS[b>>5], "no window scale", "no SACK"
	if i := b >> 2 & 7; i > 0 {
		scale = fmt.Sprintf("a window scale of at least %d", freeBSDScale[i])
	}
	if b&freeBSDSACK != 0 {
		sack = "SACK"
	}
	v.serverMSS = Some(mss)
	v.note("cookie-mss", Info, fmt.Sprintf("options' byte %08b", b&^freeBSDSecret),
		"Of our options the host saw an MSS of at least %d, %s and %s.", mss, scale, sack)
}
