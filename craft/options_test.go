package craft_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"synscope/craft"
)

func TestNewOptionsBytes(t *testing.T) {
	tests := []struct {
		option craft.Option
		want   string
		text   string
	}{
		{craft.EOL(), "00000000", "eol"},
		{craft.NOP(), "01000000", "nop,eol"},
		{craft.MSS(1460), "020405b4", "mss 1460"},
		{craft.WindowScale(7), "03030700", "wscale 7,eol"},
		{craft.SACKPermitted(), "04020000", "sackOK,eol"},
		{craft.SACK([2]craft.Seq{1, 0xffffffff}), "050a00000001ffffffff0000", "sack 1 {1:4294967295},eol"},
		{craft.Timestamps(1, 2), "080a00000001000000020000", "TS val 1 ecr 2,eol"},
		{craft.FastOpen(nil), "22020000", "tfo  cookiereq,eol"},
		{craft.FastOpen([]byte{1, 2, 3, 4}), "2206010203040000", "tfo  cookie 01020304,eol"},
		{craft.MPTCP([]byte{1, 1}), "1e040101", "mptcp 0x0101"},
		{craft.AccECN(craft.KindAccECN0, nil), "ac020000", "accecn0,eol"},
		{craft.AccECN(craft.KindAccECN1, []byte{1, 2, 3}), "ae05010203000000", "accecn1 0x010203,eol"},
		{craft.RawOption(99, []byte{9, 8}), "63040908", "unknown-99 0x0908"},
	}
	for _, tt := range tests {
		o := mustOptions(t, tt.option)
		if got := hex.EncodeToString(o); got != tt.want {
			t.Errorf("%v = %s, want %s", tt.option, got, tt.want)
		}
		if got := o.String(); got != tt.text {
			t.Errorf("%s reads %q, want %q", tt.want, got, tt.text)
		}
		if err := o.Malformed(); err != nil {
			t.Errorf("%s: %v", tt.text, err)
		}
	}
}

func TestNewOptionsTooLong(t *testing.T) {
	fits := []craft.Option{craft.RawOption(99, make([]byte, 36)), craft.NOP(), craft.NOP()}
	if o := mustOptions(t, fits...); len(o) != craft.MaxOptions {
		t.Errorf("%d bytes, want %d", len(o), craft.MaxOptions)
	}
	for _, list := range [][]craft.Option{
		append(fits, craft.NOP()),
		{craft.RawOption(99, make([]byte, 39))},
		{craft.RawOption(99, make([]byte, 300))},
	} {
		if _, err := craft.NewOptions(list...); !errors.Is(err, craft.ErrOptionsTooLong) {
			t.Errorf("%d options: %v", len(list), err)
		}
	}
}

func TestOptionsAccessors(t *testing.T) {
	o := mustOptions(t, craft.MSS(1400), craft.SACKPermitted(), craft.Timestamps(7, 8),
		craft.WindowScale(9), craft.FastOpen([]byte{1, 2, 3, 4}), craft.MPTCP([]byte{0x81, 1}))
	if v, ok := o.MSS(); !ok || v != 1400 {
		t.Errorf("MSS = %d, %v", v, ok)
	}
	if v, ok := o.WindowScale(); !ok || v != 9 {
		t.Errorf("WindowScale = %d, %v", v, ok)
	}
	if !o.SACKPermitted() {
		t.Error("SACKPermitted = false")
	}
	if val, ecr, ok := o.Timestamps(); !ok || val != 7 || ecr != 8 {
		t.Errorf("Timestamps = %d, %d, %v", val, ecr, ok)
	}
	if cookie, ok := o.FastOpen(); !ok || !bytes.Equal(cookie, []byte{1, 2, 3, 4}) {
		t.Errorf("FastOpen = %x, %v", cookie, ok)
	}
	if data, ok := o.MPTCP(); !ok || !bytes.Equal(data, []byte{0x81, 1}) {
		t.Errorf("MPTCP = %x, %v", data, ok)
	}
	blocks := [][2]craft.Seq{{1, 2}, {0xfffffff0, 3}}
	if got := mustOptions(t, craft.SACK(blocks...)).SACK(); !slices.Equal(got, blocks) {
		t.Errorf("SACK = %v", got)
	}
}

// A known option of a wrong length is evidence, not a value.
func TestOptionsMalformed(t *testing.T) {
	tests := []struct {
		name, wire, text, err string
	}{
		{"zero length", "0101020000000000", "nop,nop,bad 0x020000000000",
			"malformed TCP options: option 2 at byte 2: impossible length"},
		{"length one", "02010000", "bad 0x02010000",
			"malformed TCP options: option 2 at byte 0: impossible length"},
		{"beyond the end", "01010808", "nop,nop,bad 0x0808",
			"malformed TCP options: option 8 at byte 2: impossible length"},
		{"no length byte", "010101ff", "nop,nop,nop,bad 0xff",
			"malformed TCP options: option 255 at byte 3: impossible length"},
		{"short MSS", "02030501", "unknown-2 0x05,nop",
			"malformed TCP options: option 2 at byte 0: length 3"},
		{"long scale", "03040101", "unknown-3 0x0101",
			"malformed TCP options: option 3 at byte 0: length 4"},
		{"sack of no block", "05020101", "unknown-5,nop,nop",
			"malformed TCP options: option 5 at byte 0: length 2"},
		{"after EOL", "00020406", "eol,pad 0x020406", ""},
		{"EOL words early", "0000000000000000", "eol,pad 0x00000000000000", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wire, err := hex.DecodeString(tt.wire)
			if err != nil {
				t.Fatal(err)
			}
			o := craft.Options(wire)
			if got := o.String(); got != tt.text {
				t.Errorf("reads %q, want %q", got, tt.text)
			}
			message := ""
			if err := o.Malformed(); err != nil {
				message = err.Error()
				if !errors.Is(err, craft.ErrBadOptions) {
					t.Errorf("%v does not wrap ErrBadOptions", err)
				}
			}
			if message != tt.err {
				t.Errorf("Malformed: %q, want %q", message, tt.err)
			}
			if v, ok := o.MSS(); ok {
				t.Errorf("MSS = %d from malformed options", v)
			}
			back, err := craft.ParseOptions(tt.text)
			if err != nil || !bytes.Equal(back, wire) {
				t.Errorf("ParseOptions(%q) = %x, %v", tt.text, back, err)
			}
		})
	}
}

// EOL ends the list, whatever follows it.
func TestOptionsEndAtEOL(t *testing.T) {
	o := craft.Options{1, 0, 2, 4, 5, 0xb4, 4, 2}
	if v, ok := o.MSS(); ok {
		t.Errorf("MSS = %d from behind EOL", v)
	}
	var kinds []craft.OptionKind
	for opt := range o.All() {
		kinds = append(kinds, opt.Kind)
	}
	if want := []craft.OptionKind{craft.KindNOP, craft.KindEOL}; !slices.Equal(kinds, want) {
		t.Errorf("All yields %v, want %v", kinds, want)
	}
}

func TestOptionsTextRoundTrip(t *testing.T) {
	r := newRand(t)
	for range 20000 {
		o := randomOptions(r)
		back, err := craft.ParseOptions(o.String())
		if err != nil || !bytes.Equal(back, o) {
			t.Fatalf("%x reads %q, which is %x, %v", o, o, back, err)
		}
	}
}

func TestParseOptionsShortForm(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", ""},
		{"mss=1460,sack,ts,wscale=7", "mss 1460,sackOK,TS val 0 ecr 0,wscale 7,eol"},
		{"MSS=536, NOP, sackok", "mss 536,nop,sackOK,eol"},
		{"ts=5:6", "TS val 5 ecr 6,eol"},
		{"tfo", "tfo  cookiereq,eol"},
		{"tfo=0011223344556677", "tfo  cookie 0011223344556677,eol"},
		{"mptcp=0x0101", "mptcp 0x0101"},
		{"unknown-172=0x010203", "accecn0 0x010203,eol"},
		{"sack 2 {1:2}{3:4}", "sack 2 {1:2}{3:4},eol"},
	}
	for _, tt := range tests {
		o, err := craft.ParseOptions(tt.text)
		if err != nil || o.String() != tt.want {
			t.Errorf("ParseOptions(%q) = %q, %v, want %q", tt.text, o, err, tt.want)
		}
	}
}

func TestParseOptionsRejects(t *testing.T) {
	for _, text := range []string{
		"mss", "mss=65536", "mss=-1", "mss=1,", "wscale=256", "nop=1", "sack=3", "sack 2 {1:2}", "sack 1 1:2",
		"ts=1", "ts=1:4294967296", "tfo=xyz", "unknown-256", "unknown-1", "what", "mptcp=0x0", "mptcp 1 2",
		"unknown-99=0x" + "000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
	} {
		if o, err := craft.ParseOptions(text); err == nil {
			t.Errorf("ParseOptions(%q) = %q, want an error", text, o)
		}
	}
}
