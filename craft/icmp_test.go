package craft_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"synscope/craft"
)

// icmpMessage is an ICMP error of either version as a router would send it.
type icmpMessage struct {
	typ, code byte
	rest      uint32 // bytes 4 to 7
	body      []byte // quote and what follows it
}

var routers = map[bool]netip.Addr{
	true:  netip.MustParseAddr("192.0.2.254"),
	false: netip.MustParseAddr("2001:db8::fe"),
}

// packet wraps m into IP, from a router to the source of the probe.
func (m icmpMessage) packet(t testing.TB, probe craft.Segment) []byte {
	t.Helper()
	b := binary.BigEndian.AppendUint32([]byte{m.typ, m.code, 0, 0}, m.rest)
	b = append(b, m.body...)
	isIPv4 := probe.Src.Addr().Is4()
	carrier := craft.Segment{
		Src: netip.AddrPortFrom(routers[isIPv4], 0),
		Dst: probe.Src, TTL: 60,
	}
	ip := mustBuild(t, carrier)
	if isIPv4 {
		binary.BigEndian.PutUint16(b[2:], slowSum(evened(b)))
		return rewriteIPv4(ip, nil, 1, b)
	}
	pseudo := binary.BigEndian.AppendUint32(bytes.Clone(ip[8:40]), uint32(len(b)))
	pseudo = append(pseudo, 0, 0, 0, 58)
	binary.BigEndian.PutUint16(b[2:], slowSum(evened(append(pseudo, b...))))
	return rewriteIPv6(ip, 58, nil, b)
}

func evened(b []byte) []byte {
	return append(b[:len(b):len(b)], make([]byte, len(b)%2)...)
}

// unreachable is a host or address unreachable with n bytes of the probe.
func unreachable(t testing.TB, probe craft.Segment, n int) []byte {
	m := icmpMessage{typ: 3, code: 1, body: mustBuild(t, probe)[:n]}
	if probe.Src.Addr().Is6() {
		m.typ, m.code = 1, 3
	}
	return m.packet(t, probe)
}

// Every length of quote yields exactly the fields that are in it.
func TestDecodeQuoteLengths(t *testing.T) {
	for _, probe := range []craft.Segment{synIPv4(), synIPv6()} {
		probe.Ack, probe.Flags, probe.Payload = 77, craft.SYN|craft.AE|0x800, []byte("payload")
		whole := mustBuild(t, probe)
		header := len(whole) - 20 - len(probe.Options) - len(probe.Payload)
		for n := range len(whole) + 1 {
			var p craft.Packet
			err := p.Decode(unreachable(t, probe, n), craft.VerifyChecksums)
			if quoted := n - header; quoted < 8 {
				if err != craft.ErrTruncated {
					t.Errorf("quote of %d bytes: %v", n, err)
				}
				continue
			}
			if err != nil || p.Kind != craft.PacketICMPError {
				t.Fatalf("quote of %d bytes: %v, %v", n, p.Kind, err)
			}
			checkQuote(t, &p.ICMP.Quote, &probe, n-header)
		}
	}
}

func checkQuote(t *testing.T, q *craft.Quote, probe *craft.Segment, quoted int) {
	t.Helper()
	if q.Src != probe.Src || q.Dst != probe.Dst || q.Seq != probe.Seq || q.Len != quoted ||
		q.TTL != probe.TTL || q.ID != probe.ID || q.TOS != probe.TOS {
		t.Errorf("%d bytes: %+v", quoted, q)
	}
	if has := quoted >= 12; q.HasAck() != has || (q.Ack == probe.Ack) != has {
		t.Errorf("%d bytes: ack %d, %v", quoted, q.Ack, q.HasAck())
	}
	if has := quoted >= 14; q.HasFlags() != has || (q.Flags == probe.Flags) != has {
		t.Errorf("%d bytes: flags %v, %v", quoted, q.Flags, q.HasFlags())
	}
	if has := quoted >= 16; q.HasWindow() != has || (q.Window == probe.Window) != has {
		t.Errorf("%d bytes: window %d, %v", quoted, q.Window, q.HasWindow())
	}
	options := probe.Options[:min(max(quoted-20, 0), len(probe.Options))]
	if !bytes.Equal(q.Options, options) || q.HasOptions() != (len(options) == len(probe.Options)) {
		t.Errorf("%d bytes: options %x, %v", quoted, q.Options, q.HasOptions())
	}
}

func TestDecodeICMPKinds(t *testing.T) {
	v4, v6 := synIPv4(), synIPv6()
	tests := []struct {
		name      string
		probe     craft.Segment
		typ, code byte
		rest      uint32
		want      error
		text      string
	}{
		{"unreachable", v4, 3, 13, 0, nil, "ICMP host 192.0.2.2 unreachable - admin prohibited filter, length 68"},
		{"need to frag", v4, 3, 4, 1280, nil, "ICMP 192.0.2.2 unreachable - need to frag (mtu 1280), length 68"},
		{"need to frag, unused bits set", v4, 3, 4, 0xffff0500, nil,
			"ICMP 192.0.2.2 unreachable - need to frag (mtu 1280), length 68"},
		{"time exceeded", v4, 11, 0, 0, nil, "ICMP time exceeded in-transit, length 68"},
		{"source quench", v4, 4, 0, 0, nil, "ICMP source quench, length 68"},
		{"redirect", v4, 5, 1, 0xc0000209, nil, "ICMP redirect 192.0.2.2 to host 192.0.2.9, length 68"},
		{"parameter problem", v4, 12, 0, 20 << 24, nil, "ICMP parameter problem - octet 20, length 68"},
		{"echo request", v4, 8, 0, 0, craft.ErrUnsupported, ""},
		{"echo reply", v4, 0, 0, 0, craft.ErrUnsupported, ""},
		{"v6 unreachable", v6, 1, 4, 0, nil,
			"ICMP6, destination unreachable, unreachable port, 2001:db8::2 tcp port 80, length 88"},
		{"v6 reject route", v6, 1, 6, 0, nil,
			"ICMP6, destination unreachable, unreachable reject route 2001:db8::2, length 88"},
		{"v6 packet too big", v6, 2, 0, 70000, nil, "ICMP6, packet too big, mtu 70000, length 88"},
		{"v6 time exceeded", v6, 3, 0, 0, nil, "ICMP6, time exceeded in-transit for 2001:db8::2, length 88"},
		{"v6 parameter problem", v6, 4, 1, 40, nil, "ICMP6, parameter problem, next header - octet 40, length 88"},
		{"v6 neighbour solicitation", v6, 135, 0, 0, craft.ErrUnsupported, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := icmpMessage{tt.typ, tt.code, tt.rest, mustBuild(t, tt.probe)}
			var p craft.Packet
			if err := p.Decode(m.packet(t, tt.probe), craft.VerifyChecksums); err != tt.want {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if tt.want != nil {
				return
			}
			version, router := "IP ", routers[tt.probe.Src.Addr().Is4()]
			if router.Is6() {
				version = "IP6 "
			}
			want := version + router.String() + " > " + tt.probe.Src.Addr().String() + ": " + tt.text
			if got := p.ICMP.String(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if e := p.ICMP; e.Type != tt.typ || e.Code != tt.code || e.TTL != 60 || e.Quote.Seq != tt.probe.Seq {
				t.Errorf("%+v", e)
			}
		})
	}
}

// A quote in which something is wrong, or unusual, is told apart from others.
func TestDecodeOddQuotes(t *testing.T) {
	v4, v6 := synIPv4(), synIPv6()
	good4, good6 := mustBuild(t, v4), mustBuild(t, v6)
	edited := func(b []byte, at int, with ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], with)
		return b
	}
	tests := []struct {
		name  string
		probe craft.Segment
		body  []byte
		want  error
		quote int
	}{
		{"with IPv4 options", v4, rewriteIPv4(good4, []byte{7, 3, 4, 0}, 6, good4[20:28]), nil, 8},
		{"length in host order", v4, edited(good4, 2, 60, 0), nil, 40},
		{"length without header", v4, edited(good4[:28], 2, 0, 40), nil, 8},
		{"length 0", v4, edited(good4, 2, 0, 0), nil, 40},
		{"zeros behind", v4, append(bytes.Clone(good4), make([]byte, 68)...), nil, 40},
		{"first fragment", v4, edited(good4, 6, 0x20, 0), nil, 40},
		{"later fragment", v4, edited(good4, 6, 0, 1), craft.ErrFragment, 0},
		{"UDP", v4, edited(good4, 9, 17), craft.ErrUnsupported, 0},
		{"AH", v4, rewriteIPv4(good4, nil, 51, append([]byte{6, 4, 22: 0, 23: 0}, good4[20:28]...)), nil, 8},
		{"header length 0", v4, edited(good4, 0, 0x40), craft.ErrMalformed, 0},
		{"header length beyond", v4, edited(good4, 0, 0x4f)[:28], craft.ErrTruncated, 0},
		{"another version", v4, good6, craft.ErrMalformed, 0},
		{"nothing", v4, nil, craft.ErrTruncated, 0},
		{"hop-by-hop", v6, rewriteIPv6(good6, 0, []byte{6, 0, 1, 4, 0, 0, 0, 0}, good6[40:48]), nil, 8},
		{"fragment header", v6, rewriteIPv6(good6, 44, []byte{6, 0, 0, 1, 0, 0, 0, 9}, good6[40:48]), nil, 8},
		{"second fragment", v6, rewriteIPv6(good6, 44, []byte{6, 0, 0, 8, 0, 0, 0, 9}, good6[40:48]), craft.ErrFragment, 0},
		{"extension beyond", v6, rewriteIPv6(good6, 60, []byte{6, 9, 1, 4, 0, 0, 0, 0}, good6[40:48]), craft.ErrTruncated, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := icmpMessage{typ: 3, code: 0, body: tt.body}
			var p craft.Packet
			if err := p.Decode(m.packet(t, tt.probe), craft.VerifyChecksums); err != tt.want {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if q := p.ICMP.Quote; q.Len != tt.quote {
				t.Errorf("%d bytes quoted, want %d", q.Len, tt.quote)
			}
		})
	}
}

// Extensions (here an MPLS label stack, RFC 4950) are no part of the quote,
// whether the length attribute announces them or only the quote's own does.
func TestDecodeExtensions(t *testing.T) {
	extension := []byte{0x20, 0, 0, 0, 0, 8, 1, 1, 0, 1, 1, 255}
	for _, probe := range []craft.Segment{synIPv4(), synIPv6()} {
		isIPv4 := probe.Src.Addr().Is4()
		probe.Payload = make([]byte, 200) // longer than the quote
		quote := mustBuild(t, probe)[:128]
		m := icmpMessage{typ: 11, rest: 128 / 4 << 16, body: append(bytes.Clone(quote), extension...)}
		header := 20
		if !isIPv4 {
			m.typ, m.rest, header = 3, 128/8<<24, 40
		}
		for _, rest := range []uint32{m.rest, 0x00010000, 0xffffffff} {
			m.rest = rest
			var p craft.Packet
			if err := p.Decode(m.packet(t, probe), craft.VerifyChecksums); err != nil {
				t.Fatal(err)
			}
			want := 128 - header
			if rest != 128/4<<16 && rest != 128/8<<24 {
				want += len(extension) // announced by nothing that can be believed
			}
			if got := p.ICMP.Quote.Len; got != want {
				t.Errorf("rest %#x: %d bytes quoted, want %d", rest, got, want)
			}
		}
	}
}

func TestDecodeICMPChecksum(t *testing.T) {
	for _, probe := range []craft.Segment{synIPv4(), synIPv6()} {
		b := unreachable(t, probe, len(mustBuild(t, probe)))
		b[len(b)-1] ^= 1
		var p craft.Packet
		if err := p.Decode(b, craft.VerifyChecksums); err != craft.ErrChecksum {
			t.Errorf("verified: %v", err)
		}
		if err := p.Decode(b, craft.TrustChecksums); err != nil {
			t.Errorf("trusted: %v", err)
		}
	}
}

func TestQuoteString(t *testing.T) {
	tests := []struct {
		quoted int
		want   string
	}{
		{8, "IP 192.0.2.1.40000 > 192.0.2.2.80: seq 1000, [|tcp]"},
		{16, "IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [S], seq 1000, win 64240, [|tcp]"},
		{24, "IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [S], seq 1000, win 64240, options [mss 1460], [|tcp]"},
		{40, "IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [S], seq 1000, win 64240, " +
			"options [mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7]"},
	}
	for _, tt := range tests {
		var p craft.Packet
		if err := p.Decode(unreachable(t, synIPv4(), 20+tt.quoted), craft.VerifyChecksums); err != nil {
			t.Fatal(err)
		}
		if got := p.ICMP.Quote.String(); got != tt.want {
			t.Errorf("%d bytes:\n got %s\nwant %s", tt.quoted, got, tt.want)
		}
	}
}
