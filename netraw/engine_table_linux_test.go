package netraw

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
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
			{"first fragment", func(p []byte) []byte { p[6] = 0x20; return resum(p) }, synAck, false, "fragment"},
			{"later fragment", func(p []byte) []byte { p[6], p[7] = 0, 9; return resum(p) }, synAck, false, ""},
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
		{"first fragment", extension(44, 0, 0, 1, 0, 0, 7), synAck, false, "fragment"},
		{"later fragment", extension(44, 0, 0, 8, 0, 0, 7), synAck, false, ""},
		{"no next header", extension(60, 1, 4, 0, 0, 0, 0, 59), synAck, false, ""},
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
		binary.BigEndian.PutUint16(p[10:], 0)
		binary.BigEndian.PutUint16(p[10:], foldSlowly(addSlowly(0, p[:at])))
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
	for name, open := range map[string]func(t *testing.T, p *peer) wideEngine{
		"raw":    func(t *testing.T, p *peer) wideEngine { return rawAsWide{open(t, &Config{Interface: p.here})} },
		"packet": func(t *testing.T, p *peer) wideEngine { return openPacket(t, Config{}) },
		"xdp":    func(t *testing.T, p *peer) wideEngine { return openXDP(t, p, Config{}) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t)
			p.do(func() { must(lab.AcceptRedirects(p.there)) })
			c := open(t, p)
			if x, ok := c.(*XDPConn); ok {
				x.in.expect(our4)
				x.in.expect(our6)
			}
			for _, four := range []bool{true, false} {
				for i, row := range answerCases(four) {
					src, dst := netip.AddrPortFrom(our6, c.Ports()[0]), netip.AddrPortFrom(peer6, uint16(1000+i))
					if four {
						src, dst = netip.AddrPortFrom(our4, src.Port()), netip.AddrPortFrom(peer4, dst.Port())
					}
					seq, _ := cookieOf(testKey, src, dst, 0)
					right := segmentBytes(t, craft.Segment{Src: dst, Dst: src, Seq: 77, Ack: seq.Add(1), Flags: row.flags})
					before := rejections(c)
					p.throw(row.change(right))
					if taken := delivers(t, c, seq.Add(1)); taken != row.taken {
						t.Errorf("IPv4 %v, %s: taken is %v, want %v", four, row.name, taken, row.taken)
					}
					if name != "xdp" {
						continue
					}
					if row.reason != "" {
						before[row.reason]++
					}
					for reason, n := range rejections(c) {
						if n != before[reason] {
							t.Errorf("IPv4 %v, %s: %d counted as %s, want %d", four, row.name, n, reason, before[reason])
						}
					}
				}
			}
		})
	}
}

func rejections(c wideEngine) map[string]uint64 {
	if x, ok := c.(*XDPConn); ok {
		return x.Rejected()
	}
	return nil
}

// rawAsWide is a Conn where an engine is wanted; it does not blast.
type rawAsWide struct{ *Conn }

func (rawAsWide) Blast([]craft.Fields) (int, error) { return 0, errors.ErrUnsupported }
func (rawAsWide) AnswersResets() bool               { return false }

// delivers tells whether an answer is delivered that stands up to
// craft's reading and acknowledges ack.
func delivers(t *testing.T, c wideEngine, ack craft.Seq) (taken bool) {
	t.Helper()
	pkts := make([]Packet, 16)
	var p craft.Packet
	for {
		must(c.SetReadDeadline(time.Now().Add(30 * time.Millisecond)))
		n, err := c.Recv(pkts)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return taken
		}
		must(err)
		for _, pkt := range pkts[:n] {
			check := craft.VerifyChecksums
			if pkt.Partial {
				check = craft.TrustChecksums
			}
			if p.Decode(pkt.Data, check) == nil && p.Kind == craft.PacketTCP && p.Segment.Ack == ack &&
				!p.Segment.Src.Addr().IsUnspecified() && p.Segment.Src.Addr() != our4 && p.Segment.Src.Addr() != our6 {
				taken = true
			}
		}
	}
}

// throw has the far end send a packet as it is.
func (p *peer) throw(packet []byte) {
	near, err := netlink.LinkByName(p.here)
	must(err)
	far, err := p.thereHandler.LinkByName(p.there)
	must(err)
	frame := append(slices.Clone([]byte(near.Attrs().HardwareAddr)), far.Attrs().HardwareAddr...)
	ether := uint16(unix.ETH_P_IPV6)
	if packet[0]>>4 == 4 {
		ether = unix.ETH_P_IP
	}
	frame = append(binary.BigEndian.AppendUint16(frame, ether), packet...)
	p.do(func() {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		must(err)
		defer unix.Close(fd)
		must(unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: far.Attrs().Index, Halen: 6}))
	})
}
