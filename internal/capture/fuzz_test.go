package capture

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"synscope/craft"
)

// FuzzReader reads anything: no panic, packets numbered one after the other
// inside the file, and one error that says where.
func FuzzReader(f *testing.F) {
	o, p := byteOrders[0], syn4(f)
	f.Add(classicFile(o, magicMicro, LinkRaw, p, p))
	f.Add(classicFile(byteOrders[1], magicNano, LinkSLL2, p))
	f.Add(join(sectionBlock(o), interfaceBlock(o, LinkRaw, 30, 0x80|20, -5), enhancedBlock(o, 0, 1, p,
		uint16(optComment), uint16(2), []byte("hi")), block(o, blockSimple, uint32(len(p)), p[:30]), sectionBlock(byteOrders[1])))
	f.Add(join(sectionBlock(o), block(o, 99, []byte("skip me")), block(o, blockStatistics, uint32(0), uint64(0))))
	f.Fuzz(func(t *testing.T, file []byte) {
		if packed(file) {
			return // a small file may unpack into a huge one
		}
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			mustTellWhere(t, err)
			return
		}
		var p Packet
		var decoded craft.Packet
		for n := uint64(1); ; n++ {
			if err := r.Next(&p); err != nil {
				mustTellWhere(t, err)
				return
			}
			if p.Number != n || p.Offset < 0 || p.Offset+int64(len(p.Data)) > int64(len(file)) {
				t.Fatalf("packet %d: %+v in a file of %d bytes", n, p, len(file))
			}
			if ip, err := p.Strip(); err == nil {
				decoded.Decode(ip, craft.TrustChecksums)
			}
		}
	})
}

func mustTellWhere(t *testing.T, err error) {
	t.Helper()
	var where *Error
	if err != io.EOF && !errors.As(err, &where) {
		t.Fatalf("error %v does not tell where", err)
	}
}

// FuzzStrip takes the link layer off anything.
func FuzzStrip(f *testing.F) {
	for link := range links {
		f.Add(uint16(link), syn4(f))
	}
	f.Fuzz(func(t *testing.T, link uint16, data []byte) {
		p := Packet{Link: LinkType(link), Data: data}
		if ip, err := p.Strip(); err == nil && (len(ip) == 0 || ip[0]>>4 != 4 && ip[0]>>4 != 6) {
			t.Fatalf("% x is no IP packet", ip)
		}
	})
}

// FuzzWriter writes a packet with any comment and reads it back.
func FuzzWriter(f *testing.F) {
	f.Add([]byte{0x45}, "open (syn-ack)", int64(1), uint8(1))
	f.Add(syn4(f), "", int64(1<<62), uint8(0))
	f.Fuzz(func(t *testing.T, data []byte, comment string, stamp int64, direction uint8) {
		if stamp < 0 || len(data) > maxPacket {
			return
		}
		p := Packet{Time: stampOf(stamp), Data: data, Comment: comment, Direction: Direction(direction % 3)}
		var file bytes.Buffer
		w, err := NewWriter(&file, "", comment)
		if err == nil {
			err = errors.Join(w.Write(&p), w.Close(p.Time, p.Time, 0))
		}
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := readAll(file.Bytes())
		if err != nil || len(got) != 1 {
			t.Fatalf("%d packets, %v", len(got), err)
		}
		if g := got[0]; !g.Time.Equal(p.Time) || !bytes.Equal(g.Data, data) || g.Direction != p.Direction || g.Comment != cleaned(comment) {
			t.Fatalf("%+v, want %+v", g, p)
		}
	})
}
