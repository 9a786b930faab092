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

// A clock is told though it is multiplied by an odd constant, as the first number of a
// congruential generator seeded by the time is.
func TestMultipliedClock(t *testing.T) {
	var samples []Sample
	at := int64(0)
	for i := range 30 {
		at += int64(i*i%7) * 37e6
		samples = append(samples, Sample{SrcPort: Some(uint16(40000 + i*17)), ClientISN: Some(craft.Seq(i * 77777777)), Sent: Some(at),
			Received: Some(at + 1e6), ISN: Some(craft.Seq(uint32((at+5e5)/1e6)*1103515245 + 12345))})
		at += 1e6
	}
	r := Analyze(samples, Options{})
	noted := false
	for _, f := range r.Findings {
		noted = noted || f.Code == "odd-multiple"
	}
	if c := r.Clock.Value; r.Class != ClassGlobalClock || !noted || c.Hz < 990 || c.Hz > 1010 || r.GuessesP50.Value > 10 {
		t.Errorf("%s %.3f, %v a second, %v guesses, %v", r.Class, r.Confidence, c.Hz, r.GuessesP50, r.Findings)
	}
}

// A counter for everybody below offsets of each port is told, and not said to be each port's
// own.
func TestSharedCounter(t *testing.T) {
	var samples []Sample
	at := int64(0)
	for i := range 40 {
		at += int64(i*i%7) * 37e6
		port := uint32(i * i % 5)
		samples = append(samples, Sample{SrcPort: Some(uint16(40000 + port)), ClientISN: Some(craft.Seq(i * 77777777)), Sent: Some(at),
			Received: Some(at + 1e6), ISN: Some(craft.Seq(port*port*0x9e3779b1 + 64000*uint32(i)))})
		at += 1e6
	}
	r := Analyze(samples, Options{})
	noted := false
	for _, f := range r.Findings {
		noted = noted || f.Code == "shared-counter"
	}
	if r.Class != ClassTupleRandomIncrement || !noted || r.Step != Some[int64](64000) {
		t.Errorf("%s %.3f, step %v, %v, %v", r.Class, r.Confidence, r.Step, r.Findings, r.Standings)
	}
}
