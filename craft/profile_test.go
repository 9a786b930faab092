package craft_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"synscope/craft"
)

// readHexLines returns one packet for each line of a file in testdata.
func readHexLines(t *testing.T, name string) [][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var packets [][]byte
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		b, err := hex.DecodeString(strings.Join(strings.Fields(line), ""))
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, b)
	}
	return packets
}

func TestLinuxProfileAgainstCapture(t *testing.T) {
	linux, err := craft.ProfileByName("linux")
	if err != nil {
		t.Fatal(err)
	}
	packets := readHexLines(t, "linux-syn.txt")
	if len(packets) != 2 {
		t.Fatalf("%d packets, want one of each IP version", len(packets))
	}
	for _, b := range packets {
		var p craft.Packet
		if err := p.Decode(b, craft.TrustChecksums); err != nil {
			t.Fatal(err)
		}
		captured := p.Segment
		tsval, _, _ := captured.Options.Timestamps()
		made := linux.SYN(captured.Src, captured.Dst, captured.Seq, 0, tsval)
		made.ID, made.FlowLabel = captured.ID, captured.FlowLabel
		if diff := cmp.Diff(captured.Verbose(), made.Verbose()); diff != "" {
			t.Error(diff)
		}
		if !bytes.Equal(withoutTCPSum(b), withoutTCPSum(mustBuild(t, made))) {
			t.Errorf("captured %x\nmade     %x", b, mustBuild(t, made))
		}
	}
}

// withoutTCPSum returns a copy of a SYN with 20 bytes of options whose TCP
// checksum is zero.
func withoutTCPSum(b []byte) []byte {
	b = bytes.Clone(b)
	clear(b[len(b)-40+16:][:2])
	return b
}

func TestProfileLayouts(t *testing.T) {
	tests := []struct {
		name, options string
		window        uint16
		ttl           uint8
	}{
		{"linux", "mss 1460,sackOK,TS val 5 ecr 0,nop,wscale 10", 64240, 64},
		{"windows", "mss 1460,nop,wscale 8,nop,nop,sackOK", 64240, 128},
		{"macos", "mss 1460,nop,wscale 6,nop,nop,TS val 5 ecr 0,sackOK,eol", 65535, 64},
		{"bsd", "mss 1460,nop,wscale 6,sackOK,TS val 5 ecr 0", 65535, 64},
		{"minimal", "mss 1460", 65535, 64},
	}
	if got := len(craft.Profiles()); got != len(tests) {
		t.Errorf("%d profiles, %d tested", got, len(tests))
	}
	src, dst := synIPv4().Src, synIPv4().Dst
	for _, tt := range tests {
		p, err := craft.ProfileByName(strings.ToUpper(tt.name))
		if err != nil {
			t.Fatal(err)
		}
		if p.Source == "" {
			t.Errorf("%s: no source noted", tt.name)
		}
		s := p.SYN(src, dst, 9, 0, 5)
		if got := s.Options.String(); got != tt.options {
			t.Errorf("%s: options %q, want %q", tt.name, got, tt.options)
		}
		if s.Window != tt.window || s.TTL != tt.ttl || !s.DF || s.Flags != craft.SYN || s.Seq != 9 {
			t.Errorf("%s: %s", tt.name, s.Verbose())
		}
		if err := s.Options.Malformed(); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestProfileFollowsMSS(t *testing.T) {
	linux, err := craft.ProfileByName("linux")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		dst    netip.AddrPort
		mss    uint16
		want   uint16
		window uint16
	}{
		{synIPv4().Dst, 0, 1460, 64240},
		{synIPv6().Dst, 0, 1440, 64800},
		{synIPv4().Dst, 65495, 65495, 65495},
		{synIPv4().Dst, 536, 536, 65392},
	}
	for _, tt := range tests {
		s := linux.SYN(tt.dst, tt.dst, 0, tt.mss, 0)
		if s.DF != tt.dst.Addr().Is4() {
			t.Errorf("%v: DF %v", tt.dst, s.DF)
		}
		if mss, _ := s.Options.MSS(); mss != tt.want || s.Window != tt.window {
			t.Errorf("mss %d: mss %d win %d, want %d and %d", tt.mss, mss, s.Window, tt.want, tt.window)
		}
	}
}

func TestProfilesAreCopies(t *testing.T) {
	craft.Profiles()[0].Layout[0] = craft.KindNOP
	if got := craft.Profiles()[0].Layout[0]; got != craft.KindMSS {
		t.Errorf("a caller's change shows: %d", got)
	}
}

func TestProfileByNameUnknown(t *testing.T) {
	_, err := craft.ProfileByName("plan9")
	if !errors.Is(err, craft.ErrNoProfile) || !strings.Contains(err.Error(), "linux, windows") {
		t.Errorf("error %v", err)
	}
}
