package isn

import (
	"fmt"

	"synscope/craft"
)

// Variants of syn-cookies.
const (
	VariantLinux   = "linux"
	VariantFreeBSD = "freebsd"
	VariantOther   = "other"
)

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
