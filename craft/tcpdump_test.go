package craft_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"synscope/craft"
)

const agreementPackets = 1000

// peer runs a program over packets given to it as a capture on its standard
// input, and returns what it prints. Without the program the test is skipped.
func peer(t *testing.T, packets [][]byte, program string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("no %s to agree with", program)
	}
	var capture, stderr bytes.Buffer
	w := pcapgo.NewWriter(&capture)
	if err := w.WriteFileHeader(65535, layers.LinkTypeRaw); err != nil {
		t.Fatal(err)
	}
	for _, b := range packets {
		info := gopacket.CaptureInfo{Timestamp: time.Unix(0, 0), CaptureLength: len(b), Length: len(b)}
		if err := w.WritePacket(info, b); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin, cmd.Stderr = &capture, &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		t.Fatalf("%s: %v\n%s", program, err, &stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// tcpdump returns one element for each packet; continuation lines, which are
// indented, belong to the packet before.
func tcpdump(t *testing.T, packets [][]byte, args ...string) []string {
	t.Helper()
	out := peer(t, packets, "tcpdump", append([]string{"-nn", "-S", "-t", "-r", "-"}, args...)...)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\nIP")
	if len(lines) != len(packets) {
		t.Fatalf("%d lines for %d packets", len(lines), len(packets))
	}
	for i := range lines[1:] {
		lines[i+1] = "IP" + lines[i+1]
	}
	return lines
}

// plainSegments yields segments whose text is meant to be tcpdump's own: only
// what tcpdump 4.99 names, and ports that it takes for no application's.
func plainSegments(t *testing.T) []craft.Segment {
	t.Helper()
	r := newRand(t)
	list := make([]craft.Segment, agreementPackets)
	for i := range list {
		s := tameSegment(randomSegment(r))
		s.Options = wellFormedOptions(r, func(opt craft.Option) bool {
			switch opt.Kind {
			case craft.KindMPTCP, craft.KindAccECN0, craft.KindAccECN1:
				return false
			}
			return true
		})
		list[i] = s
	}
	return list
}

func tameSegment(s craft.Segment) craft.Segment {
	s.Src = netip.AddrPortFrom(s.Src.Addr(), 50001)
	s.Dst = netip.AddrPortFrom(s.Dst.Addr(), 50002)
	s.Flags &= 0xff
	if !s.Flags.Has(craft.ACK) {
		s.Ack = 0
	}
	if !s.Flags.Has(craft.URG) {
		s.Urgent = 0
	}
	clear(s.Payload)
	return s
}

func build(t *testing.T, list []craft.Segment) [][]byte {
	t.Helper()
	packets := make([][]byte, len(list))
	for i, s := range list {
		packets[i] = mustBuild(t, s)
	}
	return packets
}

func TestStringAgreesWithTcpdump(t *testing.T) {
	list := plainSegments(t)
	for i, line := range tcpdump(t, build(t, list)) {
		s := &list[i]
		want := s.String()
		if len(s.Payload) == 0 && s.Flags&(craft.SYN|craft.FIN|craft.RST) == 0 {
			_, after, _ := strings.Cut(want, ", seq ")
			_, after, _ = strings.Cut(after, ", ")
			want = want[:strings.Index(want, ", seq ")+2] + after
		}
		if line != want {
			t.Fatalf("tcpdump %s\nours    %s", line, want)
		}
	}
}

func TestParseSegmentAgreesWithTcpdump(t *testing.T) {
	list := plainSegments(t)
	for i, line := range tcpdump(t, build(t, list), "-vv") {
		got, err := craft.ParseSegment(line)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(list[i], got, sameSegment); diff != "" {
			t.Fatalf("%s\n%s", line, diff)
		}
	}
}

func TestVerboseAgreesWithTcpdump(t *testing.T) {
	list := plainSegments(t)
	for i, line := range tcpdump(t, build(t, list), "-vv") {
		before, rest, _ := strings.Cut(line, ", cksum 0x")
		_, rest, _ = strings.Cut(rest, ", ")
		got, _, _ := strings.Cut(before+", "+rest, " [RST")
		if want := list[i].Verbose(); got != want {
			t.Fatalf("tcpdump %s\nours    %s", got, want)
		}
	}
}

// Every checksum is judged by a peer, those of templates and of bits that
// gopacket cannot set included.
func TestChecksumsAgreeWithTcpdump(t *testing.T) {
	r := newRand(t)
	var packets [][]byte
	for range agreementPackets {
		s := randomSegment(r)
		template := mustTemplate(t, s)
		packets = append(packets, mustBuild(t, s), template.AppendTo(nil, randomFields(r, s)))
	}
	out := peer(t, packets, "tcpdump", "-nn", "-S", "-t", "-vv", "-r", "-")
	if got := strings.Count(out, "(correct)"); got != len(packets) {
		t.Errorf("%d of %d TCP checksums correct", got, len(packets))
	}
	for _, bad := range []string{"incorrect", "bad cksum"} {
		if i := strings.Index(out, bad); i >= 0 {
			t.Errorf("%s: %s", bad, out[max(0, i-300):min(len(out), i+300)])
		}
	}
}

// tshark sees all twelve flag bits; tcpdump 4.99 does not.
func TestFlagsAgreeWithTshark(t *testing.T) {
	var packets [][]byte
	var want strings.Builder
	for f := craft.Flags(0); f < 1<<12; f += 7 {
		s := synIPv4()
		if f%2 == 0 {
			s = synIPv6()
		}
		s.Flags = f
		packets = append(packets, mustBuild(t, s))
		fmt.Fprintf(&want, "0x%04x\t1\n", uint16(f))
	}
	got := peer(t, packets, "tshark", "-r", "-", "-o", "tcp.check_checksum:TRUE",
		"-T", "fields", "-e", "tcp.flags", "-e", "tcp.checksum.status")
	if diff := cmp.Diff(want.String(), got); diff != "" {
		t.Error(diff)
	}
}

func TestICMPStringAgreesWithTcpdump(t *testing.T) {
	var packets [][]byte
	for _, probe := range []craft.Segment{synIPv4(), synIPv6()} {
		for _, m := range namedICMP(probe.Src.Addr().Is4()) {
			m.body = mustBuild(t, probe)
			packets = append(packets, m.packet(t, probe))
		}
	}
	for i, line := range tcpdump(t, packets) {
		var p craft.Packet
		if err := p.Decode(packets[i], craft.VerifyChecksums); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if got := p.ICMP.String(); got != line {
			t.Errorf("tcpdump %s\nours    %s", line, got)
		}
	}
}

// namedICMP lists the errors for which tcpdump has words.
func namedICMP(isIPv4 bool) []icmpMessage {
	var list []icmpMessage
	add := func(typ byte, codes ...byte) {
		for _, code := range codes {
			list = append(list, icmpMessage{typ: typ, code: code, rest: 0x00000500})
		}
	}
	if isIPv4 {
		add(3, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
		add(4, 0)
		add(5, 0, 1, 2, 3, 4)
		add(11, 0, 1, 2)
		add(12, 0, 1, 2)
		return list
	}
	add(1, 0, 1, 2, 3, 4)
	add(2, 0)
	add(3, 0, 1, 2)
	add(4, 0, 1, 2, 3)
	return list
}
