package isn

import (
	"fmt"

	"synscope/craft"
)

// Variants of syn-cookies. A cookie that is ours plus a keyed hash may be Linux's, and
// has no variant where the samples could not show that.
const (
	VariantLinux   = "linux"
	VariantFreeBSD = "freebsd"
	VariantOther   = "other"
)

// offset is what a cookie adds to our own ISN.
func (p *point) offset() int32 {
	return p.x.Sub(p.sample.ClientISN.Value)
}

// widestIndex is how far the index of an option's value may move an offset.
const widestIndex = 7

// near reports whether two differences lie within n of each other, serially.
func near(a, b int32, n int32) bool {
	d := craft.Seq(a).Sub(craft.Seq(b))
	return d >= -n && d <= n
}

// describeOffset finds the variant and the inputs of an offset cookie: a constant
// that is added to our ISN, on each tuple another.
func (v *verdict) describeOffset(s *standing) {
	w := s.view
	if s.key == 0 && len(w.tuples) > 1 {
		v.variant = VariantOther
		v.note("isn-echo", Warning, someValues(w.points), "The number is ours plus a constant: nobody has to guess it.")
		return
	}
	v.note("syn-cookie", Notice, s.evidence(),
		"The number is ours plus a keyed hash of the four-tuple: the host keeps no state for half-open connections.")
	counts := minuteCounter(w)
	if counts {
		v.inputs = append(v.inputs, "time")
		v.note("cookie-counter", Info, "the top eight bits of isn − client_isn went up by one",
			"The cookie's minute counter ticked while we looked.")
	}
	v.linuxOptions(w, counts)
}

// minuteCounter reports whether a tuple's offset jumped to one whose top eight
// bits are one higher: Linux counts minutes there, and the carry of the lower
// 24 may add one more or take it back.
func minuteCounter(w *view) bool {
	for _, g := range w.repeated(2) {
		for i := 1; i < len(g); i++ {
			a, b := g[i-1].offset(), g[i].offset()
			if near(a, b, widestIndex) {
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
		"The window is shut in every SYN-ACK: a middlebox seems to answer, and to ask the host only after the handshake.")
}
