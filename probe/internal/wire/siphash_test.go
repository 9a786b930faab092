package wire

import (
	"math/rand/v2"
	"testing"

	"github.com/dchest/siphash"
)

// The example of the paper (appendix A): key 00 01 … 0f, message 00 01 … 0e.
func TestSipHashOfThePaper(t *testing.T) {
	message := make([]byte, 15)
	for i := range message {
		message[i] = byte(i)
	}
	if got := SipHash(0x0706050403020100, 0x0f0e0d0c0b0a0908, message); got != 0xa129ca6149be45e5 {
		t.Errorf("%#x", got)
	}
}

// An implementation of others gives the same of every length.
func TestSipHashIsOthers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for n := range 100 {
		message := make([]byte, n)
		for i := range message {
			message[i] = byte(random.Uint32())
		}
		k0, k1 := random.Uint64(), random.Uint64()
		if got, want := SipHash(k0, k1, message), siphash.Hash(k0, k1, message); got != want {
			t.Fatalf("%d bytes: %#x, theirs %#x", n, got, want)
		}
	}
}

// BenchmarkSipHash hashes the 14 bytes of an IPv4 probe, and has others' do the same.
func BenchmarkSipHash(b *testing.B) {
	message := make([]byte, 14)
	for name, hash := range map[string]func(k0, k1 uint64, m []byte) uint64{"ours": SipHash, "dchest": siphash.Hash} {
		b.Run(name, func(b *testing.B) {
			var sum uint64
			for b.Loop() {
				sum += hash(1, sum, message)
			}
		})
	}
}
