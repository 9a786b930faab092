package craft

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
)

// slowChecksum is RFC 1071 §1 word by word, folding after each.
func slowChecksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		word := uint32(b[i]) << 8
		if i+1 < len(b) {
			word |= uint32(b[i+1])
		}
		sum += word
		if sum > 0xffff {
			sum -= 0xffff
		}
	}
	return ^uint16(sum)
}

func TestChecksumAgainstSlow(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		b := make([]byte, r.IntN(64))
		for i := range b {
			b[i] = [...]byte{0, 0xff, byte(r.Uint32())}[r.IntN(3)]
		}
		if got, want := checksum(partialSum(b)), slowChecksum(b); got != want {
			t.Fatalf("checksum(%x) = %#x, want %#x", b, got, want)
		}
	}
}

func TestFoldOfLargestSums(t *testing.T) {
	for _, sum := range []uint64{0xffff, 0x10000, 0x1fffe, 0xffffffff, 1 << 32, 0xffffffffffffffff, 0xfffffffffffffffe} {
		if got, want := fold(sum), uint16((sum-1)%0xffff+1); got != want {
			t.Errorf("fold(%#x) = %#x, want %#x", sum, got, want)
		}
	}
	if fold(0) != 0 {
		t.Error("fold(0) is not 0")
	}
}

// The example of RFC 1624 §4, which equation 2 gets wrong.
func TestUpdateChecksumRFC1624(t *testing.T) {
	if got := updateChecksum(0xdd2f, 0x5555, 0x3285); got != 0x0000 {
		t.Errorf("updateChecksum = %#x, want 0", got)
	}
}

func TestUpdateChecksumAgainstSlow(t *testing.T) {
	edges := []uint16{0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff}
	for _, old := range edges {
		for _, fresh := range edges {
			for fixed := uint32(1); fixed < 0x10000; fixed += 251 {
				b := binary.BigEndian.AppendUint16(nil, uint16(fixed))
				before := slowChecksum(binary.BigEndian.AppendUint16(b[:2:2], old))
				after := slowChecksum(binary.BigEndian.AppendUint16(b[:2:2], fresh))
				if got := updateChecksum(before, old, fresh); got != after {
					t.Fatalf("%#x: %#x to %#x: %#x, want %#x", fixed, old, fresh, got, after)
				}
			}
		}
	}
}

func TestPseudoHeaderAgainstBytes(t *testing.T) {
	tests := []struct{ src, dst, header string }{
		{"192.0.2.1", "198.51.100.2", "\xc0\x00\x02\x01\xc6\x33\x64\x02\x00\x06\x12\x34"},
		{"2001:db8::1", "ff02::2", "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
			"\xff\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x12\x34\x00\x00\x00\x06"},
	}
	for _, tt := range tests {
		got := checksum(pseudoSum(netip.MustParseAddr(tt.src), netip.MustParseAddr(tt.dst), 6, 0x1234))
		if want := slowChecksum([]byte(tt.header)); got != want {
			t.Errorf("%s > %s: %#x, want %#x", tt.src, tt.dst, got, want)
		}
	}
}

func TestSum32AtOddOffset(t *testing.T) {
	for offset := range 4 {
		b := make([]byte, 8)
		binary.BigEndian.PutUint32(b[offset:], 0x01fe80ff)
		if got, want := checksum(sum32(0x01fe80ff, offset)), slowChecksum(b); got != want {
			t.Errorf("offset %d: %#x, want %#x", offset, got, want)
		}
	}
}
