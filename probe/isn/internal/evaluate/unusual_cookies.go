package evaluate

import (
	"math/rand/v2"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// bernsteinMSS is a table of eight.
var bernsteinMSS = []uint16{64, 512, 536, 1024, 1440, 1460, 4312, 8960}

// cookieKinds are cookies with other tables and periods, and of other designs.
func cookieKinds() (list []Kind) {
	add := func(name string, make func(rng *rand.Rand) simhost.Generator) {
		list = append(list, Kind{isn.ClassSYNCookies, name, make})
	}
	for _, life := range []time.Duration{15 * time.Second, time.Minute, time.Hour} {
		add("keyed, "+life.String(), func(rng *rand.Rand) simhost.Generator { return simhost.KeyedCookie(secret(rng), life) })
		add("offset of the tuple, "+life.String(), func(rng *rand.Rand) simhost.Generator {
			a, b := secret(rng), simhost.TupleConstant(secret(rng))
			return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq {
				turn := s
				turn.ISN = craft.Seq(s.At / life)
				turn.Offer = isn.Offer{}
				turn.At = 0
				return s.ISN + b.Next(s) + simhost.KeyedCookie(a, time.Hour).Next(turn)
			})
		})
	}
	add("linux, mss table of 8", func(rng *rand.Rand) simhost.Generator {
		return simhost.LinuxCookie(secret(rng), secret(rng), bernsteinMSS, 9000)
	})
	add("linux, the IPv6 table", func(rng *rand.Rand) simhost.Generator {
		return simhost.LinuxCookie(secret(rng), secret(rng), []uint16{1220, 1420, 1440, 8940}, 9000)
	})
	add("freebsd", func(rng *rand.Rand) simhost.Generator { return simhost.FreeBSDCookie(secret(rng)) })
	add("Bernstein's, without our ISN", func(rng *rand.Rand) simhost.Generator {
		k := secret(rng)
		return simhost.GeneratorFunc(func(s simhost.SYN) craft.Seq {
			turn := s
			turn.ISN, turn.Offer, turn.At = craft.Seq(s.At/(64*time.Second)), isn.Offer{}, 0
			h := simhost.KeyedCookie(k, time.Hour).Next(turn)
			mss := craft.Seq(0)
			for i, v := range bernsteinMSS {
				if s.Offer.MSS >= v {
					mss = craft.Seq(i)
				}
			}
			return craft.Seq(s.At/(64*time.Second))&31<<27 | mss<<24 | h&0xffffff
		})
	})
	return list
}
