package simhost

import (
	"time"

	"synscope/craft"
)

// LinuxCookie is Linux's SYN cookie (net/ipv4/syncookies.c,
// secure_tcp_syn_cookie): a hash of the tuple, plus the client's ISN, plus the
// minute in the top eight bits, plus a hash of tuple and minute with the MSS
// index in the low 24. table holds the MSS values; clamp bounds the MSS that
// arrives.
func LinuxCookie(k, minuteKey Key, table []uint16, clamp uint16) Generator {
	return GeneratorFunc(func(s SYN) craft.Seq {
		minute := uint32(s.At / time.Minute)
		t := s.tuple()
		data := uint32(tableIndex(table, min(s.Offer.MSS, clamp)))
		low := (minuteKey.hash(append(t, uint64(minute))...) + data) & (1<<24 - 1)
		return s.ISN.Add(k.hash(t...)).Add(minute << 24).Add(low)
	})
}

// LinuxMSS are the values that Linux's IPv4 cookies can hold.
var LinuxMSS = []uint16{536, 1300, 1440, 1460}

// freeBSDMSS and freeBSDScale are FreeBSD's tables.
var (
	freeBSDMSS   = []uint16{216, 536, 1200, 1360, 1400, 1440, 1452, 1460}
	freeBSDScale = []uint16{0, 0, 1, 2, 4, 6, 7, 8}
)

// tableIndex is the place of the largest value no larger than v.
func tableIndex(table []uint16, v uint16) int {
	i := len(table) - 1
	for i > 0 && table[i] > v {
		i--
	}
	return i
}

// secretLife is how long FreeBSD keeps each of its two secrets.
const secretLife = 15 * time.Second

// FreeBSDCookie is FreeBSD's (sys/netinet/tcp_syncache.c, syncookie_generate):
// 24 bits of a hash over the SYN, and the options XOR the hash's top byte. The
// options' byte is union syncookie's (tcp_syncache.h): from the top the index of
// the MSS, that of the window scale, SACK, and which secret.
func FreeBSDCookie(k Key) Generator {
	return GeneratorFunc(func(s SYN) craft.Seq {
		turn := uint64(s.At / secretLife)
		flags := uint32(tableIndex(freeBSDMSS, s.Offer.MSS))<<5 | uint32(turn&1)
		if s.Offer.WScale.OK {
			flags |= uint32(tableIndex(freeBSDScale, uint16(s.Offer.WScale.Value))) << 2
		}
		if s.Offer.SACK {
			flags |= 1 << 1
		}
		h := k.hash(append(s.tuple(), uint64(s.ISN), uint64(flags), turn)...)
		return craft.Seq(h&^0xff | (flags^h>>24)&0xff)
	})
}

// KeyedCookie is a hash over the whole SYN, MSS included, with nothing that
// shows; its secret lives for life.
func KeyedCookie(k Key, life time.Duration) Generator {
	return GeneratorFunc(func(s SYN) craft.Seq {
		return craft.Seq(k.hash(append(s.tuple(), uint64(s.ISN), uint64(s.Offer.MSS), uint64(s.At/life))...))
	})
}

// OffsetCookie adds a hash of the tuple to the client's ISN and keeps no options.
func OffsetCookie(k Key) Generator {
	return GeneratorFunc(func(s SYN) craft.Seq { return s.ISN.Add(k.hash(s.tuple()...)) })
}
