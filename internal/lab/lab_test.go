//go:build linux

package lab

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// build makes a lab of one host named h that ends with the test.
func build(t *testing.T, h HostSpec) *Host {
	t.Helper()
	Require(t)
	h.Name = "h"
	l, err := New(Spec{Hosts: []HostSpec{h}, Seed: 1, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l.Host("h")
}

// dial connects within a minute.
func dial(addr netip.Addr, port uint16) (net.Conn, error) {
	return net.DialTimeout("tcp", netip.AddrPortFrom(addr, port).String(), time.Minute)
}

// both is a host's pair of addresses.
func both(h *Host) []netip.Addr { return []netip.Addr{h.Addr4(), h.Addr6()} }

func TestOpenAndRefused(t *testing.T) {
	h := build(t, HostSpec{Services: []Service{{Ports: []uint16{80}, Manner: Banner, Banner: "hello"}}})
	for _, a := range both(h) {
		conn := mustDial(t, a, 80)
		got := make([]byte, 5)
		if _, err := conn.Read(got); err != nil || string(got) != "hello" {
			t.Errorf("%s: read %q, %v", a, got, err)
		}
		conn.Close()
		if _, err := dial(a, 81); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%s: closed port: %v", a, err)
		}
	}
}

func TestOutsideIsRefused(t *testing.T) {
	t.Setenv(marker, "1 net:[1]")
	if _, err := New(Spec{}); !errors.Is(err, ErrNotPermitted) {
		t.Errorf("New outside a lab: %v", err)
	}
}

func TestErrorsNameTheHost(t *testing.T) {
	Require(t)
	bad := []HostSpec{
		{Name: "h", Sysctls: Sysctls{"kernel.hostname": "x"}},
		{Name: "h", Sysctls: Sysctls{"net.ipv4.no_such_thing": "1"}},
		{Name: "a-name-that-is-too-long"},
		{Name: "h", Rules: []Rule{{Do: Reject, Code: 3}}},
		{Name: "h", Rules: []Rule{{Do: Drop, Chance: 2}}},
		{Name: "h", Link: &Link{Out: Path{Loss: -1}}},
		{Name: "h", Routers: make([]RouterSpec, maxHops)},
		{Name: "h", Services: []Service{{Ports: []uint16{80, 80}}}},
	}
	before := interfaces(t)
	for _, h := range bad {
		_, err := New(Spec{Hosts: []HostSpec{h}})
		if err == nil || !strings.Contains(err.Error(), h.Name) {
			t.Errorf("%+v: error %v", h, err)
		}
	}
	if after := interfaces(t); after != before {
		t.Errorf("%d interfaces before, %d after", before, after)
	}
}

func interfaces(t *testing.T) int {
	t.Helper()
	list, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestCloseLeaksNothing(t *testing.T) {
	Require(t)
	cycle := func() {
		l, err := New(Spec{Hosts: []HostSpec{{
			Name:     "h",
			Services: []Service{{Ports: []uint16{1}, Manner: Hold}, {Ports: []uint16{2}, Manner: Echo}, {Ports: []uint16{3}, Manner: NeverAccept}},
			Rules:    []Rule{{Ports: Port(4), Do: Drop}},
			Routers:  make([]RouterSpec, 1),
			Link:     &Link{},
		}}})
		if err != nil {
			t.Fatal(err)
		}
		for port := range uint16(3) {
			conn := mustDial(t, l.Host("h").Addr4(), port+1)
			defer conn.Close()
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	cycle()
	files, routines, links := openFiles(t), runtime.NumGoroutine(), interfaces(t)
	for range 3 {
		cycle()
	}
	// A goroutine is counted for a moment after its last act.
	for wait := 0; runtime.NumGoroutine() > routines && wait < 100; wait++ {
		time.Sleep(time.Millisecond)
	}
	if f, r, i := openFiles(t), runtime.NumGoroutine(), interfaces(t); f > files || r > routines || i > links {
		t.Errorf("files %d then %d, goroutines %d then %d, interfaces %d then %d", files, f, routines, r, links, i)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// The prober knows for good who is at the other end of a link that is a program, and else has to find out.
func TestProberKnowsWhoIsBehindAProgram(t *testing.T) {
	for name, link := range map[string]*Link{"a plain link": nil, "a program": {}, "it has to ask": {AskNeighbours: true}} {
		t.Run(name, func(t *testing.T) {
			h := build(t, HostSpec{Link: link})
			for _, a := range []netip.Addr{h.Addr4(), h.Addr6()} {
				if knows(t, h.prober, a) != (name == "a program") {
					t.Error(a)
				}
			}
		})
	}
}

// knows tells whether a namespace has an address's neighbour for good.
func knows(t *testing.T, n *namespace, a netip.Addr) bool {
	t.Helper()
	list, err := n.nl.NeighList(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(list, func(n netlink.Neigh) bool { return n.IP.Equal(a.AsSlice()) && n.State == netlink.NUD_PERMANENT })
}

// Every station knows its neighbours for good, the prober apart, which has to find them.
func TestNeighboursAreKnown(t *testing.T) {
	h := build(t, HostSpec{Routers: make([]RouterSpec, 2), Sources: 2})
	more := h.links[2].at4(77)
	if err := h.Own(more); err != nil {
		t.Fatal(err)
	}
	for i, station := range h.stations {
		list, err := station.nl.NeighList(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		known := map[netip.Addr]bool{}
		for _, n := range list {
			a, _ := netip.AddrFromSlice(n.IP)
			known[a.Unmap()] = n.State == netlink.NUD_PERMANENT
		}
		want := []netip.Addr{h.links[i].at4(nearEnd), h.links[i].at6(nearEnd)}
		if i == 0 {
			want = append(want, h.links[0].at4(sources), h.links[0].at6(sources+1))
		}
		if i+1 < len(h.links) {
			want = append(want, h.links[i+1].at4(farEnd), h.links[i+1].at6(farEnd))
		}
		if i == 1 {
			want = append(want, more)
		}
		for _, a := range want {
			if !known[a] {
				t.Errorf("station %d does not know %v for good", i, a)
			}
		}
	}
}

func mustDial(t *testing.T, addr netip.Addr, port uint16) net.Conn {
	t.Helper()
	conn, err := dial(addr, port)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
