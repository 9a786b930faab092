package isn

import (
	"math/bits"
	"testing"

	"synscope/craft"
)

// A counter is told whatever its bytes, halves or bits went through, and with fewer bits
// than 32.
func TestEncodedCounters(t *testing.T) {
	for _, tc := range []struct {
		name, code string
		step       uint32
		write      func(n uint32) uint32
	}{
		{"bytes", "other-byte-order", 74565, bits.ReverseBytes32},
		{"halves", "other-byte-order", 64000, func(n uint32) uint32 { return bits.RotateLeft32(n, 16) }},
		{"XORed", "xor-constant", 64000, func(n uint32) uint32 { return n ^ 0x9e3779b9 }},
		{"XORed, one", "xor-constant", 1, func(n uint32) uint32 { return n ^ 0x9e3779b9 }},
		{"24 bits", "narrow-counter", 5_000_011, func(n uint32) uint32 { return n & 0xffffff }},
	} {
		var samples []Sample
		at := int64(0)
		for i := range 30 {
			at += int64(i*i%7) * 37e6
			samples = append(samples, Sample{SrcPort: Some(uint16(40000 + i*17)), ClientISN: Some(craft.Seq(i * 77777777)), Sent: Some(at),
				Received: Some(at + 1e6 + int64(i%3)*1e4), ISN: Some(craft.Seq(tc.write(0x12345678 + uint32(i)*tc.step)))})
		}
		r := Analyze(samples, Options{})
		noted := false
		for _, f := range r.Findings {
			noted = noted || f.Code == tc.code
		}
		if r.Class != ClassGlobalStep || r.Step != Some(int64(tc.step)) || !noted {
			t.Errorf("%s: %s, step %v, %v", tc.name, r.Class, r.Step, r.Findings)
		}
	}
}
