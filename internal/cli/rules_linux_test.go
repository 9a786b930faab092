package cli

import (
	"net"
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
