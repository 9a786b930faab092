package craft_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"synscope/craft"
)

// What AppendTo builds, Decode reads, bit for bit.
func TestDecodeInvertsAppendTo(t *testing.T) {
	r := newRand(t)
	var p craft.Packet
	for range 2000 {
		want := randomSegment(r)
		if err := p.Decode(mustBuild(t, want), craft.VerifyChecksums); err != nil {
			t.Fatalf("%v: %v", &want, err)
		}
		if p.Kind != craft.PacketTCP {
			t.Fatalf("kind %v", p.Kind)
		}
		if diff := cmp.Diff(want, p.Segment, sameSegment); diff != "" {
			t.Fatal(diff)
		}
	}
}

// Any one bit that flips in a TCP segment shows in a checksum, or in a field
// that no checksum covers.
func TestDecodeVerifiesEveryBit(t *testing.T) {
	uncovered := func(s *craft.Segment, i int) bool {
		if s.Src.Addr().Is4() {
			return false
		}
		return i < 4 || i == 7 // version, class, flow label; hop limit
	}
	for _, s := range []craft.Segment{synIPv4(), synIPv6()} {
		good := mustBuild(t, s)
		for bit := range len(good) * 8 {
			if uncovered(&s, bit/8) {
				continue
			}
			bad := bytes.Clone(good)
			bad[bit/8] ^= 0x80 >> (bit % 8)
			var p craft.Packet
			if err := p.Decode(bad, craft.VerifyChecksums); err == nil {
				t.Errorf("%v: bit %d flipped, and decoded as %v", &s, bit, &p.Segment)
			}
		}
	}
}

func TestDecodeTrustsChecksums(t *testing.T) {
	for _, s := range []craft.Segment{synIPv4(), synIPv6()} {
		b := mustBuild(t, s)
		b[len(b)-40+16] ^= 0xff
		var p craft.Packet
		if err := p.Decode(b, craft.VerifyChecksums); err != craft.ErrChecksum || p.Kind != craft.PacketOther {
			t.Errorf("verified: %v, %v", p.Kind, err)
		}
		if err := p.Decode(b, craft.TrustChecksums); err != nil || p.Segment.Seq != s.Seq {
			t.Errorf("trusted: %v", err)
		}
	}
}

// A packet cut anywhere is truncated; one with bytes behind it is whole.
func TestDecodeBounds(t *testing.T) {
	for _, s := range []craft.Segment{synIPv4(), synIPv6()} {
		good := mustBuild(t, s)
		var p craft.Packet
		for n := range good {
			if err := p.Decode(good[:n], craft.VerifyChecksums); err != craft.ErrTruncated {
				t.Errorf("%d bytes of %d: %v", n, len(good), err)
			}
		}
		padded := append(bytes.Clone(good), 0xde, 0xad)
		if err := p.Decode(padded, craft.VerifyChecksums); err != nil || len(p.Segment.Payload) != 0 {
			t.Errorf("with padding: payload %x, %v", p.Segment.Payload, err)
		}
	}
}

// rewriteIPv4 puts options and a payload behind the IPv4 header of b, and
// makes lengths and header checksum right.
func rewriteIPv4(b, options []byte, protocol byte, payload []byte) []byte {
	out := append(bytes.Clone(b[:20]), options...)
	out[0] = 0x40 | byte(len(out)/4)
	out[9] = protocol
	clear(out[10:12])
	binary.BigEndian.PutUint16(out[2:], uint16(len(out)+len(payload)))
	binary.BigEndian.PutUint16(out[10:], slowSum(out))
	return append(out, payload...)
}

// slowSum is RFC 1071 §1 for data of even length.
func slowSum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// rewriteIPv6 puts extension headers between the IPv6 header of b and the
// rest; first is the protocol number of extensions.
func rewriteIPv6(b []byte, first byte, extensions, payload []byte) []byte {
	out := bytes.Clone(b[:40])
	out[6] = first
	binary.BigEndian.PutUint16(out[4:], uint16(len(extensions)+len(payload)))
	return append(append(out, extensions...), payload...)
}

func TestDecodeIPv4Headers(t *testing.T) {
	syn := synIPv4()
	good := mustBuild(t, syn)
	tcp := good[20:]
	ah := append([]byte{6, 4, 0, 0}, make([]byte, 20)...)
	fragment := func(word uint16) []byte {
		b := bytes.Clone(good)
		binary.BigEndian.PutUint16(b[6:], word)
		return rewriteIPv4(b, nil, 6, tcp)
	}
	tests := []struct {
		name string
		b    []byte
		want error
	}{
		{"no options", rewriteIPv4(good, nil, 6, tcp), nil},
		{"record route", rewriteIPv4(good, []byte{7, 7, 4, 0, 0, 0, 0, 0}, 6, tcp), nil},
		{"malformed IP option", rewriteIPv4(good, []byte{7, 0, 0, 0}, 6, tcp), nil},
		{"40 bytes of options", rewriteIPv4(good, make([]byte, 40), 6, tcp), nil},
		{"AH", rewriteIPv4(good, nil, 51, append(ah, tcp...)), nil},
		{"AH cut short", rewriteIPv4(good, nil, 51, ah[:8]), craft.ErrTruncated},
		{"AH too small", rewriteIPv4(good, nil, 51, append([]byte{6, 0, 0, 0}, tcp...)), craft.ErrMalformed},
		{"reserved bit", fragment(0x8000), nil},
		{"more fragments", fragment(0x2000), craft.ErrFragment},
		{"last fragment", fragment(0x0001), craft.ErrFragment},
		{"UDP", rewriteIPv4(good, nil, 17, tcp), craft.ErrUnsupported},
		{"ICMPv6 over IPv4", rewriteIPv4(good, nil, 58, tcp), craft.ErrUnsupported},
		{"empty TCP", rewriteIPv4(good, nil, 6, nil), craft.ErrTruncated},
		{"header length 4", append([]byte{0x44}, good[1:]...), craft.ErrMalformed},
		{"version 5", append([]byte{0x55}, good[1:]...), craft.ErrMalformed},
		{"version 0", make([]byte, 60), craft.ErrMalformed},
		{"total length 0", append([]byte{0x45, 0, 0, 0}, good[4:]...), craft.ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkDecode(t, tt.b, tt.want, syn) })
	}
}

func TestDecodeIPv6Headers(t *testing.T) {
	syn := synIPv6()
	good := mustBuild(t, syn)
	tcp := good[40:]
	pad := []byte{1, 4, 0, 0, 0, 0} // PadN over the rest of a minimal header
	header := func(next byte) []byte { return append([]byte{next, 0}, pad...) }
	routing := []byte{6, 0, 4, 0, 0, 0, 0, 0}
	fragment := func(word uint16) []byte {
		return binary.BigEndian.AppendUint16([]byte{6, 0}, word)
	}
	tail := []byte{0, 0, 0, 9}
	tests := []struct {
		name string
		b    []byte
		want error
	}{
		{"hop-by-hop", rewriteIPv6(good, 0, header(6), tcp), nil},
		{"destination options", rewriteIPv6(good, 60, header(6), tcp), nil},
		{"routing", rewriteIPv6(good, 43, routing, tcp), nil},
		{"three of them", rewriteIPv6(good, 0, append(append(header(60), header(43)...), routing...), tcp), nil},
		{"16 bytes long", rewriteIPv6(good, 60, append([]byte{6, 1, 1, 12}, make([]byte, 12)...), tcp), nil},
		{"AH", rewriteIPv6(good, 51, append([]byte{6, 4}, make([]byte, 22)...), tcp), nil},
		{"atomic fragment", rewriteIPv6(good, 44, append(fragment(0), tail...), tcp), nil},
		{"first fragment", rewriteIPv6(good, 44, append(fragment(1), tail...), tcp), craft.ErrFragment},
		{"last fragment", rewriteIPv6(good, 44, append(fragment(8), tail...), tcp), craft.ErrFragment},
		{"header beyond the end", rewriteIPv6(good, 60, []byte{6, 255, 1, 4, 0, 0, 0, 0}, tcp), craft.ErrTruncated},
		{"header 8 bytes beyond", rewriteIPv6(good, 60, []byte{6, 6, 1, 4, 0, 0, 0, 0}, tcp), craft.ErrTruncated},
		{"header cut short", rewriteIPv6(good, 60, []byte{6, 0, 0}, nil), craft.ErrTruncated},
		{"no next header", rewriteIPv6(good, 59, nil, tcp), craft.ErrUnsupported},
		{"ESP", rewriteIPv6(good, 50, nil, tcp), craft.ErrUnsupported},
		{"ICMP over IPv6", rewriteIPv6(good, 1, nil, tcp), craft.ErrUnsupported},
		{"a thousand headers", rewriteIPv6(good, 60, append(bytes.Repeat(header(60), 1000), header(6)...), tcp), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { checkDecode(t, tt.b, tt.want, syn) })
	}
}

// checkDecode wants either an error, or the segment.
func checkDecode(t *testing.T, b []byte, wantErr error, want craft.Segment) {
	t.Helper()
	var p craft.Packet
	err := p.Decode(b, craft.VerifyChecksums)
	if err != wantErr {
		t.Fatalf("error %v, want %v", err, wantErr)
	}
	if err == nil && p.Segment.String() != want.String() {
		t.Errorf("got  %v\nwant %v", &p.Segment, &want)
	}
}

func TestDecodeTCPHeader(t *testing.T) {
	tests := []struct {
		name   string
		change func(tcp []byte)
		want   error
	}{
		{"data offset 4", func(tcp []byte) { tcp[12] = 0x40 }, craft.ErrMalformed},
		{"data offset beyond the end", func(tcp []byte) { tcp[12] = 0xf0 }, craft.ErrMalformed},
		{"data offset 4 bytes beyond", func(tcp []byte) { tcp[12] = 0xb0 }, craft.ErrMalformed},
		{"options as payload", func(tcp []byte) { tcp[12] = 0x50 }, nil},
	}
	for _, tt := range tests {
		b := mustBuild(t, synIPv4())
		tt.change(b[20:])
		var p craft.Packet
		if err := p.Decode(b, craft.TrustChecksums); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// A reused Packet keeps nothing of what it held.
func TestDecodeOverwrites(t *testing.T) {
	var p, fresh craft.Packet
	if err := p.Decode(mustBuild(t, synIPv6()), craft.VerifyChecksums); err != nil {
		t.Fatal(err)
	}
	bare := craft.Segment{Src: synIPv4().Src, Dst: synIPv4().Dst, Flags: craft.RST}
	for _, q := range []*craft.Packet{&p, &fresh} {
		if err := q.Decode(mustBuild(t, bare), craft.VerifyChecksums); err != nil {
			t.Fatal(err)
		}
	}
	if p.Segment.Verbose() != fresh.Segment.Verbose() || len(p.Segment.Options) != 0 {
		t.Errorf("reused %s\nfresh  %s", p.Segment.Verbose(), fresh.Segment.Verbose())
	}
}

func TestDecodeAllocations(t *testing.T) {
	bad := mustBuild(t, synIPv4())
	bad[30] ^= 1
	packets := [][]byte{mustBuild(t, synIPv4()), mustBuild(t, synIPv6()), bad, bad[:10], unreachable(t, synIPv4(), 28)}
	var p craft.Packet
	n := testing.AllocsPerRun(100, func() {
		for _, b := range packets {
			_ = p.Decode(b, craft.VerifyChecksums)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The ratio between the two is the price of checksums.
func BenchmarkDecode(b *testing.B) {
	packet := mustBuild(b, synIPv4())
	for name, mode := range map[string]craft.Checksums{"verify": craft.VerifyChecksums, "trust": craft.TrustChecksums} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var p craft.Packet
			for b.Loop() {
				if err := p.Decode(packet, mode); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A whole packet behind a fragment header says nothing of the first fragment that a
// header before it makes of it (RFC 8200 §4.5).
func TestFragmentHeadersAddUp(t *testing.T) {
	for _, first := range []string{"0600000100002000", "0600000000002000"} { // which of the two has fragments behind it
		second := "0600000000001b00"
		if first == "0600000000002000" {
			second = "0600000100001b00"
		}
		b, err := hex.DecodeString("6000000000282c4020010db800000000000000000000005020010db8000000000000000000000001" + "2c" + first[2:] + second +
			"0035e59c4138b745f429f5645260122f6d2e09000002040578")
		if err != nil {
			t.Fatal(err)
		}
		var p craft.Packet
		if err := p.Decode(b, craft.TrustChecksums); err != craft.ErrFragment {
			t.Errorf("%s, %s: %v, want %v", first, second, err, craft.ErrFragment)
		}
	}
}

// Of a first fragment the headers are read as far as they are there; of a later one
// nothing, and a whole packet is as ever.
func TestDecodeFirst(t *testing.T) {
	syn4, syn6 := synIPv4(), synIPv6()
	whole4, whole6 := mustBuild(t, syn4), mustBuild(t, syn6)
	first4 := func(word uint16, n int) []byte {
		b := bytes.Clone(whole4)
		binary.BigEndian.PutUint16(b[6:], word)
		return rewriteIPv4(b, nil, 6, whole4[20:20+n])
	}
	first6 := func(word uint16, n int) []byte {
		return rewriteIPv6(whole6, 44, []byte{6, 0, byte(word >> 8), byte(word), 0, 0, 0, 9}, whole6[40:40+n])
	}
	spoilt := first4(0x2000, 24)
	spoilt[8]++
	for _, tt := range []struct {
		name     string
		b        []byte
		fragment bool
		want     error
	}{
		{"whole", whole4, false, nil},
		{"whole, IPv6", whole6, false, nil},
		{"24 bytes", first4(0x2000, 24), true, nil},
		{"24 bytes, IPv6", first6(1, 24), true, nil},
		{"20 bytes", first4(0x2000, 20), true, nil},
		{"16 bytes", first4(0x2000, 16), true, craft.ErrTruncated},
		{"8 bytes", first4(0x2000, 8), true, craft.ErrTruncated},
		{"8 bytes, IPv6", first6(1, 8), true, craft.ErrTruncated},
		{"later", first4(0x2003, 16), false, craft.ErrFragment},
		{"last", first4(0x0003, 16), false, craft.ErrFragment},
		{"later, IPv6", first6(25, 16), false, craft.ErrFragment},
		{"IP sum wrong", spoilt, false, craft.ErrChecksum},
	} {
		var p craft.Packet
		err := p.DecodeFirst(tt.b, craft.VerifyChecksums)
		if err != tt.want || p.Fragment != tt.fragment {
			t.Errorf("%s: %v, fragment %v", tt.name, err, p.Fragment)
		}
		if s := &p.Segment; tt.fragment && s.Src != syn4.Src && s.Src != syn6.Src {
			t.Errorf("%s: from %v", tt.name, s.Src)
		}
		if s := &p.Segment; err == nil && (s.Seq != syn4.Seq && s.Seq != syn6.Seq || s.Flags != syn4.Flags && s.Flags != syn6.Flags) {
			t.Errorf("%s: %v", tt.name, s)
		}
	}
}
