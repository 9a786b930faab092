//go:build linux

package lab

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"synscope/craft"
)

// What is forged is whole, with right checksums and the addresses and ports of the
// flow: only its numbers tell that it is forged.
func TestForgeriesAreWhole(t *testing.T) {
	for _, ip := range [][2]string{{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}} {
		f := flow{netip.AddrPortFrom(netip.MustParseAddr(ip[0]), 40000), netip.AddrPortFrom(netip.MustParseAddr(ip[1]), 80)}
		for _, kind := range AllForgeries() {
			a := &Attacker{cfg: Attack{Kinds: []Forgery{kind}}, pairs: []flow{f}, chance: rand.New(rand.NewPCG(1, 1))}
			frame := a.forge(make([]byte, netHeader))
			var p craft.Packet
			if err := p.Decode(network(frame), craft.VerifyChecksums); err != nil {
				t.Errorf("kind %d: %v", kind, err)
				continue
			}
			src, dst := p.Segment.Src, p.Segment.Dst
			if p.Kind == craft.PacketICMPError {
				src, dst = p.ICMP.Quote.Dst, p.ICMP.Quote.Src
			}
			if src != f.host || dst != f.prober {
				t.Errorf("kind %d: %v > %v", kind, src, dst)
			}
		}
	}
}

// An attacker answers at the ports that the prober used, and counts what it sent.
func TestAttackerLearnsFlows(t *testing.T) {
	h := build(t, HostSpec{Rules: []Rule{{Do: Drop}}})
	a, err := h.Attack(Attack{Kinds: []Forgery{ForgedSYNACK}, Rate: 20000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := newProber(t)
	p.send(h.Prober4(), 30001, netip.AddrPortFrom(h.Addr4(), 80), 2)
	segments, resets := a.Heard() // our kernel's RSTs, to what it did not ask for
	for end := time.Now().Add(time.Minute); (a.Sent() < 20000 || segments < 2 || resets < 1) && time.Now().Before(end); segments, resets = a.Heard() {
		time.Sleep(time.Millisecond)
	}
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
	answers := p.collect(1)
	if answers[30001].flags != 0x12 || segments < 2 || resets < 1 || a.Sent() == 0 {
		t.Errorf("%+v; %d segments heard, %d RSTs, %d sent", answers[30001], segments, resets, a.Sent())
	}
}
