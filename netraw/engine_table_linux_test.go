package netraw

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/internal/lab"
)

// answerCase is a packet that arrives, made of a right answer to a probe, and
// whether it is one still.
type answerCase struct {
	name   string
	change func(packet []byte) []byte
	flags  craft.Flags
	taken  bool
	reason string // what the xdp engine counts a rejection under; "" for none
}

const (
	synAck = craft.SYN | craft.ACK
	rstAck = craft.RST | craft.ACK
)

// answerCases are for one IP version. The bytes of what changes are those of RFC
// 791, RFC 8200 and RFC 9293.
func answerCases(four bool) []answerCase {
	ihl := 40
	if four {
		ihl = 20
	}
	set := func(at int, values ...byte) func([]byte) []byte {
		return func(p []byte) []byte { copy(p[at:], values); return p }
	}
	flip := func(at int) func([]byte) []byte {
		return func(p []byte) []byte { p[at] ^= 0x40; return p }
	}
	cases := []answerCase{
		{"SYN-ACK", same, synAck, true, ""},
		{"RST", same, rstAck, true, ""},
		{"SYN-ACK with FIN", same, synAck | craft.FIN, true, ""},
		{"SYN-ACK with ECE", same, synAck | craft.ECE, true, ""},
		{"options", tcpOptions(40), synAck, true, ""},
		{"an odd payload", payload(7), synAck, true, ""},
		{"a payload beyond the short record", payload(401), rstAck, true, ""},
		{"a payload of a whole frame", payload(1400), rstAck, true, ""},
		{"padding behind the packet", func(p []byte) []byte { return append(p, 9, 9, 9, 9, 9) }, synAck, true, ""},
		{"TCP sum wrong", flip(ihl + 16), synAck, false, "bad-checksum"},
		{"TCP sum wrong, RST", flip(ihl + 17), rstAck, false, "bad-checksum"},
		{"window changed under the sum", flip(ihl + 14), synAck, false, "bad-checksum"},
		{"payload changed under the sum", func(p []byte) []byte { p = payload(401)(p); p[len(p)-1] ^= 1; return p }, rstAck, false, "bad-checksum"},
		{"sum of zero", set(ihl+16, 0, 0), synAck, false, "bad-checksum"},
		{"another acknowledgment", func(p []byte) []byte { p[ihl+11] ^= 1; return resum(p) }, synAck, false, "bad-ack"},
		{"TCP header too short", func(p []byte) []byte { p[ihl+12] = 0x40; return resum(p) }, synAck, false, "malformed"},
		{"TCP header beyond the packet", func(p []byte) []byte { p[ihl+12] = 0xf0; return resum(p) }, synAck, false, "malformed"},
		{"cut short", func(p []byte) []byte { p = resum(payload(60)(p)); return p[:len(p)-20] }, synAck, false, "truncated"},
	}
	if four {
		return append(cases, []answerCase{
			{"IP options", ipOptions, synAck, true, ""},
			{"IP sum wrong", flip(10), synAck, false, "bad-checksum"},
			{"TTL changed under the sum", flip(8), synAck, false, "bad-checksum"},
			{"first fragment", func(p []byte) []byte { p[6] = 0x20; return resum(p) }, synAck, true, ""},
			{"first fragment of 24 bytes, RST", fragment(24), rstAck, true, ""},
			{"first fragment that ends in the options", func(p []byte) []byte { return fragment(32)(tcpOptions(40)(p)) }, synAck, true, ""},
			{"first fragment without the flags", fragment(8), synAck, false, ""},
			{"first fragment, IP sum wrong", func(p []byte) []byte { p = fragment(24)(p); p[8] ^= 1; return p }, synAck, false, "bad-checksum"},
			{"first fragment that acknowledges something else", func(p []byte) []byte { p[31] ^= 1; return fragment(24)(p) }, synAck, false, "fragment"},
			{"first fragment with an unverifiable RST", fragment(24), craft.RST, false, "fragment"},
			{"first fragment, length below the headers", func(p []byte) []byte { p = fragment(24)(p); p[3] = 30; return headerSum(p, 20) }, synAck, false, "fragment"},
			{"later fragment", func(p []byte) []byte { p[6], p[7] = 0, 9; return resum(p) }, synAck, false, ""},
			{"the reserved flag", func(p []byte) []byte { p[6] |= 0x80; return resum(p) }, synAck, true, ""},
			{"40 bytes of IP options", func(p []byte) []byte {
				for range 10 {
					p = slices.Insert(p, 20, 1, 1, 1, 1)
				}
				p[0] = 0x4f
				return resum(relength(p))
			}, synAck, true, ""},
			{"IHL below 5", func(p []byte) []byte { p[0] = 0x44; return headerSum(p, 16) }, synAck, false, ""},
			{"IHL of zero", func(p []byte) []byte { p[0] = 0x40; return p }, synAck, false, ""},
			{"IHL beyond the packet", func(p []byte) []byte { p[0] = 0x4f; return p }, synAck, false, ""},
			{"version 5", func(p []byte) []byte { p[0] = 0x55; return headerSum(p, 20) }, synAck, false, ""},
			{"version 6", func(p []byte) []byte { p[0] = 0x65; return headerSum(p, 20) }, synAck, false, ""},
			{"length below the headers", func(p []byte) []byte { p[2], p[3] = 0, 30; return resum(p) }, synAck, false, "malformed"},
			{"length of zero", func(p []byte) []byte { p[2], p[3] = 0, 0; return resum(p) }, synAck, false, "malformed"},
			{"length beyond the frame", func(p []byte) []byte { p[2], p[3] = 0, 200; return resum(p) }, synAck, false, "truncated"},
			{"length of a jumbo frame", func(p []byte) []byte { p[2], p[3] = 0x23, 0x28; return resum(p) }, synAck, false, "truncated"},
			{"authentication header", authentication(2), synAck, true, ""},
			{"authentication header of 12 bytes", authentication(1), synAck, true, ""},
			{"authentication header of 8 bytes", authentication(0), synAck, false, ""},
			{"authentication header beyond the packet", func(p []byte) []byte { p = authentication(2)(p); p[21] = 100; return p }, synAck, false, ""},
			{"UDP", func(p []byte) []byte { p[9] = 17; return resum(p) }, synAck, false, ""},
		}...)
	}
	return append(cases, []answerCase{
		{"hop-by-hop", extension(0, 1, 4, 0, 0, 0, 0), synAck, true, ""},
		{"destination options, RST", extension(60, 1, 4, 0, 0, 0, 0), rstAck, true, ""},
		{"routing header used up", extension(43, 0, 0, 0, 0, 0, 0), synAck, true, ""},
		{"atomic fragment", extension(44, 0, 0, 0, 0, 0, 7), synAck, true, ""},
		{"two headers", func(p []byte) []byte {
			return extension(0, 1, 4, 0, 0, 0, 0)(extension(60, 1, 4, 0, 0, 0, 0)(p))
		}, synAck, true, ""},
		{"sum wrong behind a header", func(p []byte) []byte { p = extension(60, 1, 4, 0, 0, 0, 0)(p); p[len(p)-4] ^= 1; return p }, synAck, false, "bad-checksum"},
		{"first fragment", extension(44, 0, 0, 1, 0, 0, 7), synAck, true, ""},
		{"first fragment of 24 bytes, RST", func(p []byte) []byte { return extension(44, 0, 0, 1, 0, 0, 7)(payload(4)(p)) }, rstAck, true, ""},
		{"first fragment that acknowledges something else", func(p []byte) []byte { p[51] ^= 1; return extension(44, 0, 0, 1, 0, 0, 7)(p) }, synAck, false, "fragment"},
		{"first fragment with an unverifiable RST", extension(44, 0, 0, 1, 0, 0, 7), craft.RST, false, "fragment"},
		{"later fragment", extension(44, 0, 0, 8, 0, 0, 7), synAck, false, ""},
		{"no next header", extension(60, 1, 4, 0, 0, 0, 0, 59), synAck, false, ""},
		{"hop-by-hop where it must not be", func(p []byte) []byte { // RFC 8200 §4.1; our number proves the answer all the same
			return extension(60, 1, 4, 0, 0, 0, 0)(extension(0, 1, 4, 0, 0, 0, 0)(p))
		}, synAck, true, ""},
		{"hop-by-hop beyond the packet", func(p []byte) []byte { p = extension(0, 1, 4, 0, 0, 0, 0)(p); p[41] = 200; return p }, synAck, false, ""},
		{"hop-by-hop into the segment", func(p []byte) []byte { p = extension(0, 1, 4, 0, 0, 0, 0)(p); p[41] = 1; return p }, synAck, false, ""},
		{"an option beyond its header", extension(0, 1, 200, 0, 0, 0, 0), synAck, true, ""},
		{"routing header with segments left", extension(43, 0, 1, 0, 0, 0, 0), synAck, true, ""},
		{"mobility header", extension(135, 0, 0, 0, 0, 0, 0), synAck, true, ""},
		{"shim6 header", extension(140, 0, 0, 0, 0, 0, 0), synAck, true, ""},
		{"ESP", extension(50, 0, 0, 0, 0, 0, 0), synAck, false, ""},
		{"twenty-seven headers", func(p []byte) []byte {
			for range 27 {
				p = extension(60, 1, 4, 0, 0, 0, 0)(p)
			}
			return p
		}, synAck, true, ""},
		{"reserved bits of a fragment header", func(p []byte) []byte { p = extension(44, 0, 0, 0, 0, 0, 7)(p); p[43] |= 6; return p }, synAck, true, ""},
		{"an atomic fragment in a first one", func(p []byte) []byte {
			return extension(44, 0, 0, 1, 0, 0, 7)(extension(44, 0, 0, 0, 0, 0, 7)(p))
		}, synAck, true, ""},
		{"a first fragment in an atomic one", func(p []byte) []byte {
			return extension(44, 0, 0, 0, 0, 0, 7)(extension(44, 0, 0, 1, 0, 0, 7)(p))
		}, synAck, true, ""},
		{"authentication header", authentication(2), synAck, true, ""},
		{"authentication header of 32 bytes", authentication(6), synAck, true, ""},
		{"authentication header of 8 bytes", authentication(0), synAck, false, ""},
		{"authentication header of 12 bytes", authentication(1), synAck, false, ""},
		{"authentication header beyond the packet", func(p []byte) []byte { p = authentication(2)(p); p[41] = 100; return p }, synAck, false, ""},
		{"version 4", func(p []byte) []byte { p[0] = 0x40; return p }, synAck, false, ""},
		{"version 5", func(p []byte) []byte { p[0] = 0x50; return p }, synAck, false, ""},
		{"length below the headers", func(p []byte) []byte { p[4], p[5] = 0, 10; return p }, synAck, false, "malformed"},
		{"length of zero, as of a jumbogram", func(p []byte) []byte { p = extension(0, 0xc2, 4, 0, 0, 0, 20)(p); p[4], p[5] = 0, 0; return p }, synAck, false, ""},
		{"length beyond the frame", func(p []byte) []byte { p[4], p[5] = 0, 200; return p }, synAck, false, "truncated"},
		{"UDP", func(p []byte) []byte { p[6] = 17; return p }, synAck, false, ""},
	}...)
}

func same(p []byte) []byte { return p }

// tcpOptions puts so many bytes of NOPs behind the header.
func tcpOptions(n int) func([]byte) []byte {
	return func(p []byte) []byte {
		at := transport(p) + 20
		p = slices.Insert(p, at, slices.Repeat([]byte{1}, n)...)
		p[at-20+12] = byte(5+n/4) << 4
		return resum(relength(p))
	}
}

func payload(n int) func([]byte) []byte {
	return func(p []byte) []byte {
		for i := range n {
			p = append(p, byte(i))
		}
		return resum(relength(p))
	}
}

func ipOptions(p []byte) []byte {
	p = slices.Insert(p, 20, 1, 1, 1, 0)
	p[0] = 0x46
	return resum(relength(p))
}

// fragment keeps the first n bytes behind the IPv4 header, as of several fragments.
func fragment(n int) func([]byte) []byte {
	return func(p []byte) []byte {
		p = relength(p[:20+n])
		p[6] = 0x20
		return headerSum(p, 20)
	}
}

// extension puts a header of 8 bytes behind the IPv6 header: its body from the
// third byte on, and then what it says comes next, if that is not the truth.
func extension(kind byte, body ...byte) func([]byte) []byte {
	return func(p []byte) []byte {
		header := append([]byte{p[6], 0}, body[:6]...)
		if len(body) > 6 {
			header[0] = body[6]
		}
		if kind == 44 {
			header = append(header[:2:2], 0, body[2], 0, 0, 0, 7) // RFC 8200 §4.5
		}
		p[6] = kind
		return relength(slices.Insert(p, 40, header[:8]...))
	}
}

// authentication puts a header (RFC 4302 §2) with that in its length field behind the
// IP header: words of 4 bytes less 2.
func authentication(length byte) func([]byte) []byte {
	return func(p []byte) []byte {
		at, place := 40, 6
		if p[0]>>4 == 4 {
			at, place = 20, 9
		}
		header := make([]byte, (int(length)+2)*4)
		header[0], header[1] = p[place], length
		p[place] = 51
		p = relength(slices.Insert(p, at, header...))
		if at == 20 {
			return headerSum(p, at) // the segment's sum is right as it is
		}
		return p
	}
}

func transport(p []byte) int {
	if p[0]>>4 == 4 {
		return int(p[0]&15) * 4
	}
	return 40
}

func relength(p []byte) []byte {
	if p[0]>>4 == 4 {
		binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	} else {
		binary.BigEndian.PutUint16(p[4:], uint16(len(p)-40))
	}
	return p
}

// resum computes the sums of a packet without extension headers anew, slowly.
func resum(p []byte) []byte {
	at := transport(p)
	protocol, sum := p[6], uint32(len(p)-at)
	if p[0]>>4 == 4 {
		protocol = p[9]
		headerSum(p, at)
		sum = addSlowly(sum, p[12:20])
	} else {
		sum = addSlowly(sum, p[8:40])
	}
	sum += uint32(protocol)
	place := at + 16
	if protocol != protoTCP {
		place = at + 2
	}
	if protocol == protoICMP {
		sum = 0
	}
	binary.BigEndian.PutUint16(p[place:], 0)
	binary.BigEndian.PutUint16(p[place:], foldSlowly(addSlowly(sum, p[at:])))
	return p
}

// headerSum computes that of an IPv4 header of n bytes anew.
func headerSum(p []byte, n int) []byte {
	binary.BigEndian.PutUint16(p[10:], 0)
	binary.BigEndian.PutUint16(p[10:], foldSlowly(addSlowly(0, p[:n])))
	return p
}

func addSlowly(sum uint32, b []byte) uint32 {
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i]) << 8
		if i+1 < len(b) {
			sum += uint32(b[i+1])
		}
	}
	return sum
}

func foldSlowly(sum uint32) uint16 {
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// One table of what arrives goes through every engine, on the wire, and each
// gives the same answer.
func TestEnginesAgreeOnAnswers(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	onEngines(t, answerCases, func(t *testing.T, at *probed, row answerCase) {
		right := segmentBytes(t, craft.Segment{Src: at.dst, Dst: at.src, Seq: 77, Ack: at.seq.Add(1), Flags: row.flags})
		before, passed := rejections(at.c), matched(at.c)
		taken := at.p.delivers(t, at.c, func() { at.p.throw(row.change(right), at.four) }, acknowledges(at.seq.Add(1)))
		if taken != row.taken {
			t.Errorf("IPv4 %v, %s: taken is %v, want %v", at.four, row.name, taken, row.taken)
		}
		if at.engine == "xdp" {
			row.counted(t, at, before, passed)
		}
	})
}

// counted holds what the program has counted of a row against what there was before.
func (row *answerCase) counted(t *testing.T, at *probed, before map[string]uint64, passed uint64) {
	want := passed + 1 // the mark is one
	if row.taken {
		want++
	}
	for deadline := time.Now().Add(time.Minute); matched(at.c) < want && time.Now().Before(deadline); {
		runtime.Gosched() // it is counted a moment after it was handed over
	}
	if n := matched(at.c); n != want {
		t.Errorf("IPv4 %v, %s: %d passed by the program beside the mark, want it to be %v", at.four, row.name, n-passed-1, row.taken)
	}
	if row.reason != "" {
		before[row.reason]++
	}
	for reason, n := range rejections(at.c) {
		if n != before[reason] {
			t.Errorf("IPv4 %v, %s: %d counted as %s, want %d", at.four, row.name, n, reason, before[reason])
		}
	}
}

func rejections(c wideEngine) map[string]uint64 {
	if x, ok := c.(*XDPConn); ok {
		return x.Rejected()
	}
	return nil
}

// matched is how many answers the xdp program has let pass.
func matched(c wideEngine) uint64 {
	if x, ok := c.(*XDPConn); ok {
		return x.in.counters()[countMatched]
	}
	return 0
}

// rawAsWide is a Conn where an engine is wanted; it does not blast.
type rawAsWide struct{ *Conn }

func (rawAsWide) Blast([]craft.Fields) (int, error) { return 0, errors.ErrUnsupported }
func (rawAsWide) AnswersResets() bool               { return false }

// acknowledges reports whether a packet of the far end acknowledges ack.
func acknowledges(ack craft.Seq) func(*craft.Packet) bool {
	return func(p *craft.Packet) bool {
		return p.Kind == craft.PacketTCP && p.Segment.Ack == ack && (p.Segment.Flags.Has(craft.ACK) || !p.Fragment) &&
			!p.Segment.Src.Addr().IsUnspecified() && p.Segment.Src.Addr() != our4 && p.Segment.Src.Addr() != our6
	}
}

// delivers throws a packet, and after it a right answer from another port: when
// that has come, it tells whether one came before that stands up to craft's reading
// and is what was meant.
func (p *peer) delivers(t *testing.T, c wideEngine, throw func(), meant func(*craft.Packet) bool) (taken bool) {
	t.Helper()
	p.thrown++
	src, dst := netip.AddrPortFrom(our4, c.Ports()[0]), netip.AddrPortFrom(peer4, 999)
	number, _ := cookieOf(testKey, src, dst, 0)
	mark := craft.Seq(p.thrown)
	throw()
	p.throw(segmentBytes(t, craft.Segment{Src: dst, Dst: src, Seq: mark, Ack: number.Add(1), Flags: synAck}), true)
	pkts := make([]Packet, 16)
	var got craft.Packet
	must(c.SetReadDeadline(time.Now().Add(time.Minute)))
	for {
		n, err := c.Recv(pkts)
		must(err)
		for _, pkt := range pkts[:n] {
			check := craft.VerifyChecksums
			if pkt.Partial {
				check = craft.TrustChecksums
			}
			switch err := got.DecodeFirst(pkt.Data, check); {
			case err != nil:
			case meant(&got):
				taken = true
			case got.Kind == craft.PacketTCP && got.Segment.Src == dst && got.Segment.Seq == mark && got.Segment.Ack == number.Add(1):
				return taken
			}
		}
	}
}

// throw has the far end send a packet as it is, as IPv4 or IPv6.
func (p *peer) throw(packet []byte, four bool) {
	near, err := netlink.LinkByName(p.here)
	must(err)
	p.throwTo(near.Attrs().HardwareAddr, packet, four)
}

// throwTo does so to a link address.
func (p *peer) throwTo(mac net.HardwareAddr, packet []byte, four bool) {
	far, err := p.thereHandler.LinkByName(p.there)
	must(err)
	frame := append(slices.Clone([]byte(mac)), far.Attrs().HardwareAddr...)
	ether := uint16(unix.ETH_P_IPV6)
	if four {
		ether = unix.ETH_P_IP
	}
	frame = append(binary.BigEndian.AppendUint16(frame, ether), packet...)
	must(unix.Sendto(p.wire(), frame, 0, &unix.SockaddrLinklayer{Ifindex: far.Attrs().Index, Halen: 6}))
}

// wire is the far end's socket for whole frames; closing one takes tens of
// milliseconds, so it is kept.
func (p *peer) wire() int {
	if p.fd == 0 {
		p.do(func() {
			fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
			must(err)
			p.fd = fd
		})
	}
	return p.fd
}
