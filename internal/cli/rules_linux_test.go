package cli

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"synscope/internal/lab"
)

// A rule by ports, which raw packets are not routed by, is reported by every command that
// sends, once on standard error and once in the first record.
func TestRulesByPortAreReported(t *testing.T) {
	lab.Require(t)
	l, err := lab.New(lab.Spec{Logf: t.Logf, Hosts: []lab.HostSpec{
		{Name: "ruled", Services: []lab.Service{{Ports: []uint16{80}, Manner: lab.AcceptClose}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	rule := netlink.NewRule()
	rule.Dport, rule.Table, rule.Priority = netlink.NewRulePortRange(80, 90), 79, 4242
	if err := netlink.RuleAdd(rule); err != nil {
		t.Fatal(err)
	}
	defer netlink.RuleDel(rule)
	a := l.Hosts()[0].Addr4().String()
	const said = "`ip rule` 4242 routes by destination port"
	for _, args := range []string{
		"scan -p 80 " + a, "scan -p 1-3000 " + a, "scan --stateless -p 80 " + a, "ping -c 1 " + a + ":80",
		"handshake " + a + ":80", "trace " + a + ":80", "isn --samples 3 " + a + ":80",
	} {
		got := command(t.Context(), l, strings.Fields(args+" -o json")...)
		first, _, _ := strings.Cut(got.out, "\n")
		if strings.Count(got.err, said) != 1 || strings.Count(first, said) != 1 {
			t.Errorf("%s: exit %d\n%s\n%s", args, got.code, first, got.err)
		}
	}
}

// Where one of two next hops does not answer, what is behind it is told of as absent, and
// costs no packet; what is behind the other one is probed.
func TestOneOfTwoNextHopsIsDead(t *testing.T) {
	lab.Require(t)
	if !lab.Apart(t) { // it adds routes
		return
	}
	l, err := lab.New(lab.Spec{Logf: t.Logf, Hosts: []lab.HostSpec{{Name: "hopalive"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	alive := l.Hosts()[0].Addr4()
	way, err := netlink.RouteGet(alive.AsSlice())
	if err != nil {
		t.Fatal(err)
	}
	for network, hop := range map[byte]netip.Addr{78: alive, 79: place(alive, 99)} {
		r := &netlink.Route{Dst: &net.IPNet{IP: net.IPv4(198, 19, network, 0).To4(), Mask: net.CIDRMask(24, 32)}, LinkIndex: way[0].LinkIndex, Gw: hop.AsSlice()}
		if err := netlink.RouteAdd(r); err != nil {
			t.Fatal(err)
		}
		defer netlink.RouteDel(r)
	}
	for _, args := range []string{"-Pn", "-Pn --engine packet", "-Pn --stateless --engine raw", "-Pn --stateless --engine packet", "", "--stateless --discover auto"} {
		r := command(t.Context(), l, strings.Fields("scan -o json -p 80 --max-retries 0 --timeout 200ms "+args+" 198.19.78.0-7 198.19.79.0-7")...)
		list := records(t, r.out)
		end := list[len(list)-1]
		behind := strings.Count(r.err, "8 targets are filtered (no-neighbour)")
		for _, rec := range list {
			if strings.HasPrefix(rec.str("addr"), "198.19.79.") && rec.str("reason") == "no-neighbour" {
				behind++
			}
			if strings.HasPrefix(rec.str("addr"), "198.19.78.") && rec.str("reason") == "no-neighbour" {
				t.Errorf("%s: %v", args, rec)
			}
		}
		if behind == 0 && !strings.Contains(args, "discover") || strings.Contains(args, "stateless") && end["complete"] != true {
			t.Errorf("%s: nothing is told of what is behind the dead next hop: %v", args, end)
		}
		words := strings.Count(r.err, "next hop does not answer")
		if r.code != exitYes && r.code != exitNo || words != 1 {
			t.Errorf("%s: exit %d: %s", args, r.code, r.err)
		}
		if sent, most := end["sent"].(float64), 8.0; strings.Contains(args, "-Pn") && sent > most || sent == 0 {
			t.Errorf("%s: %v packets", args, sent)
		}
	}
}

// Where the kernel chooses among next hops, one sentence says what that means.
func TestSeveralNextHopsAreReported(t *testing.T) {
	lab.Require(t)
	l, err := lab.New(lab.Spec{Logf: t.Logf, Hosts: []lab.HostSpec{{Name: "hopleft"}, {Name: "hopright"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far := &netlink.Route{Dst: &net.IPNet{IP: net.IPv4(198, 19, 77, 0).To4(), Mask: net.CIDRMask(24, 32)}}
	for _, h := range l.Hosts() {
		way, err := netlink.RouteGet(h.Addr4().AsSlice())
		if err != nil {
			t.Fatal(err)
		}
		far.MultiPath = append(far.MultiPath, &netlink.NexthopInfo{LinkIndex: way[0].LinkIndex, Gw: h.Addr4().AsSlice()})
	}
	if err := netlink.RouteAdd(far); err != nil {
		t.Fatal(err)
	}
	defer netlink.RouteDel(far)
	for _, c := range []struct{ args, said string }{
		{"scan -Pn -p 80 --max-retries 0 --timeout 100ms 198.19.77.7", "2 next hops, and the kernel chooses one for each destination"},
		{"scan -Pn --stateless -p 80 --timeout 100ms 198.19.77.7", "2 next hops, and the kernel chooses one for each destination"},
		{"ping -c 1 --timeout 100ms 198.19.77.7:80", "2 next hops, and the kernel chooses one for each destination"},
		{"scan -Pn -p 80 --max-retries 0 --timeout 100ms " + l.Hosts()[0].Addr4().String(), ""},
	} {
		got := command(t.Context(), l, strings.Fields(c.args)...)
		if c.said == "" && strings.Contains(got.err, "next hops") || strings.Count(got.err, c.said) != 1 && c.said != "" {
			t.Errorf("%s: exit %d\n%s\n%s", c.args, got.code, got.out, got.err)
		}
	}
}
