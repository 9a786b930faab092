package craft_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"synscope/craft"
)

// patched is what a template must produce: the segment with the fields in it,
// built from nothing.
func patched(t testing.TB, s craft.Segment, f craft.Fields) []byte {
	t.Helper()
	s.Src, s.Dst, s.Seq, s.Ack = f.Src, f.Dst, f.Seq, f.Ack
	if s.Src.Addr().Is4() {
		s.ID = f.ID
	}
	if f.TTL != 0 {
		s.TTL = f.TTL
	}
	s.Options = withTSval(s.Options, f.TSval)
	return mustBuild(t, s)
}

// withTSval returns a copy of o with another TSval.
func withTSval(o craft.Options, tsval uint32) craft.Options {
	o = append(craft.Options(nil), o...)
	if data, ok := o.Lookup(craft.KindTimestamps); ok && len(data) == 8 {
		binary.BigEndian.PutUint32(data, tsval)
	}
	return o
}

func randomFields(r *rand.Rand, like craft.Segment) craft.Fields {
	f := craft.Fields{
		Seq: craft.Seq(edge32(r)), Ack: craft.Seq(edge32(r)),
		ID: edge16(r), TTL: uint8(edge32(r)), TSval: edge32(r),
	}
	for {
		src, dst := randomAddrs(r)
		if src.Is4() == like.Src.Addr().Is4() {
			f.Src = netip.AddrPortFrom(src, edge16(r))
			f.Dst = netip.AddrPortFrom(dst, edge16(r))
			return f
		}
	}
}

func TestTemplateAgainstRebuild(t *testing.T) {
	r := newRand(t)
	for range 2000 {
		s := randomSegment(r)
		template := mustTemplate(t, s)
		for range 5 {
			f := randomFields(r, s)
			got := template.AppendTo(nil, f)
			if want := patched(t, s, f); !bytes.Equal(got, want) {
				t.Fatalf("%v\nwith %+v\n got %x\nwant %x", &s, f, got, want)
			}
			if len(got) != template.Len() {
				t.Fatalf("Len = %d, want %d", template.Len(), len(got))
			}
		}
	}
}

// Sums that end at 0x0000 or 0xffff are where incremental updates go wrong:
// all sequence numbers of one upper half are tried.
func TestTemplateThroughEveryChecksum(t *testing.T) {
	for _, s := range []craft.Segment{synIPv4(), synIPv6()} {
		template := mustTemplate(t, s)
		seen := make(map[uint16]bool)
		var buf []byte
		var p craft.Packet
		for seq := range craft.Seq(1 << 16) {
			buf = template.AppendTo(buf[:0], craft.Fields{Seq: seq, ID: uint16(seq)})
			if err := p.Decode(buf, craft.VerifyChecksums); err != nil {
				t.Fatalf("seq %d: %v", seq, err)
			}
			sum := binary.BigEndian.Uint16(buf[len(buf)-40+16:])
			if sum == 0xffff {
				t.Fatalf("seq %d: checksum 0xffff where a full sum gives 0", seq)
			}
			seen[sum] = true
		}
		if !seen[0] || len(seen) != 0xffff {
			t.Errorf("%d checksums seen, 0 among them: %v", len(seen), seen[0])
		}
	}
}

func TestTemplateDefaults(t *testing.T) {
	for _, s := range []craft.Segment{synIPv4(), synIPv6()} {
		template := mustTemplate(t, s)
		got := template.AppendTo(nil, craft.Fields{Seq: s.Seq, ID: s.ID, TSval: 1})
		if want := mustBuild(t, s); !bytes.Equal(got, want) {
			t.Errorf("\n got %x\nwant %x", got, want)
		}
	}
}

// A timestamp option of the wrong length has no TSval to patch.
func TestTemplateShortTimestamp(t *testing.T) {
	s := synIPv4()
	s.Options = craft.Options{8, 3, 0xff, 0}
	template := mustTemplate(t, s)
	got := template.AppendTo(nil, craft.Fields{Seq: s.Seq, ID: s.ID, TSval: 0x01020304})
	if want := mustBuild(t, s); !bytes.Equal(got, want) {
		t.Errorf("\n got %x\nwant %x", got, want)
	}
}

func TestTemplateRejectsWhatSegmentDoes(t *testing.T) {
	if _, err := craft.NewTemplate(craft.Segment{}); err == nil {
		t.Error("a template without addresses")
	}
}

func TestTemplateAllocations(t *testing.T) {
	template := mustTemplate(t, synIPv6())
	buf := make([]byte, 0, template.Len())
	n := testing.AllocsPerRun(100, func() { buf = template.AppendTo(buf[:0], craft.Fields{Seq: 1}) })
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// The ratio to building from nothing is what templates are for.
func BenchmarkTemplate(b *testing.B) {
	s := synIPv4()
	template := mustTemplate(b, s)
	f := craft.Fields{Src: s.Src, Dst: s.Dst}
	buf := make([]byte, 0, template.Len())
	b.Run("template", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f.Seq++
			buf = template.AppendTo(buf[:0], f)
		}
	})
	b.Run("rebuild", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.Seq++
			buf, _ = s.AppendTo(buf[:0])
		}
	})
}
