package sample

import (
	"iter"
	"math/rand/v2"
	"net/netip"

	"synscope/craft"
)

// Preview yields the SYNs that a run would send, target after target, without a
// network: from the addresses given, and from firstPort on, for the ports are
// known only once they are held. The resets, and an options ladder that the
// answers call for, are not among them.
func Preview(cfg Config, from4, from6 netip.Addr, firstPort uint16) iter.Seq[craft.Segment] {
	cfg = cfg.withDefaults()
	return func(yield func(craft.Segment) bool) {
		rng := rand.New(rand.NewChaCha8(cfg.Seed))
		for _, target := range cfg.Targets {
			from, ladder, tsval := from4, craft.Seq(rng.Uint32()), rng.Uint32()
			if target.Addr().Is6() {
				from = from6
			}
			for _, step := range cfg.Plan.Steps {
				client := craft.Seq(rng.Uint32())
				if step.SameISN {
					client = ladder
				}
				src := netip.AddrPortFrom(from, firstPort+uint16(step.Port))
				if step.Addr == 0 && !yield(cfg.syn(src, target, client, step.Offer, tsval)) {
					return
				}
			}
		}
	}
}
