package text

import (
	"fmt"
	"math"
	"strings"
	"time"

	"synscope/internal/report/record"
	"synscope/internal/report/units"
	"synscope/probe/isn"
)

// ISNMeaning says what each class means to whoever runs the host.
var ISNMeaning = map[isn.Class]string{
	isn.ClassUnknown:              "The samples do not say how this host chooses its numbers.",
	isn.ClassConstant:             "Every connection starts from the same number. Whoever connects once knows it for all.",
	isn.ClassTupleConstant:        "Each pair of addresses and ports has one number that never changes: a hash without the clock that RFC 6528 adds. Who once held an address knows its numbers for ever, and old segments may fit into new connections.",
	isn.ClassRepeating:            "A handful of numbers repeats in a cycle. Whoever samples one cycle knows all that follow.",
	isn.ClassGlobalStep:           "Each connection's number is the one before plus a known step, whoever connects. One connection of one's own tells the next victim's number.",
	isn.ClassGlobalClock:          "One clock gives the number, whoever connects, as RFC 793 had it in 1981. One connection of one's own tells the number at any later moment.",
	isn.ClassGlobalMixed:          "One counter for everybody grows with time and with each connection, as in 4.4BSD. One connection of one's own tells about where the next begins.",
	isn.ClassRandomIncrement:      "One counter for everybody grows by random steps. A connection of one's own bounds the next number.",
	isn.ClassTupleClock:           "A clock, and beside it a secret hash of the connection that each has for itself (RFC 6528, RFC 9293 §3.4.1). The inputs of the hash are listed below.",
	isn.ClassTupleRandomIncrement: "Each pair of addresses and ports has a counter of its own that grows by steps.",
	isn.ClassWeakRandom:           "The numbers look random and are not: the generator's state, or its bias, shows in what it gives away.",
	isn.ClassRandom:               "Nothing in these samples tells the numbers from random ones. More samples could find a weakness that these cannot show.",
	isn.ClassSYNCookies:           "The number is computed from our SYN and a secret (RFC 4987 §3.6), and the host keeps nothing until the handshake is complete: it is under load, or set to do so always.",
	isn.ClassSYNProxy:             "A middlebox seems to answer, with SYN cookies and window 0, in place of the host, and to open the real connection only when the handshake is complete. How the host itself chooses cannot be seen from here.",
	isn.ClassMixed:                "Several generators answer for one port: machines behind a load balancer, or a middlebox that rewrites some of the numbers.",
}

// freeBSDMeaning is said of FreeBSD's cookies in place of the class's meaning.
const freeBSDMeaning = "The number is computed from our SYN and a secret that changes every 15 s, with our options in it. FreeBSD " +
	"gives every connection such a number, whether or not it also keeps the connection (net.inet.tcp.syncookies, on by default): it need not be under load."

// meaning is what the answer means.
func meaning(r *isn.Report) string {
	if r.Class == isn.ClassSYNCookies && r.Variant == isn.VariantFreeBSD {
		return freeBSDMeaning
	}
	return ISNMeaning[r.Class]
}

// isnMore says which further samples would tell more, "" where none would.
func isnMore(r *isn.Report) string {
	switch r.Class {
	case isn.ClassRandom:
		return "--series same-tuple,many,options: hundreds of SYNs show biased bits, collisions and the state of weak generators."
	case isn.ClassTupleClock:
		return "--series same-tuple,long: two minutes narrow the clock's rate to about 1 ppm and show its skew."
	case isn.ClassSYNCookies, isn.ClassSYNProxy:
		if r.Variant == isn.VariantFreeBSD {
			return "`synscope handshake` shows what follows the third segment."
		}
		return "--series same-tuple,long: two minutes show the cookie's counter; `synscope handshake` shows what follows the third segment."
	case isn.ClassMixed:
		return "--samples 100: how many machines there are, and their shares."
	case isn.ClassRandomIncrement, isn.ClassWeakRandom:
		return "--series many: the bounds of the steps, and the generator behind them."
	case isn.ClassTupleRandomIncrement:
		return "--samples 100: the bounds of the steps."
	case isn.ClassUnknown:
		if r.Samples > 0 {
			return "more --samples, a run without --series or -g, another place or another time of the day."
		}
	}
	return ""
}

// isnSure says how sure the class is.
func isnSure(confidence float64) string {
	words := "a guess"
	switch {
	case confidence >= 0.99:
		words = "as good as certain"
	case confidence >= 0.95:
		words = "very likely"
	case confidence >= 0.8:
		words = "likely"
	case confidence >= 0.6:
		words = "more likely than not"
	}
	return fmt.Sprintf("%s (%s %%)", words, units.Significant(100*confidence, 1))
}

// forgeRate is a rate of forged segments that a rented machine can send.
const forgeRate = 1e6

// ISNAttack says what it takes to guess the number of a connection that one
// cannot see: to forge its third segment, which must acknowledge the number.
func ISNAttack(r *isn.Report) string {
	g, ok := r.GuessesP50.Get()
	if !ok {
		return "cannot be told from these samples"
	}
	if g < 1.5 {
		return "one guess is enough: a connection can be forged at will, under anybody's address"
	}
	tries := units.Count(uint64(math.Round(g)))
	text := fmt.Sprintf("%s guesses for an even chance (%s bits), %s at a million forged segments a second",
		tries, units.Significant(math.Log2(g), 1), guessTime(g))
	switch {
	case r.Variant == isn.VariantLinux && isCookie(r.Class):
		return text + ": a host that makes Linux's cookies takes any of 8 at a time (4 MSS values, 2 minutes)"
	case r.Variant == "" && isCookie(r.Class):
		return text + ", if these are Linux's cookies, of which a host takes any of 8 at a time; which was not shown"
	case g >= 1<<31 && !addressShown(r):
		return text + ", if our address moves the number, which was not shown"
	case g >= 1<<31:
		return text + ": no better than blind"
	case g > 1<<24:
		return text + ": within reach of a flood, and easier than it should be"
	}
	return text + ": a moment's work"
}

func isCookie(c isn.Class) bool { return c == isn.ClassSYNCookies || c == isn.ClassSYNProxy }

// addressShown reports whether the guesses rest on no unseen hash of the address.
func addressShown(r *isn.Report) bool {
	if r.Class != isn.ClassTupleClock && r.Class != isn.ClassTupleRandomIncrement && r.Class != isn.ClassTupleConstant {
		return true
	}
	for _, f := range r.Factors {
		if f.Name == "address" {
			return f.Effect != isn.NotSaid
		}
	}
	return true
}

// guessTime is how long so many guesses take.
func guessTime(g float64) string {
	seconds := g / forgeRate
	if seconds < 0.001 {
		return "under 1 ms"
	}
	return units.Duration(time.Duration(seconds * float64(time.Second)))
}

// isnNmap gives nmap's figures for the same samples, in nmap's notation.
func isnNmap(n isn.Nmap) string {
	text := fmt.Sprintf("GCD=%X ISR=%X", n.GCD, n.ISR)
	sp, ok := n.SP.Get()
	if !ok {
		return text + fmt.Sprintf(" (hexadecimal; %d samples are too few for SP)", n.N)
	}
	return fmt.Sprintf("SP=%X %s (hexadecimal, as in its SEQ line; difficulty %d%s)", sp, text, sp, nmapWord(sp))
}

// nmapWord is the word that nmap prints beside its highest difficulties.
func nmapWord(sp int) string {
	if sp >= 16 {
		return `, "Good luck!"`
	}
	return ""
}

// Hertz is a rate for people: thousands parted, as many decimals as the
// interval gives sense to.
func Hertz(hz, width float64) string {
	decimals := int(min(max(math.Ceil(-math.Log10(width/2)), 0), 6))
	whole := math.Floor(hz)
	text := fmt.Sprintf("%.*f", decimals, hz-whole)
	if strings.HasPrefix(text, "1") {
		whole++
	}
	if _, fraction, ok := strings.Cut(text, "."); ok {
		return units.Count(uint64(whole)) + "." + fraction
	}
	return units.Count(uint64(math.Round(hz)))
}

// ISNWords is the class in a line, with its variant and how sure it is.
func ISNWords(r *record.ISN) string {
	line := r.Report.Class.String()
	if r.Report.Variant != "" {
		line += " (" + r.Report.Variant + ")"
	}
	if r.Report.Class == isn.ClassUnknown {
		return line
	}
	return line + ", " + isnSure(r.Report.Confidence)
}
