package simnet

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// dice draws the random choices about one packet. They depend on nothing but
// the seed, the instant, the direction and the packet's bytes; so they stay
// the same however the goroutines of a test interleave.
type dice uint64

func roll(seed uint64, now int64, dir Direction, pkt []byte) dice {
	h := mix(mix(seed, uint64(now)), uint64(dir))
	for ; len(pkt) >= 8; pkt = pkt[8:] {
		h = mix(h, binary.LittleEndian.Uint64(pkt))
	}
	for _, c := range pkt {
		h = mix(h, uint64(c))
	}
	return dice(h)
}

// mix folds v into h with the finaliser of SplitMix64 (Steele, Lea and Flood,
// "Fast Splittable Pseudorandom Number Generators", 2014).
func mix(h, v uint64) uint64 {
	h = (h ^ v) + 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// fraction is uniform in [0, 1).
func (d *dice) fraction() float64 {
	*d = dice(mix(uint64(*d), 1))
	return float64(*d>>11) / (1 << 53)
}

func (d *dice) chance(p float64) bool { return d.fraction() < p }

// delay draws how long one copy of a packet is under way.
func (p *Path) delay(d *dice) time.Duration {
	delay := p.Delay + time.Duration(d.fraction()*float64(p.Jitter))
	if d.chance(p.Reorder) {
		delay += p.Hold
	}
	return delay
}

// limiter holds the state of one Path's Limit: by host, the theoretical
// arrival time of the generic cell rate algorithm (ITU-T I.371, annex A), in
// nanoseconds of the Net's time.
type limiter map[netip.Addr]int64

// admit returns how long a packet to or from host has to wait for its turn,
// and false if there is no room to wait.
func (l limiter) admit(limit *Limit, host netip.Addr, now int64) (time.Duration, bool) {
	if limit.Rate <= 0 {
		return 0, true
	}
	if limit.Shared {
		host = netip.Addr{}
	}
	interval := int64(float64(time.Second) / limit.Rate)
	arrival := max(l[host], now)
	wait := arrival - now - interval*int64(limit.Burst-1)
	if wait > interval*int64(limit.Queue) {
		return 0, false
	}
	l[host] = arrival + interval
	return time.Duration(max(wait, 0)), true
}
