package capture

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// readAll reads a file to its end, or to what is wrong with it.
func readAll(b []byte) (packets []Packet, r *Reader, err error) {
	r, err = NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, nil, err
	}
	r.Comments = true
	for {
		var p Packet
		if err := r.Next(&p); err == io.EOF {
			return packets, r, nil
		} else if err != nil {
			return packets, r, err
		}
		p.Data = bytes.Clone(p.Data)
		packets = append(packets, p)
	}
}

func TestClassic(t *testing.T) {
	a, b := syn4(t), syn6(t)
	for _, o := range byteOrders {
		for magic, want := range map[uint32]time.Duration{magicMicro: 123456 * time.Microsecond, magicNano: 123456} {
			got, r, err := readAll(classicFile(o, magic, LinkRaw, a, b))
			if err != nil || len(got) != 2 || r.Format() != "pcap" {
				t.Fatalf("%v %#x: %d packets, %v", o, magic, len(got), err)
			}
			if at := time.Unix(1001, int64(want)); !got[1].Time.Equal(at) || !bytes.Equal(got[1].Data, b) || got[1].Number != 2 {
				t.Errorf("%v %#x: %+v, want time %v", o, magic, got[1], at)
			}
		}
	}
}

func TestGzip(t *testing.T) {
	plain := classicFile(byteOrders[0], magicMicro, LinkRaw, syn4(t), syn4(t))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(plain)
	z.Close()
	if got, _, err := readAll(packed.Bytes()); err != nil || len(got) != 2 {
		t.Errorf("%d packets, %v", len(got), err)
	}
	if got, _, err := readAll(packed.Bytes()[:packed.Len()-12]); !errors.Is(err, ErrCut) {
		t.Errorf("cut: %d packets, %v", len(got), err)
	}
	broken := bytes.Clone(packed.Bytes())
	broken[len(broken)-6] ^= 1
	if _, _, err := readAll(broken); !errors.Is(err, ErrCorrupt) {
		t.Errorf("false checksum: %v", err)
	}
}

// twoPackets is a capture of two packets that bzip2 1.0.8 has packed.
const twoPackets = "425a6839314159265359533e9b61000040571fff100040420040000200200010004800140000600000a0007228d190346991a0553511069e91a69b52" +
	"34692ef4869e4b311db658d92b0eeb198784384c42b94a2c8711ba759d57d9394abca57eeb567a5b588ff177245385090533e9b610"

func TestBzip2(t *testing.T) {
	packed, err := hex.DecodeString(twoPackets)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := readAll(packed); err != nil || len(got) != 2 || !Recognises(packed) {
		t.Errorf("%d packets, %v", len(got), err)
	}
	if got, _, err := readAll(packed[:len(packed)-12]); !errors.Is(err, ErrCut) {
		t.Errorf("cut: %d packets, %v", len(got), err)
	}
	packed[len(packed)-20] ^= 1
	if _, _, err := readAll(packed); !errors.Is(err, ErrCorrupt) {
		t.Errorf("damaged: %v", err)
	}
}

func TestSectionsAndInterfaces(t *testing.T) {
	le, be := byteOrders[0], byteOrders[1]
	p := syn4(t)
	file := join(
		sectionBlock(le),
		interfaceBlock(le, LinkRaw, 0, 9, 0),
		interfaceBlock(le, LinkIPv4, 30, 6, 100),
		block(le, 0x0bad, []byte("unknown to everybody")),
		enhancedBlock(le, 0, 5_000_000_001, p, uint16(optComment), uint16(5), []byte("hello"),
			uint16(optPacketFlags), uint16(4), uint32(Outbound), uint32(0)),
		enhancedBlock(le, 1, 7_000_002, p),
		block(le, blockPacket, uint16(1), uint16(0xffff), uint32(0), uint32(3_000_000), uint32(len(p)), uint32(99), p),
		block(le, blockStatistics, uint32(0), uint64(0), uint16(optStatisticsDropped), uint16(8), uint64(4),
			uint16(optStatisticsOSDrop), uint16(8), uint64(3)),
		sectionBlock(be),
		interfaceBlock(be, LinkIPv4, 24, 0x80|20, 0),
		enhancedBlock(be, 0, 3<<20|1<<19, p),
		block(be, blockSimple, uint32(len(p)), p[:24]),
	)
	got, r, err := readAll(file)
	if err != nil || len(got) != 5 || r.Dropped() != 7 || r.Format() != "pcapng" {
		t.Fatalf("%d packets, %v", len(got), err)
	}
	want := []Packet{
		{Number: 1, Time: time.Unix(5, 1), Link: LinkRaw, Interface: 0, Direction: Outbound, Comment: "hello", Length: len(p), Data: p},
		{Number: 2, Time: time.Unix(107, 2000), Link: LinkIPv4, Interface: 1, Length: len(p), Data: p},
		{Number: 3, Time: time.Unix(103, 0), Link: LinkIPv4, Interface: 1, Length: 99, Data: p},
		{Number: 4, Time: time.Unix(3, 5e8), Link: LinkIPv4, Interface: 2, Length: len(p), Data: p},
		{Number: 5, Link: LinkIPv4, Interface: 2, Length: len(p), Data: p[:24]},
	}
	for i, w := range want {
		g := got[i]
		g.Offset = 0
		if !g.Time.Equal(w.Time) || !bytes.Equal(g.Data, w.Data) {
			t.Errorf("packet %d: %+v, want %+v", i+1, g, w)
		}
		g.Time, g.Data, w.Time, w.Data = time.Time{}, nil, time.Time{}, nil
		if g.Number != w.Number || g.Link != w.Link || g.Interface != w.Interface || g.Direction != w.Direction ||
			g.Comment != w.Comment || g.Length != w.Length {
			t.Errorf("packet %d: %+v, want %+v", i+1, g, w)
		}
	}
}

func TestResolutions(t *testing.T) {
	for _, c := range []struct {
		code    byte
		stamp   uint64
		seconds int64
		nanos   int64
	}{
		{0, 17, 17, 0},
		{3, 17_250, 17, 250e6},
		{6, 1_999_999, 1, 999_999_000},
		{9, 1_999_999_999, 1, 999_999_999},
		{12, 1_999_999_999_999, 1, 999_999_999},
		{19, 10_000_000_000_000_000_000, 1, 0},
		{0x80, 9, 9, 0},
		{0x80 | 1, 3, 1, 5e8},
		{0x80 | 63, 1<<63 | 1<<62, 1, 5e8},
	} {
		r, err := resolutionOf(c.code)
		if err != nil {
			t.Fatal(err)
		}
		if s, n := r.split(c.stamp); s != c.seconds || n != c.nanos {
			t.Errorf("%#x: %d is %d s %d ns, want %d s %d ns", c.code, c.stamp, s, n, c.seconds, c.nanos)
		}
	}
	for _, code := range []byte{20, 0x7f, 0x80 | 64} {
		if _, err := resolutionOf(code); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%#x: %v", code, err)
		}
	}
}

// TestDamage is what is wrong with files, and what is read of each before.
func TestDamage(t *testing.T) {
	o := byteOrders[0]
	p := syn4(t)
	good := classicFile(o, magicMicro, LinkRaw, p, p, p)
	huge := bytes.Clone(good)
	o.PutUint32(huge[24+2*(16+len(p))+8:], 1<<30)
	head := join(sectionBlock(o), interfaceBlock(o, LinkRaw, 0, 6, 0), enhancedBlock(o, 0, 1, p))
	unequal := join(head, enhancedBlock(o, 0, 2, p))
	unequal[len(unequal)-4] ^= 4
	overlong := join(head, enhancedBlock(o, 0, 2, p))
	o.PutUint32(overlong[len(head)+20:], 4000)
	for _, c := range []struct {
		name   string
		file   []byte
		want   error
		before int
		words  string
	}{
		{"empty", nil, ErrNotCapture, 0, "empty"},
		{"three bytes", good[:3], ErrNotCapture, 0, "less than 4 bytes"},
		{"text", []byte("#!/bin/sh\n"), ErrNotCapture, 0, "23 21 2f 62"},
		{"zstd", []byte{0x28, 0xb5, 0x2f, 0xfd, 0}, ErrNotCapture, 0, "`zstd -dc FILE | synscope read -`"},
		{"bzip2 that is none", []byte("BZh9 and then"), ErrCorrupt, 0, "unpacking"},
		{"header cut", good[:20], ErrCut, 0, "20 of 24 bytes"},
		{"record cut", good[:len(good)-1], ErrCut, 2, "packet 3, offset 136: the file is cut short: 55 of 56 bytes"},
		{"record header cut", good[:24+16+len(p)+5], ErrCut, 1, "packet 2, offset 80"},
		{"false length", huge, ErrCorrupt, 2, "packet 3, offset 136"},
		{"old version", append(append(bytes.Clone(good[:4]), 1, 0), good[6:]...), ErrNotCapture, 0, "version 1"},
		{"link type", classicFile(o, magicMicro, 147, p), ErrLinkType, 0, "unknown link type 147"},
		{"lengths differ", unequal, ErrCorrupt, 1, "packet 2, offset"},
		{"data beyond block", overlong, ErrCorrupt, 1, "4000 bytes"},
		{"unknown interface", join(head, enhancedBlock(o, 7, 2, p)), ErrCorrupt, 1, "interface 7"},
		{"block of 8 bytes", join(head, []byte{6, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0, 0}), ErrCorrupt, 1, "length 8"},
		{"section order", join(head, []byte{10, 13, 13, 10, 28, 0, 0, 0, 1, 2, 3, 4}), ErrCorrupt, 1, "01 02 03 04"},
		{"unknown block cut", join(head, block(o, 77, make([]byte, 400))[:100]), ErrCut, 1, "packet 2"},
		{"interface first", join(sectionBlock(o)[:0], interfaceBlock(o, LinkRaw, 0, 6, 0)), ErrNotCapture, 0, "01 00 00 00"},
		{"resolution", join(sectionBlock(o), interfaceBlock(o, LinkRaw, 0, 40, 0)), ErrCorrupt, 0, "10^-40"},
	} {
		got, _, err := readAll(c.file)
		var where *Error
		if !errors.Is(err, c.want) || !errors.As(err, &where) {
			t.Errorf("%s: error %v, want %v", c.name, err, c.want)
			continue
		}
		if len(got) != c.before || where.Packet != uint64(c.before+1) || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %d packets, then %q; want %d and %q", c.name, len(got), err, c.before, c.words)
		}
	}
}

// TestReadFailure keeps what is wrong with the input itself.
func TestReadFailure(t *testing.T) {
	broken := errors.New("disk on fire")
	file := classicFile(byteOrders[0], magicMicro, LinkRaw, syn4(t), syn4(t))
	r, err := NewReader(io.MultiReader(bytes.NewReader(file[:len(file)-10]), &failing{broken}))
	if err != nil {
		t.Fatal(err)
	}
	var p Packet
	if err := r.Next(&p); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := r.Next(&p); !errors.Is(err, broken) {
			t.Errorf("error %v", err)
		}
	}
}

type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// TestEveryCut reads every beginning of a file of either format: whole packets
// come out, and only a cut between records goes unnoticed.
func TestEveryCut(t *testing.T) {
	o, p := byteOrders[1], syn6(t)
	ng := join(sectionBlock(o), interfaceBlock(o, LinkRaw, 0, 9, 0), enhancedBlock(o, 0, 1, p), enhancedBlock(o, 0, 2, p))
	for _, file := range [][]byte{classicFile(o, magicNano, LinkRaw, p, p), ng} {
		whole := 0
		for n := range len(file) {
			got, _, err := readAll(file[:n])
			if err == nil {
				whole++
			} else if !errors.Is(err, ErrCut) && !errors.Is(err, ErrNotCapture) {
				t.Fatalf("%d of %d bytes: %v", n, len(file), err)
			}
			for _, g := range got {
				if !bytes.Equal(g.Data, p) {
					t.Fatalf("%d of %d bytes: packet % x", n, len(file), g.Data)
				}
			}
		}
		if whole > 3 {
			t.Errorf("%d cuts went unnoticed", whole)
		}
	}
}
