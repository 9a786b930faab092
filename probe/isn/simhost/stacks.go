package simhost

import (
	"time"

	"synscope/craft"
)

// LwIP adds its count of half seconds since the start to the last number, for each
// connection of anybody's (lwIP src/core/tcp.c, tcp_next_iss, which also says that
// this is no good choice). It has counted for as long as up when the first comes.
func LwIP(up time.Duration) Generator {
	x, boot := craft.Seq(6510), time.Duration(-1)
	return GeneratorFunc(func(s SYN) craft.Seq {
		if boot < 0 {
			boot = s.At - up
		}
		x = x.Add(uint32((s.At - boot) / (500 * time.Millisecond)))
		return x
	})
}

// slirpStep is TCP_ISSINCR/2.
const slirpStep = 64_000

// Slirp adds 64,000 for each connection, and as much when its slow timer is found
// to be due as a packet wakes it: once, however long it has slept
// (libslirp src/tcp_subr.c, tcp_newtcpcb's iss; src/tcp_timer.c, tcp_slowtimo).
func Slirp(start craft.Seq) Generator {
	x, last := start, time.Duration(-1)
	return GeneratorFunc(func(s SYN) craft.Seq {
		if last < 0 {
			last = s.At
		}
		if s.At-last >= 500*time.Millisecond {
			x, last = x.Add(slirpStep), s.At
		}
		x = x.Add(slirpStep)
		return x
	})
}

// Passt is a clock of 32 ns beside a hash of its own address and of both ports, the
// guest's address left out (passt tcp.c, tcp_init_seq).
func Passt(k Key) Generator {
	return GeneratorFunc(func(s SYN) craft.Seq {
		return craft.Seq(k.hash(uint64(s.Src.Port()))).Add(uint32(uint64(s.At / 32)))
	})
}
