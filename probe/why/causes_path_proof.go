package why

import "fmt"

// proofCauses are middleboxes that protect a host from floods: a new source has to show that its
// TCP is a real one, and that its address is its own.
func proofCauses() []Cause {
	return []Cause{
		{
			Code: PathSYNProof, Title: "a box before the host lets nobody in who has not shown to be a real client first (SYN authentication)", Prior: 0.8,
			Variants: variants(proofs()...),
			Where:    proofWhere, Words: proofWords, Needs: []string{"flows", "flows"},
			Advice:   "Protection against floods, which most clients pass with a delay of a second or a first connection that fails: they send the same SYN once more, answer a wrong number with an RST, or connect again. What sends each SYN but once, or has no TCP behind it, never passes. Ask who runs the protection to except this source, or to switch it off while there is no flood.",
			Commands: commands("handshake %s", "scan -sT --reason %s"),
		},
	}
}

// proofs are what such boxes ask for, of this port or of all, for each flow or once for a source. A
// box that drops the first SYN of a source and nothing later looks like a host that came up.
func proofs() (list []Variant) {
	for _, of := range []func(*Trial) bool{toTarget, anySYN} {
		list = append(list,
			rules(&proof{of: of, d: silent}, targetTraces(provenTraces)),
			rules(&proof{of: of, d: wrongNumber}, targetTraces(provenTraces)),
			rules(&proof{of: of, d: wrongNumber, whole: true}))
	}
	return append(list, rules(&firstReset{}))
}

var (
	wrongNumber  = of(share{WrongACK, 0}, share{Silence, 0.1})
	provenTraces = of(share{TraceReaches, 0}, share{TraceDies, 0.4}, share{TraceNear, 0.1})
)

// proofWords say by what a client proves itself here.
func proofWords(k *Knowledge) (title, advice string) {
	switch {
	case k.outcome(WrongACK) > 0:
		return "a box before the host answers first SYNs with a wrong acknowledgment number and lets in who resets that (SYN authentication)", ""
	case k.outcome(ResetOnACK) > 0:
		return "a box before the host resets the first connection of an unknown source and lets the next ones in (SYN authentication)", ""
	}
	return "a box before the host drops the first SYN of each connection and lets its retransmission in (SYN authentication)", ""
}

// proofWhere counts what the box refused.
func proofWhere(k *Knowledge) string {
	first, again, passed := 0, 0, 0
	failed := map[int]bool{}
	k.each(isKind(SYN, Target), func(t *Trial) {
		switch {
		case !failed[t.Flow] && t.Outcome.fails():
			first++
			failed[t.Flow] = true
		case failed[t.Flow]:
			if again++; !t.Outcome.fails() {
				passed++
			}
		}
	})
	if again == 0 {
		return ""
	}
	return fmt.Sprintf("%s failed at first; of %s of theirs %d passed", countOf(first, "flow"), countOf(again, "later SYN"), passed)
}
