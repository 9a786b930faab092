package craft_test

import (
	"testing"

	"synscope/craft"
)

func TestFlagsString(t *testing.T) {
	tests := []struct {
		flags craft.Flags
		want  string
	}{
		{0, "none"},
		{craft.SYN, "S"},
		{craft.SYN | craft.ACK, "S."},
		{craft.FIN | craft.ACK, "F."},
		{craft.ACK, "."},
		{craft.FIN | craft.PSH | craft.URG, "FPU"},
		{craft.SYN | craft.ECE | craft.CWR | craft.AE, "SEWe"},
		{0xff, "FSRP.UEW"},
		{0xfff, "FSRP.UEWe248"},
	}
	for _, tt := range tests {
		if got := tt.flags.String(); got != tt.want {
			t.Errorf("Flags(%#x) = %q, want %q", uint16(tt.flags), got, tt.want)
		}
	}
}

func TestFlagsRoundTrip(t *testing.T) {
	for f := craft.Flags(0); f < 1<<12; f++ {
		got, err := craft.ParseFlags(f.String())
		if err != nil || got != f {
			t.Fatalf("ParseFlags(%q) = %v, %v", f.String(), got, err)
		}
	}
}

func TestParseFlags(t *testing.T) {
	const synAck = craft.SYN | craft.ACK
	tests := []struct {
		text string
		want craft.Flags
	}{
		{"", 0}, {"none", 0}, {"NULL", 0},
		{"S.", synAck}, {"SA", synAck}, {"sa", synAck}, {"syn,ack", synAck}, {"SYN|ACK", synAck}, {"syn+A", synAck},
		{"A", craft.ACK}, {"fin,psh,urg", craft.FIN | craft.PSH | craft.URG},
		{"SEC", craft.SYN | craft.ECE | craft.CWR}, {"Se", craft.SYN | craft.AE},
		{"rst", craft.RST}, {"R", craft.RST}, {"ae", craft.AE}, {"8", 0x800},
	}
	for _, tt := range tests {
		got, err := craft.ParseFlags(tt.text)
		if err != nil || got != tt.want {
			t.Errorf("ParseFlags(%q) = %v, %v, want %v", tt.text, got, err, tt.want)
		}
	}
	for _, text := range []string{"X", "S?", "syn ack", ",", "synack", "1"} {
		if got, err := craft.ParseFlags(text); err == nil {
			t.Errorf("ParseFlags(%q) = %v, want an error", text, got)
		}
	}
}
