package cli

import (
	"net/netip"
	"os"
	"slices"
	"testing"

	"synscope/craft"
	"synscope/internal/lab"
	"synscope/internal/lab/models"
	"synscope/probe/simnet"
)

// TestAnswersInFragments: a host whose every answer comes in two fragments is seen alike
// by the kernel, which puts them together, and by all who look at the first alone.
func TestAnswersInFragments(t *testing.T) {
	lab.RequireTun(t)
	if !lab.Apart(t) {
		return
	}
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
	mustSeePorts(t, l, asked, host.Addr4(), host.Addr6())

	// On a veth the sums of the kernel's own segments are unfinished.
	far, err := models.New(simnet.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	hosts := []netip.Addr{netip.MustParseAddr("10.201.3.1"), netip.MustParseAddr("fd53:796e:7363:c9::3:1")}
	for _, a := range hosts {
		far.HandleAddr(a.String(), inPieces(simnet.Linux(80)))
	}
	mustSeePorts(t, nil, [][]string{{"scan"}, {"scan", "--engine", "connect"}, {"ping", "-c", "1", "--engine", "connect"}}, hosts...)
}

// mustSeePorts has each command find port 80 open and port 81 refused.
func mustSeePorts(t *testing.T, l *lab.Lab, commands [][]string, hosts ...netip.Addr) {
	t.Helper()
	for _, args := range commands {
		for _, a := range hosts {
			for port, want := range map[uint16]string{80: "open", 81: "refused"} {
				r := command(t.Context(), l, append(slices.Clone(args), "-o", "json", netip.AddrPortFrom(a, port).String())...)
				if slices.Contains(args, "xdp") && r.code == exitUnable && os.Getenv("CI") != "true" {
					continue // no right to load its programs
				}
				seen := 0
				for _, rec := range records(t, r.out) {
					if s := rec.str("state"); s != "" && rec.str("type") != "host" {
						if seen++; s != want {
							t.Errorf("%v %v, port %d: %s, want %s: %s", args, a, port, s, want, r.err)
						}
					}
				}
				if seen == 0 {
					t.Errorf("%v %v, port %d: exit %d: %s", args, a, port, r.code, r.err)
				}
			}
		}
	}
}

// inPieces makes fragments of each segment; RSTs are given options, to be long enough.
func inPieces(h simnet.Host) simnet.Host {
	return simnet.Fragmented(simnet.Mangle(h, func(s *craft.Segment) {
		if s.Flags.Has(craft.RST) {
			s.Options = slices.Repeat(craft.Options{1}, 20)
		}
	}), 24)
}
