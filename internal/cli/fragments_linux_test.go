package cli

import (
	"encoding/binary"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"synscope/craft"
	"synscope/internal/lab"
	"synscope/internal/lab/models"
	"synscope/probe/simnet"
)

// TestAnswersInFragments: a host whose every answer comes in two fragments is told alike
// by the kernel, which puts them together, and by all who look at the first alone.
func TestAnswersInFragments(t *testing.T) {
	t.Parallel()
	lab.RequireTun(t)
	l, err := lab.New(lab.Spec{Hosts: []lab.HostSpec{{Name: "pieces", Rules: []lab.Rule{{Do: lab.Drop}}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	host := l.Host("pieces")
	if err := host.AcceptRedirects(); err != nil { // for the xdp engine
		t.Fatal(err)
	}
	near, err := models.Inhabit(host, inPieces(simnet.Linux(80)))
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	asked := [][]string{
		{"scan"}, {"scan", "--stateless", "--engine", "raw"}, {"scan", "--stateless", "--engine", "packet"}, {"scan", "--stateless", "--engine", "xdp"},
		{"ping", "-c", "1"}, {"handshake"}, {"trace"}, {"isn", "--samples", "8"},
	}
	tellAlike(t, l, asked, host.Addr4(), host.Addr6())

	alone(t, &modelsPrefix) // on a veth the sums of the kernel's own segments are unfinished
	far, err := models.New(simnet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	hosts := []netip.Addr{netip.MustParseAddr("10.201.3.1"), netip.MustParseAddr("fd53:796e:7363:c9::3:1")}
	for _, a := range hosts {
		far.HandleAddr(a.String(), inPieces(simnet.Linux(80)))
	}
	tellAlike(t, nil, [][]string{{"scan"}, {"scan", "--engine", "connect"}, {"ping", "-c", "1", "--engine", "connect"}}, hosts...)
}

// tellAlike has commands tell that port 80 is open and port 81 is refused.
func tellAlike(t *testing.T, l *lab.Lab, commands [][]string, hosts ...netip.Addr) {
	t.Helper()
	for _, args := range commands {
		for _, a := range hosts {
			for port, want := range map[uint16]string{80: "open", 81: "refused"} {
				r := command(t.Context(), l, append(slices.Clone(args), "-o", "json", netip.AddrPortFrom(a, port).String())...)
				if slices.Contains(args, "xdp") && r.code == exitUnable && os.Getenv("CI") != "true" {
					continue // no right to load its programs
				}
				told := 0
				for _, rec := range records(t, r.out) {
					if s := rec.str("state"); s != "" && rec.str("type") != "host" {
						if told++; s != want {
							t.Errorf("%v %v, port %d: %s, want %s: %s", args, a, port, s, want, r.err)
						}
					}
				}
				if told == 0 {
					t.Errorf("%v %v, port %d: exit %d: %s", args, a, port, r.code, r.err)
				}
			}
		}
	}
}

func inPieces(h simnet.Host) simnet.Host {
	return simnet.HostFunc(func(now time.Time, in *craft.Segment, out simnet.Emitter) { h.Respond(now, in, pieces{out}) })
}

// pieces sends each segment of more than a header as two fragments.
type pieces struct{ simnet.Emitter }

func (e pieces) Segment(after time.Duration, s *craft.Segment) {
	whole := *s
	if whole.Flags.Has(craft.RST) {
		whole.Options = slices.Repeat(craft.Options{1}, 20)
	}
	p, err := whole.AppendTo(nil)
	if err != nil {
		panic(err)
	}
	const first = 24
	for from := 0; from < len(p)-ipLength(p); from += first {
		e.Emitter.Raw(after, fragment(p, from, min(from+first, len(p)-ipLength(p))))
	}
}

func (e pieces) Schedule(after time.Duration, f func(time.Time, simnet.Emitter)) *simnet.Timer {
	return e.Emitter.Schedule(after, func(now time.Time, out simnet.Emitter) { f(now, pieces{out}) })
}

func ipLength(p []byte) int {
	if p[0]>>4 == 4 {
		return 20
	}
	return 40
}

// fragment is a part of a packet (RFC 791 §2.3, RFC 8200 §4.5): from and to so many bytes
// behind its IP header. What tells it from those of other packets is the TCP checksum.
func fragment(p []byte, from, to int) []byte {
	n := ipLength(p)
	id, place := p[n+16:n+18], uint16(from)
	if to < len(p)-n {
		place |= 1
	}
	if n == 40 {
		f := slices.Concat(p[:n], binary.BigEndian.AppendUint16([]byte{p[6], 0}, place), []byte{0, 0}, id, p[n+from:n+to])
		f[6] = 44
		binary.BigEndian.PutUint16(f[4:], uint16(len(f)-n))
		return f
	}
	f := slices.Concat(p[:n], p[n+from:n+to])
	binary.BigEndian.PutUint16(f[2:], uint16(len(f)))
	copy(f[4:], id)
	binary.BigEndian.PutUint16(f[6:], place>>3|place<<13)
	f[10], f[11] = 0, 0
	sum := uint32(0)
	for i := 0; i < n; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(f[i:]))
	}
	binary.BigEndian.PutUint16(f[10:], ^uint16(sum+sum>>16))
	return f
}
