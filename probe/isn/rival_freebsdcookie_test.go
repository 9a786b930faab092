package isn_test

import (
	"bytes"
	_ "embed"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/probe/isn"
	"synscope/probe/isn/simhost"
)

// freeBSDVectors are the default plan's SYNs and its options ladder as FreeBSD
// answers them, computed outside of this project from the definition in
// sys/netinet/tcp_syncache.c: SipHash-2-4 (whose own test vector came out right)
// over 192.0.2.1, 198.51.100.7, both ports in network order, irs, the options'
// byte and a bucket's address; the secret changes at 3 s.
//
//go:embed testdata/freebsd-cookies.csv
var freeBSDVectors []byte

func TestFreeBSDVectors(t *testing.T) {
	samples, err := isn.ReadCSV(bytes.NewReader(freeBSDVectors), "freebsd-cookies.csv")
	if err != nil || len(samples) != 30 {
		t.Fatalf("%d samples, %v", len(samples), err)
	}
	r := isn.Analyze(samples, isn.Options{})
	if r.Class != isn.ClassSYNCookies || r.Variant != isn.VariantFreeBSD || r.ServerMSS.Value != 1460 {
		t.Errorf("%s %q, MSS %v", r.Class, r.Variant, r.ServerMSS)
	}
	if want := []string{"client_isn", "options", "port", "time"}; !slices.Equal(r.Inputs, want) {
		t.Errorf("inputs %v, want %v", r.Inputs, want)
	}
	said := ""
	for _, f := range r.Findings {
		said += f.Text
	}
	if !bytes.Contains([]byte(said), []byte("an MSS of at least 1460, a window scale of at least 7 and SACK")) {
		t.Errorf("said %q", said)
	}
}

// freeBSDBytes are options' bytes by the definition's tables, without the bit of
// the secret: mss_idx, wscale_idx, sack_ok.
var freeBSDBytes = []struct {
	offer isn.Offer
	want  byte
}{
	{isn.Offer{}, 0b000_000_0_0},
	{isn.Offer{MSS: 215}, 0b000_000_0_0},
	{isn.Offer{MSS: 536, WScale: isn.Some[uint8](0)}, 0b001_001_0_0},
	{isn.Offer{MSS: 1220, WScale: isn.Some[uint8](1), SACK: true}, 0b010_010_1_0},
	{isn.Offer{MSS: 1399, WScale: isn.Some[uint8](3)}, 0b011_011_0_0},
	{isn.Offer{MSS: 1400, WScale: isn.Some[uint8](5), SACK: true}, 0b100_100_1_0},
	{isn.Offer{MSS: 1440, WScale: isn.Some[uint8](6)}, 0b101_101_0_0},
	{isn.Offer{MSS: 1459, WScale: isn.Some[uint8](7), SACK: true}, 0b110_110_1_0},
	{isn.Offer{MSS: 8960, WScale: isn.Some[uint8](14), SACK: true, Timestamps: true}, 0b111_111_1_0},
}

// The model host encodes options as FreeBSD does.
func TestFreeBSDModel(t *testing.T) {
	cookie := simhost.FreeBSDCookie(simhost.Key{1, 2})
	for _, tc := range freeBSDBytes {
		for i := range 100 {
			x := cookie.Next(simhost.SYN{At: time.Duration(i) * time.Second, ISN: craft.Seq(i * 7919), Offer: tc.offer,
				Src: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), uint16(i))})
			want := tc.want | byte(i/15&1)
			if got := byte(x) ^ byte(x>>24); got != want {
				t.Fatalf("%+v at %d s: %08b, want %08b", tc.offer, i, got, want)
			}
		}
	}
}

// Bytes that say what no SYN of ours offered are not FreeBSD's.
func TestForeignOptionsByte(t *testing.T) {
	for _, tc := range []struct {
		byte    uint32
		variant string
	}{{0b110_101_1_0, isn.VariantFreeBSD}, {0b110_000_0_0, isn.VariantFreeBSD}, {0b110_110_1_0, isn.VariantOther}, {0b111_101_1_0, isn.VariantOther}} {
		rng := rand.New(rand.NewPCG(9, uint64(tc.byte)))
		offer := isn.Some(isn.Offer{MSS: 1452, WScale: isn.Some[uint8](6), SACK: true})
		var samples []isn.Sample
		for i := range 22 {
			h, at := rng.Uint32(), int64(i)*3e8
			samples = append(samples, isn.Sample{SrcPort: isn.Some(uint16(4000 + i/2)), ClientISN: isn.Some(craft.Seq(rng.Uint32())),
				Sent: isn.Some(at), Received: isn.Some(at + 1e6), Offer: offer, ISN: isn.Some(craft.Seq(h&^0xff | (h>>24^tc.byte)&0xff))})
		}
		r := isn.Analyze(samples, isn.Options{})
		if r.Class != isn.ClassSYNCookies || r.Variant != tc.variant || r.ServerMSS.OK != (tc.variant == isn.VariantFreeBSD) {
			t.Errorf("%08b: %s %s, MSS %v; want %s", tc.byte, r.Class, r.Variant, r.ServerMSS, tc.variant)
		}
	}
}
