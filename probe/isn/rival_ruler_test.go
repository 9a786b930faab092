package isn

import (
	"hash/crc32"
	"math/bits"
	"testing"

	"synscope/craft"
)

// numbersOf are samples whose numbers a function of a counter makes.
func numbersOf(n int, next func(n uint32) uint32) (samples []Sample) {
	at := int64(0)
	for i := range n {
		at += int64(i*i%7) * 37e6
		samples = append(samples, Sample{SrcPort: Some(uint16(40000 + i*17)), ClientISN: Some(craft.Seq(i * 77777777)), Sent: Some(at),
			Received: Some(at + 1e6 + int64(i%3)*1e4), ISN: Some(craft.Seq(next(77 + uint32(i))))})
	}
	return samples
}

// Counters behind maps that are linear over bits are told, whatever the map, and one guess
// is enough.
func TestCountersBehindXORs(t *testing.T) {
	for name, next := range map[string]func(n uint32) uint32{
		"Gray's code": func(n uint32) uint32 { return n ^ n>>1 ^ 0x9e3779b9 },
		"CRC-32": func(n uint32) uint32 {
			return crc32.ChecksumIEEE([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)})
		},
		"reversed": func(n uint32) uint32 { return bits.Reverse32(n) },
	} {
		r := Analyze(numbersOf(24, next), Options{})
		if r.Class != ClassWeakRandom || r.GuessesP50 != Some(1.0) || r.Confidence < 0.9 {
			t.Errorf("%s: %v %q %.3f, %v guesses; %v", name, r.Class, r.Variant, r.Confidence, r.GuessesP50, r.Standings)
		}
	}
}

// Numbers that are squares, or random, are no such counter.
func TestRulerNeedsItsSequence(t *testing.T) {
	for name, next := range map[string]func(n uint32) uint32{
		"squares": func(n uint32) uint32 { return n * n * 2654435761 },
		"hashed":  func(n uint32) uint32 { n *= 0x85ebca6b; n ^= n >> 13; n *= 0xc2b2ae35; return n ^ n>>16 },
	} {
		if out, ok := detectRuler(newView(numbersOf(40, next))); ok {
			t.Errorf("%s: %s", name, out.variant)
		}
	}
}
