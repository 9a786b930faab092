//go:build linux

package lab

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// The shares of a world are what was asked for, in both families, and its
// ports do not follow one another.
func TestWorldShares(t *testing.T) {
	w := World{Seed: 7, Open: 0.1, Refused: 0.3}
	for _, first := range []string{"11.0.0.0", "2001:db8::"} {
		seen := make(map[Fate]int)
		addr := netip.MustParseAddr(first)
		const n = 100_000
		for i := range uint16(n / 1000) {
			for port := range uint16(1000) {
				seen[w.Fate(netip.AddrPortFrom(addr, port+i))]++
			}
			addr = addr.Next()
		}
		for fate, want := range map[Fate]float64{Opened: 0.1, Refused: 0.3, Dropped: 0.6} {
			if got := float64(seen[fate]) / n; got < want-0.01 || got > want+0.01 {
				t.Errorf("%s: share of %v is %.3f, want %.1f", first, fate, got, want)
			}
		}
	}
}

// A kernel's own connect meets the fate that the oracle tells of, in both
// families, and the counters know.
func TestResponderAgainstTheOracle(t *testing.T) {
	Require(t)
	l, err := New(Spec{Hosts: []HostSpec{{Name: "internet", Prefixes: []netip.Prefix{
		netip.MustParsePrefix("11.0.0.0/8"), netip.MustParsePrefix("2001:db8:a::/48"),
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := World{Seed: 11, Refused: 1}
	r, err := l.Host("internet").Respond(w)
	if errors.Is(err, syscall.EPERM) {
		Forgo(t, err) // an ordinary user may not load BPF programs
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const n = 50
	for i := range uint16(n) {
		for _, addr := range []string{"11.1.2.3", "2001:db8:a::5"} {
			dst := netip.AddrPortFrom(netip.MustParseAddr(addr), i*977)
			_, err := net.DialTimeout("tcp", dst.String(), 20*time.Second)
			if dst.Port() != 0 && !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%v: %v", dst, err)
			}
		}
	}
	if a, err := r.Answered(); err != nil || a.Refused < 2*(n-1) || a.Open+a.Silent+a.Others != 0 {
		t.Errorf("%+v, %v", a, err)
	}
}
