package craft_test

import (
	"bytes"
	"testing"

	"synscope/craft"
)

// FuzzDecode wants no panic, no slice beyond the input, and that what decodes
// with a right checksum is rebuilt from its own value.
func FuzzDecode(f *testing.F) {
	for _, probe := range []craft.Segment{synIPv4(), synIPv6()} {
		whole := mustBuild(f, probe)
		f.Add(whole)
		f.Add(unreachable(f, probe, len(whole)))
		f.Add(unreachable(f, probe, len(whole)-32))
		f.Add(whole[:30])
	}
	good4, good6 := mustBuild(f, synIPv4()), mustBuild(f, synIPv6())
	f.Add(rewriteIPv4(good4, []byte{7, 7, 4, 0, 0, 0, 0, 0}, 6, good4[20:]))
	f.Add(rewriteIPv4(good4, nil, 51, append(append([]byte{6, 4}, make([]byte, 22)...), good4[20:]...)))
	f.Add(rewriteIPv4(append([]byte{0x45, 0, 0, 0, 0, 0, 0x20}, good4[7:20]...), nil, 6, good4[20:44]))
	f.Add(rewriteIPv6(good6, 44, []byte{6, 0, 0, 1, 0, 0, 0, 9}, good6[40:64]))
	f.Add(rewriteIPv6(good6, 0, []byte{44, 0, 1, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 9}, good6[40:]))
	f.Fuzz(func(t *testing.T, b []byte) {
		var p, first craft.Packet
		err := p.Decode(b, craft.TrustChecksums)
		switch also := first.DecodeFirst(b, craft.TrustChecksums); {
		case also == nil && first.Fragment != (err == craft.ErrFragment), also != nil && err == nil:
			t.Errorf("%v as a whole, %v as a first fragment (%v)", err, also, first.Fragment)
		case also == nil && first.Kind == craft.PacketTCP && len(first.Segment.Options)+len(first.Segment.Payload) > len(b):
			t.Errorf("%d bytes of options and %d of payload in %d", len(first.Segment.Options), len(first.Segment.Payload), len(b))
		}
		if err != nil {
			if p.Kind != craft.PacketOther {
				t.Errorf("kind %v and %v", p.Kind, err)
			}
			return
		}
		switch p.Kind {
		case craft.PacketTCP:
			checkDecodedSegment(t, &p.Segment, len(b))
		case craft.PacketICMPError:
			checkDecodedQuote(t, &p.ICMP, len(b))
		default:
			t.Errorf("kind %v without an error", p.Kind)
		}
	})
}

func checkDecodedSegment(t *testing.T, s *craft.Segment, room int) {
	t.Helper()
	if len(s.Options)+len(s.Payload) > room {
		t.Fatalf("%d bytes of options and %d of payload in %d", len(s.Options), len(s.Payload), room)
	}
	built := mustBuild(t, *s)
	var again craft.Packet
	if err := again.Decode(built, craft.VerifyChecksums); err != nil {
		t.Fatalf("%s\nrebuilt: %v", s.Verbose(), err)
	}
	if again.Segment.Verbose() != s.Verbose() || !bytes.Equal(again.Segment.Payload, s.Payload) {
		t.Errorf("first  %s\nsecond %s", s.Verbose(), again.Segment.Verbose())
	}
	if _, err := craft.ParseSegment(s.Verbose()); err != nil {
		t.Error(err)
	}
}

func checkDecodedQuote(t *testing.T, e *craft.ICMPError, room int) {
	t.Helper()
	if q := &e.Quote; q.Len < 8 || q.Len > room || len(q.Options) > craft.MaxOptions {
		t.Errorf("%+v from %d bytes", q, room)
	}
	_, _ = e.String(), e.Quote.String()
}

// FuzzParseSegment wants that text which parses prints as text that parses to
// the same.
func FuzzParseSegment(f *testing.F) {
	for _, s := range []craft.Segment{synIPv4(), synIPv6()} {
		f.Add(s.String())
		f.Add(s.Verbose())
	}
	f.Add("12:00:00.1 IP (tos 0x0, ttl 64, id 1, flags [DF]) 1.2.3.4.5 > 6.7.8.9.10: Flags [P.], cksum 0x1 (correct), seq 1:3, ack 2, win 3, urg 4, length 2: x")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := craft.ParseSegment(text)
		if err != nil {
			return
		}
		again, err := craft.ParseSegment(s.Verbose())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := again.Verbose(), s.Verbose(); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	})
}

// FuzzParseOptions wants the same of options, and of bytes taken for options
// that nothing of them is lost in text.
func FuzzParseOptions(f *testing.F) {
	for _, text := range []string{
		"mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7", "mss=1460,sack,ts,wscale=7", "sack 2 {1:2}{3:4}",
		"tfo  cookie 01020304,eol,pad 0x01", "mptcp 0x0101,accecn0 0x010203,unknown-99,bad 0x02",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		checkOptions(t, wholeWords(text))
		o, err := craft.ParseOptions(text)
		if err == nil {
			checkOptions(t, o)
		}
	})
}

// wholeWords takes the bytes of text for options.
func wholeWords(text string) craft.Options {
	n := min(len(text), craft.MaxOptions)
	return craft.Options(text[:n-n%4])
}

func checkOptions(t *testing.T, o craft.Options) {
	t.Helper()
	if len(o) > craft.MaxOptions || len(o)%4 != 0 {
		t.Fatalf("%d bytes", len(o))
	}
	back, err := craft.ParseOptions(o.String())
	if err != nil || !bytes.Equal(back, o) {
		t.Errorf("%x reads %q, which is %x, %v", o, o, back, err)
	}
	n := 0
	for opt := range o.All() {
		n += 1 + len(opt.Data)
	}
	if n > len(o) {
		t.Errorf("%x: options of %d bytes", o, n)
	}
}

// FuzzParseFlags wants that flags which parse print as flags that parse to the
// same.
func FuzzParseFlags(f *testing.F) {
	for _, text := range []string{"S.", "SA", "syn,ack", "none", "FPU", "FSRP.UEWe248", "fin|psh+urg"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		flags, err := craft.ParseFlags(text)
		if err != nil {
			return
		}
		if again, err := craft.ParseFlags(flags.String()); err != nil || again != flags {
			t.Errorf("%q is %v, which is %v, %v", text, flags, again, err)
		}
	})
}
