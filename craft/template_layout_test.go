package craft_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"synscope/craft"
)

// stamp makes a packet of a layout by hand: the fields written, the checksums
// from nothing but the layout's sums and the bytes of the fields.
func stamp(l craft.Layout, f craft.Fields) []byte {
	b := bytes.Clone(l.Packet)
	src, dst := f.Src.Addr().AsSlice(), f.Dst.Addr().AsSlice()
	tcp := b[l.IP:]
	addresses := sumWords(src) + sumWords(dst)
	if l.IP == 20 {
		binary.BigEndian.PutUint16(b[4:], f.ID)
		b[8] = f.TTL
		copy(b[12:], src)
		copy(b[16:], dst)
		sum := uint64(l.HeaderSum) + addresses + uint64(f.ID) + uint64(f.TTL)<<8
		binary.BigEndian.PutUint16(b[10:], ^foldWords(sum))
	} else {
		b[7] = f.TTL
		copy(b[8:], src)
		copy(b[24:], dst)
	}
	binary.BigEndian.PutUint16(tcp[0:], f.Src.Port())
	binary.BigEndian.PutUint16(tcp[2:], f.Dst.Port())
	binary.BigEndian.PutUint32(tcp[4:], uint32(f.Seq))
	binary.BigEndian.PutUint32(tcp[8:], uint32(f.Ack))
	fields := make([]byte, 40+4+40)
	copy(fields, tcp[:12])
	if l.TSval > 0 {
		binary.BigEndian.PutUint32(b[l.TSval:], f.TSval)
		copy(fields[40+l.TSval%2:], b[l.TSval:][:4])
	}
	binary.BigEndian.PutUint16(tcp[16:], ^foldWords(uint64(l.TCPSum)+addresses+sumWords(fields)))
	return b
}

func sumWords(b []byte) (sum uint64) {
	for i := 0; i < len(b); i += 2 {
		sum += uint64(binary.BigEndian.Uint16(b[i:]))
	}
	return sum
}

func foldWords(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// A layout is enough to make the template's packets elsewhere.
func TestLayoutAgainstTemplate(t *testing.T) {
	r := newRand(t)
	for range 2000 {
		s := randomSegment(r)
		template := mustTemplate(t, s)
		l := template.Layout()
		f := randomFields(r, s)
		if f.TTL == 0 {
			f.TTL = l.TTL
		}
		if got, want := stamp(l, f), template.AppendTo(nil, f); !bytes.Equal(got, want) {
			t.Fatalf("%v\nwith %+v\n got %x\nwant %x", &s, f, got, want)
		}
	}
}
