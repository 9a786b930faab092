package simnet

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"synscope/craft"
	"synscope/netraw"
)

var internet = netip.MustParsePrefix("10.0.0.0/8")

func nth(i uint32) netip.AddrPort {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 10<<24+i)
	return netip.AddrPortFrom(netip.AddrFrom4(b), 443)
}

// sweep sends hosts SYNs, 1,000 each virtual millisecond, and tallies what
// each answer says about its target.
func sweep(t testing.TB, c *Conn, hosts uint32, tally func(*craft.Packet)) {
	template, err := craft.NewTemplate(syn(c, nth(0).String(), 0))
	if err != nil {
		t.Fatal(err)
	}
	batch, out := make([][]byte, 1000), make([]netraw.Packet, 1000)
	var p craft.Packet
	for next := uint32(0); ; {
		n := 0
		for ; n < len(batch) && next < hosts; n++ {
			batch[n] = template.AppendTo(batch[n][:0], craft.Fields{Dst: nth(next), Seq: craft.Seq(next)})
			next++
		}
		if _, err := c.Send(batch[:n]); err != nil {
			t.Fatal(err)
		}
		wait := time.Millisecond
		if n == 0 {
			wait = time.Second
		}
		if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
			t.Fatal(err)
		}
		for {
			n, err := c.Recv(out)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range out[:n] {
				if err := p.Decode(out[i].Data, craft.VerifyChecksums); err != nil {
					t.Fatal(err)
				}
				tally(&p)
			}
		}
		if n == 0 {
			return
		}
	}
}

func TestSweep(t *testing.T) {
	hosts := uint32(1_000_000)
	if testing.Short() {
		hosts = 50_000
	}
	synctest.Test(t, func(t *testing.T) {
		model := &Synthetic{Seed: 7, Open: 0.01, Refused: 0.1, Unreachable: 0.01}
		path := Path{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond}
		n := New(Config{Out: path, Back: path})
		n.Handle(internet, model)
		var want, got [4]uint32
		for i := range hosts {
			want[model.Expect(nth(i))]++
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		sweep(t, n.Conn(1), hosts, func(p *craft.Packet) {
			outcome, target := Unreachable, p.ICMP.Quote.Dst
			if p.Kind == craft.PacketTCP {
				target = p.Segment.Src
				outcome = Open
				if p.Segment.Flags.Has(craft.RST) {
					outcome = Refused
				}
			}
			if expect := model.Expect(target); expect != outcome {
				t.Errorf("%v: outcome %d, want %d", target, outcome, expect)
			}
			got[outcome]++
		})
		runtime.ReadMemStats(&after)
		t.Logf("%d hosts in %v of virtual time, %.2f allocations and %.0f bytes a host", hosts, time.Since(start),
			float64(after.Mallocs-before.Mallocs)/float64(hosts), float64(after.TotalAlloc-before.TotalAlloc)/float64(hosts))
		want[Silent] = 0
		if got != want {
			t.Errorf("outcomes %v, want %v", got, want)
		}
		binomial(t, "open", int(got[Open]), int(hosts), model.Open)
		binomial(t, "refused", int(got[Refused]), int(hosts), model.Refused)
	})
}

func TestHandlePrefers(t *testing.T) {
	n := New(Config{})
	var made []netip.Addr
	n.Handle(netip.MustParsePrefix("0.0.0.0/0"), Dropped{})
	n.HandleEach(internet, func(a netip.Addr) Host {
		made = append(made, a)
		return Linux(80)
	})
	n.HandleAddr("10.0.0.1", Closed{})
	if h := n.hosts.find(addr("10.0.0.1")); h != (Closed{}) {
		t.Errorf("longest prefix: %T", h)
	}
	if h := n.hosts.find(addr("192.0.2.9")); h != (Dropped{}) {
		t.Errorf("default: %T", h)
	}
	if h := n.hosts.find(addr("2001:db8::1")); h != nil {
		t.Errorf("no IPv6 host: %T", h)
	}
	n.hosts.find(addr("10.0.0.2"))
	n.hosts.find(addr("10.0.0.2"))
	if len(made) != 1 {
		t.Errorf("made %v, want 10.0.0.2 once", made)
	}
}

// A traceroute: each router answers for its distance, the silent one does not.
func TestBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, family := range []struct {
			target, router string
			typ            uint8
		}{{target4, "203.0.113.1", 11}, {target6, "2001:db8:f::1", 3}} {
			n := New(Config{})
			target := addrPort(family.target)
			n.HandleAddr(target.Addr().String(), Behind(Closed{TTL: 62}, addr(family.router), netip.Addr{}))
			c := n.Conn(1)
			var p craft.Packet
			for ttl, want := range []string{1: family.router, 2: "", 3: target.Addr().String()} {
				if ttl == 0 {
					continue
				}
				s := syn(c, family.target, 9)
				s.TTL = uint8(ttl)
				send(t, c, s)
				got := recv(t, c, time.Millisecond)
				if len(got) == 0 {
					if want != "" {
						t.Errorf("%s ttl %d: silence", target, ttl)
					}
					continue
				}
				if err := p.Decode(got[0].Data, craft.VerifyChecksums); err != nil {
					t.Fatal(err)
				}
				from := p.Segment.Src.Addr()
				if p.Kind == craft.PacketICMPError {
					from = p.ICMP.Src
					if q := p.ICMP.Quote; p.ICMP.Type != family.typ || q.Len != 8 || q.Seq != 9 || q.Dst != target {
						t.Errorf("%+v", p.ICMP)
					}
				}
				if from.String() != want {
					t.Errorf("%s ttl %d: answer from %v, want %q", target, ttl, from, want)
				}
			}
		}
	})
}

// ICMP errors carry an MTU where the RFCs put it.
func TestPacketTooBig(t *testing.T) {
	for _, tt := range []struct {
		target string
		icmp   ICMP
	}{
		{target4, ICMP{Type: 3, Code: 4, MTU: 1280}},
		{target6, ICMP{Type: 2, Code: 0, MTU: 1280, From: addr("2001:db8:f::1")}},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := New(Config{})
			n.HandleAddr(addrPort(tt.target).Addr().String(), Rejected{tt.icmp})
			c := n.Conn(1)
			send(t, c, syn(c, tt.target, 9))
			got := recv(t, c, time.Millisecond)
			var p craft.Packet
			if len(got) != 1 {
				t.Fatalf("%d answers", len(got))
			}
			if err := p.Decode(got[0].Data, craft.VerifyChecksums); err != nil {
				t.Fatal(err)
			}
			if p.ICMP.MTU != 1280 || p.ICMP.Type != tt.icmp.Type {
				t.Errorf("%+v", p.ICMP)
			}
		})
	}
}
