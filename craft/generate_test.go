package craft_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"synscope/craft"
)

// sameSegment makes cmp compare segments by value, and no bytes equal to none.
var sameSegment = cmp.Options{
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmpopts.EquateEmpty(),
}

// newRand returns a generator whose seed is in the log of a failing test.
func newRand(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %#x", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// edge32 returns corner values of 32-bit fields about as often as any others.
func edge32(r *rand.Rand) uint32 {
	edges := [...]uint32{0, 1, 0xffff, 0x10000, 0xffff0000, 0x7fffffff, 0x80000000, 0xffffffff}
	if r.IntN(2) == 0 {
		return edges[r.IntN(len(edges))]
	}
	return r.Uint32()
}

func edge16(r *rand.Rand) uint16 { return uint16(edge32(r)) }

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func randomAddrs(r *rand.Rand) (src, dst netip.Addr) {
	if r.IntN(2) == 0 {
		return netip.AddrFrom4([4]byte(randomBytes(r, 4))), netip.AddrFrom4([4]byte(randomBytes(r, 4)))
	}
	return netip.AddrFrom16([16]byte(randomBytes(r, 16))), netip.AddrFrom16([16]byte(randomBytes(r, 16)))
}

// randomSegment varies every field, with payloads of up to 100 bytes.
func randomSegment(r *rand.Rand) craft.Segment {
	src, dst := randomAddrs(r)
	s := craft.Segment{
		Src:     netip.AddrPortFrom(src, edge16(r)),
		Dst:     netip.AddrPortFrom(dst, edge16(r)),
		TTL:     uint8(edge32(r)),
		TOS:     uint8(edge32(r)),
		Seq:     craft.Seq(edge32(r)),
		Ack:     craft.Seq(edge32(r)),
		Flags:   craft.Flags(r.IntN(1 << 12)),
		Window:  edge16(r),
		Urgent:  edge16(r),
		Options: randomOptions(r),
		Payload: randomBytes(r, r.IntN(100)),
	}
	if src.Is4() {
		s.ID = edge16(r)
		s.DF = r.IntN(2) == 0
	} else {
		s.FlowLabel = edge32(r) & 0xfffff
	}
	return s
}

// randomOption yields well-formed options of all known and some unknown kinds.
func randomOption(r *rand.Rand) craft.Option {
	switch r.IntN(12) {
	case 0:
		return craft.MSS(edge16(r))
	case 1:
		return craft.WindowScale(uint8(edge32(r)))
	case 2:
		return craft.SACKPermitted()
	case 3:
		return craft.SACK([2]craft.Seq{craft.Seq(edge32(r)), craft.Seq(edge32(r))})
	case 4:
		return craft.Timestamps(edge32(r), edge32(r))
	case 5:
		return craft.FastOpen(nil)
	case 6:
		return craft.FastOpen(randomBytes(r, 8))
	case 7:
		return craft.MPTCP(randomBytes(r, 2))
	case 8:
		return craft.AccECN(craft.KindAccECN0, randomBytes(r, 3*r.IntN(4)))
	case 9:
		return craft.AccECN(craft.KindAccECN1, randomBytes(r, 3*r.IntN(4)))
	case 10:
		return craft.RawOption(99, randomBytes(r, r.IntN(6)))
	}
	return craft.NOP()
}

// randomOptions yields whole words of options: mostly well formed, sometimes
// any bytes at all.
func randomOptions(r *rand.Rand) craft.Options {
	if r.IntN(4) == 0 {
		return randomBytes(r, 4*r.IntN(11))
	}
	return wellFormedOptions(r, func(craft.Option) bool { return true })
}

// wellFormedOptions yields up to 40 bytes of options that keep lets pass.
func wellFormedOptions(r *rand.Rand, keep func(craft.Option) bool) craft.Options {
	var list []craft.Option
	var options craft.Options
	for range r.IntN(6) {
		if opt := randomOption(r); keep(opt) {
			list = append(list, opt)
		}
		o, err := craft.NewOptions(list...)
		if err != nil {
			break
		}
		options = o
	}
	return options
}

func mustBuild(t testing.TB, s craft.Segment) []byte {
	t.Helper()
	b, err := s.AppendTo(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustTemplate(t testing.TB, s craft.Segment) *craft.Template {
	t.Helper()
	template, err := craft.NewTemplate(s)
	if err != nil {
		t.Fatal(err)
	}
	return template
}

func mustOptions(t testing.TB, list ...craft.Option) craft.Options {
	t.Helper()
	o, err := craft.NewOptions(list...)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// synIPv4 and synIPv6 are one SYN over either version.
func synIPv4() craft.Segment {
	return craft.Segment{
		Src: netip.MustParseAddrPort("192.0.2.1:40000"), Dst: netip.MustParseAddrPort("192.0.2.2:80"),
		TTL: 64, DF: true, ID: 7, Seq: 1000, Flags: craft.SYN, Window: 64240,
		Options: craft.Options{2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7},
	}
}

func synIPv6() craft.Segment {
	s := synIPv4()
	s.Src = netip.MustParseAddrPort("[2001:db8::1]:40000")
	s.Dst = netip.MustParseAddrPort("[2001:db8::2]:80")
	s.ID, s.DF, s.FlowLabel = 0, false, 0x12345
	return s
}
