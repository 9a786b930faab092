package isn_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"synscope/craft"
	"synscope/probe/isn"
)

// anySample draws a sample in which each field is present or not.
func anySample(rng *rand.Rand) isn.Sample {
	has := func() bool { return rng.IntN(3) > 0 }
	var s isn.Sample
	s.Series = []string{"", "same-tuple", "a, \"b\""}[rng.IntN(3)]
	if has() {
		s.Src = netip.AddrFrom4([4]byte{192, 0, 2, byte(rng.IntN(256))})
	}
	s.SrcPort = isn.Opt[uint16]{Value: 7, OK: true}
	s.ISN = isn.Some(craft.Seq(rng.Uint32() * uint32(rng.IntN(2))))
	if has() {
		sent := rng.Int64N(1 << 62)
		s.Sent, s.Received = isn.Some(sent), isn.Some(sent+rng.Int64N(1<<40))
	}
	if has() {
		s.ClientISN, s.TSVal = isn.Some(craft.Seq(rng.Uint32())), isn.Some(rng.Uint32())
	}
	if has() {
		s.SACK, s.Window, s.TTL = isn.Some(has()), isn.Some(uint16(rng.Uint32())), isn.Some(uint8(rng.Uint32()))
	}
	if has() {
		s.MSS, s.WScale = isn.Some(uint16(rng.Uint32())), isn.Some(uint8(rng.IntN(15)))
	}
	return s
}

func TestCSVReadsWhatItWrote(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		want := make([]isn.Sample, rng.IntN(8))
		for i := range want {
			want[i] = anySample(rng)
			if rng.IntN(2) == 0 {
				want[i].Offer = isn.Some(isn.Offer{MSS: uint16(rng.Uint32()), SACK: rng.IntN(2) == 0, WScale: isn.Some(uint8(rng.IntN(15)))})
			}
		}
		if len(want) > 1 { // offers are kept where they differ
			want[0].Offer, want[1].Offer = isn.Some(isn.Offer{MSS: 1}), isn.Some(isn.Offer{Timestamps: true})
		} else {
			for i := range want {
				want[i].Offer = isn.Opt[isn.Offer]{}
			}
		}
		var b bytes.Buffer
		if err := isn.WriteCSV(&b, want); err != nil {
			t.Fatal(err)
		}
		got, err := isn.ReadCSV(&b, "x.csv")
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %+v\nwant %+v", got, want)
		}
	}
}

const contract = "series,src,sport,client_isn,sent_ns,received_ns,isn,mss,wscale,sack,tsval,window,ttl\n"

func TestCSVHeaderIsTheContract(t *testing.T) {
	var b bytes.Buffer
	if err := isn.WriteCSV(&b, []isn.Sample{{ISN: isn.Some(craft.Seq(0)), Series: "s"}}); err != nil {
		t.Fatal(err)
	}
	if want := contract + "s,,,,,,0,,,,,,\n"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func TestReadCSVTakesAnyColumns(t *testing.T) {
	got, err := isn.ReadCSV(strings.NewReader("colour, ISN ,sport,sent_ns\nred,0,80,5\nblue,,81,\n"), "x")
	if err != nil {
		t.Fatal(err)
	}
	want := []isn.Sample{
		{ISN: isn.Some(craft.Seq(0)), SrcPort: isn.Some[uint16](80), Sent: isn.Some[int64](5)},
		{SrcPort: isn.Some[uint16](81)},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestReadCSVErrorsNameTheirPlace(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "host.csv: bad ISN sample file: the file is empty"},
		{"sport,ttl\n1,2\n", "line 1: column isn"},
		{"isn,isn\n", "line 1: column isn: bad ISN sample file: named twice"},
		{contract + "a,,,,,,12,,,,,,\nb,,,,,,x12,,,,,,\n", "host.csv: line 3: column isn"},
		{contract + "a,nowhere,,,,,12,,,,,,\n", "line 2: column src"},
		{contract + "a,,65536,,,,12,,,,,,\n", "line 2: column sport"},
		{contract + "a,,1,,,,12,,,maybe,,,\n", "line 2: column sack"},
		{contract + "a,,,,,,12,,,,,,\nb,,,,,", "host.csv: line 3: bad ISN sample file: 6 fields where the header names 13"},
		{contract + "a,,,nine,,,12,,,,,,\n", `line 2: column client_isn: bad ISN sample file: "nine" is no whole number from 0 to 4294967295`},
		{contract + "a,,,,1.5,,12,,,,,,\n", `line 2: column sent_ns: bad ISN sample file: "1.5" is no time`},
		{contract + "a,,,,7,5,12,,,,,,\n", "line 2: column received_ns: bad ISN sample file: before sent_ns"},
		{"isn,sport\n1,2\n\"3,4\n5,6\n", "line 3: character"},
		{"isn\n1\n2,3\n", "line 3: bad ISN sample file: 2 fields where the header names 1"},
		{"isn\n\"1\n", "line 2"},
		{"isn,syn_options\n1,magic\n", "line 2: column syn_options"},
	} {
		_, err := isn.ReadCSV(strings.NewReader(tc.text), "host.csv")
		if err == nil || !errors.Is(err, isn.ErrCSV) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: got %v, want %q", tc.text, err, tc.want)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add(contract + "s,192.0.2.1,40000,1,2,3,4,1460,7,true,9,65535,64\n")
	f.Add("isn\n0\n4294967295\n")
	f.Add("isn,sport,sent_ns\n1,2,3\n1,2,3\n5,2,9\n7,3,11\n")
	f.Fuzz(func(t *testing.T, text string) {
		samples, err := isn.ReadCSV(strings.NewReader(text), "fuzz")
		if err != nil {
			return
		}
		r := isn.Analyze(samples, isn.Options{})
		if r.Confidence < 0 || r.Confidence > 1 || (r.Class == isn.ClassUnknown) != (r.Confidence == 0) {
			t.Fatalf("%v with confidence %v", r.Class, r.Confidence)
		}
		var b bytes.Buffer
		if err := isn.WriteCSV(&b, samples); err != nil {
			t.Fatal(err)
		}
		if _, err := isn.ReadCSV(&b, "again"); err != nil {
			t.Fatal(err)
		}
	})
}
