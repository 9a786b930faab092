package cli

import (
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"synscope/internal/lab"
)

// populated is a lab of networks that are mostly empty: "near" has a few
// addresses on the prober's link, "behind" a few behind a router, and answers
// nothing but pings.
type populated struct {
	*lab.Lab
	live map[netip.Addr]bool // of all networks, our own included
	on   map[netip.Prefix]bool
}

var sparse = sync.OnceValues(func() (*populated, error) {
	l, err := lab.New(lab.Spec{Seed: 1, Hosts: []lab.HostSpec{
		{Name: "near", Services: []lab.Service{{Ports: []uint16{80}}}},
		{Name: "behind", Services: []lab.Service{{Ports: []uint16{80}}}, Rules: []lab.Rule{{Do: lab.Drop}}, Routers: []lab.RouterSpec{{}}},
	}})
	if err != nil {
		return nil, err
	}
	p := &populated{l, map[netip.Addr]bool{}, map[netip.Prefix]bool{}}
	near, behind := l.Host("near"), l.Host("behind")
	p.add(near.Prober4(), near.Prober6(), near.Addr4(), near.Addr6(), behind.Addr4(), behind.Addr6())
	p.add(place(behind.Addr4(), 1), place(behind.Addr6(), 1)) // the router
	err = errors.Join(p.more(near, 20, 33, 77, 200), p.more(behind, 9, 120))
	return p, err
})

// network is the /24, or /120, of an address.
func network(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()-8).Masked() }

// place is the address of the same network with another last byte.
func place(a netip.Addr, last byte) netip.Addr {
	b := a.AsSlice()
	b[len(b)-1] = last
	a, _ = netip.AddrFromSlice(b)
	return a
}

func (p *populated) add(addrs ...netip.Addr) {
	for _, a := range addrs {
		p.live[a], p.on[network(a)] = true, true
	}
}

// more gives a host further addresses in its networks.
func (p *populated) more(h *lab.Host, places ...byte) error {
	for _, at := range places {
		for _, a := range []netip.Addr{place(h.Addr4(), at), place(h.Addr6(), at)} {
			if err := h.Own(a); err != nil {
				return err
			}
			p.add(a)
		}
	}
	return nil
}

func sparseLab(t *testing.T) *populated {
	t.Helper()
	return lab.Shared(t, sparse)
}

// networks are those of one family, as targets.
func (p *populated) networks(v4 bool) (words []string) {
	for n := range p.on {
		if n.Addr().Is4() == v4 {
			words = append(words, n.String())
		}
	}
	slices.Sort(words)
	return words
}

// expected are the live hosts of a family. Routers answer for the first address of
// an IPv6 network too (RFC 4291 §2.6.1), which is nobody's and so not compared.
func (p *populated) expected(v4 bool) (list []string) {
	for a := range p.live {
		if a.Is4() == v4 {
			list = append(list, a.String())
		}
	}
	slices.Sort(list)
	return list
}

func withoutAnycast(list []string) []string {
	list = slices.DeleteFunc(list, func(s string) bool {
		a := netip.MustParseAddr(s)
		return a.Is6() && a == network(a).Addr()
	})
	slices.Sort(list)
	return list
}

// hostRecords are those of a run by address, each once.
func hostRecords(t *testing.T, list []jsonRecord) map[string]jsonRecord {
	t.Helper()
	hosts := map[string]jsonRecord{}
	for _, r := range list {
		if r.str("type") == "host" {
			if _, twice := hosts[r.str("addr")]; twice {
				t.Errorf("%s is told of twice", r.str("addr"))
			}
			hosts[r.str("addr")] = r
		}
	}
	return hosts
}

func upOf(hosts map[string]jsonRecord) (list []string) {
	for a, r := range hosts {
		if r.str("state") == "up" {
			list = append(list, a)
		}
	}
	return withoutAnycast(list)
}

// TestHostList: -sn lists exactly the hosts that are there, on the link and
// behind a router, IPv4 and IPv6, those that answer only pings too, and is of
// one mind with nmap.
func TestHostList(t *testing.T) {
	t.Parallel()
	p := sparseLab(t)
	for _, v4 := range []bool{true, false} {
		t.Run(fmt.Sprintf("v4 %t", v4), func(t *testing.T) {
			t.Parallel()
			document := filepath.Join(t.TempDir(), "hosts.xml")
			r := command(t.Context(), p.Lab, append([]string{"scan", "-sn", "-o", "json", "-oX", document}, p.networks(v4)...)...)
			if r.code != exitYes || r.err != "" {
				t.Fatalf("exit %d: %s", r.code, r.err)
			}
			list := records(t, r.out)
			hosts := hostRecords(t, list)
			if got, want := upOf(hosts), p.expected(v4); !slices.Equal(got, want) {
				t.Errorf("up: %v\nwant %v", got, want)
			}
			p.checkHosts(t, hosts, v4)
			checkCounts(t, list[len(list)-1], hosts, 256*len(p.networks(v4)))
			if nmap, err := exec.LookPath("nmap"); err == nil {
				if theirs := nmapHosts(t, nmap, v4, p.networks(v4)); !slices.Equal(theirs, upOf(hosts)) {
					t.Errorf("nmap finds %v", theirs)
				}
			}
		})
	}
}

// checkHosts checks by what each host is known.
func (p *populated) checkHosts(t *testing.T, hosts map[string]jsonRecord, v4 bool) {
	t.Helper()
	onLink, asked, behind, absent := "arp-response", "echo-reply", p.Host("behind").Addr4(), "no-neighbour"
	near := p.Host("near").Addr4()
	if !v4 {
		onLink, behind, near = "nd-response", p.Host("behind").Addr6(), p.Host("near").Addr6()
	}
	known := map[netip.Addr]string{
		place(near, 1): "up localhost", place(near, 250): "down " + absent,
		place(behind, 2): "up echo-reply", place(behind, 9): "up echo-reply", place(behind, 1): "up echo-reply",
	}
	// Of several addresses with one link address those that are resolved later are asked themselves.
	ours, resolved := []netip.Addr{near, place(near, 20), place(near, 33), place(near, 77), place(near, 200)}, 0
	for _, a := range ours {
		known[a] = "up " + asked
		if hosts[a.String()].str("reason") == onLink {
			known[a], resolved = "up "+onLink, resolved+1
		}
	}
	if resolved != 1 {
		t.Errorf("%d of %v are up by %s", resolved, ours, onLink)
	}
	for a, want := range known {
		r := hosts[a.String()]
		if got := r.str("state") + " " + r.str("reason"); got != want {
			t.Errorf("%v: %s, want %s", a, got, want)
		}
		if hasMAC := r.str("mac") != ""; hasMAC != slices.Contains(ours, a) {
			t.Errorf("%v (%s): MAC %q", a, want, r.str("mac"))
		}
		if r.str("time") == "" || r.str("began") == "" || r["ports_probed"] != nil || r["loss"] != nil {
			t.Errorf("%v: %v", a, r)
		}
	}
	if r := hosts[place(behind, 250).String()]; r.str("state") != "down" {
		t.Errorf("nobody is up: %v", r)
	}
}

// checkCounts holds the summary against the hosts that were told of.
func checkCounts(t *testing.T, summary jsonRecord, hosts map[string]jsonRecord, addresses int) {
	t.Helper()
	up, down := 0, 0
	reasons := map[string]any{}
	for _, r := range hosts {
		switch r.str("state") {
		case "up":
			up++
		case "down":
			down++
			n, _ := reasons[r.str("reason")].(float64)
			reasons[r.str("reason")] = n + 1
		}
	}
	said, _ := summary["down_reasons"].(map[string]any)
	if summary["hosts_up"] != float64(up) || summary["hosts_down"] != float64(down) || !maps.Equal(said, reasons) {
		t.Errorf("%d up, %d down by %v; the summary says %v, %v by %v", up, down, reasons, summary["hosts_up"], summary["hosts_down"], said)
	}
	if up+down != addresses || summary["complete"] != true {
		t.Errorf("%d of %d addresses, summary %v", up+down, addresses, summary)
	}
}

// nmapHosts are those that nmap calls up.
func nmapHosts(t *testing.T, nmap string, v4 bool, networks []string) (up []string) {
	t.Helper()
	args := append([]string{"-sn", "-n", "-T4", "-oX", "-"}, networks...)
	if !v4 {
		args = append(args, "-6")
	}
	out, err := outputOf(t, nmap, args)
	if err != nil {
		t.Fatalf("nmap: %v", err)
	}
	var run struct {
		Hosts []struct {
			Addresses []struct {
				Addr string `xml:"addr,attr"`
			} `xml:"address"`
		} `xml:"host"`
	}
	if err := xml.Unmarshal(out, &run); err != nil {
		t.Fatal(err)
	}
	for _, h := range run.Hosts {
		up = append(up, h.Addresses[0].Addr)
	}
	return withoutAnycast(up)
}

// portHosts are the addresses that ports were told of.
func portHosts(list []jsonRecord) (hosts []string) {
	for _, r := range list {
		if r.str("type") == "port" {
			hosts = append(hosts, r.str("addr"))
		}
	}
	return withoutAnycast(slices.Compact(slices.Sorted(slices.Values(hosts))))
}

// TestScanLeavesOutWhoIsDown: a scan of many addresses probes those that are
// there, and says how many it left out; -Pn probes all.
func TestScanLeavesOutWhoIsDown(t *testing.T) {
	t.Parallel()
	p := sparseLab(t)
	for _, v4 := range []bool{true, false} {
		t.Run(fmt.Sprintf("v4 %t", v4), func(t *testing.T) {
			t.Parallel()
			r := command(t.Context(), p.Lab, append([]string{"scan", "-o", "json", "-p", "80,81"}, p.networks(v4)...)...)
			list := records(t, r.out)
			hosts := hostRecords(t, list)
			if got, want := portHosts(list), p.expected(v4); r.code != exitYes || !slices.Equal(got, want) {
				t.Errorf("exit %d, %s; ports of %v\nwant %v", r.code, r.err, got, want)
			}
			checkCounts(t, list[len(list)-1], hosts, 256*len(p.networks(v4)))
			for a, h := range hosts {
				if up := h.str("state") == "up"; up != (h["ports_probed"] == 2.0) {
					t.Errorf("%s: %v", a, h)
				}
			}
		})
	}
	t.Run("for people", func(t *testing.T) {
		t.Parallel()
		near := network(p.Host("near").Addr4()).String()
		r := command(t.Context(), p.Lab, "scan", "-p", "80", near)
		if want := "250 of 256 addresses did not answer and were left out: 249 no-neighbour, 1 broadcast-address"; !strings.Contains(r.out, want) {
			t.Errorf("no %q in\n%s%s", want, r.out, r.err)
		}
	})
	t.Run("-Pn", func(t *testing.T) {
		t.Parallel()
		near := network(p.Host("near").Addr4())
		for _, flag := range []string{"-Pn", "--discover=none"} {
			list := records(t, command(t.Context(), p.Lab, "scan", "-o", "json", flag, "-p", "80", near.String()).out)
			if n := len(portHosts(list)); n != 256 {
				t.Errorf("%s: ports of %d addresses", flag, n)
			}
			if _, looked := list[len(list)-1]["hosts_up"]; looked {
				t.Errorf("%s: %v", flag, list[len(list)-1])
			}
		}
	})
}

// TestFewAddressesAreNotLookedFor: up to eight addresses are probed at once.
func TestFewAddressesAreNotLookedFor(t *testing.T) {
	t.Parallel()
	p := sparseLab(t)
	absent := p.Host("near").Absent4()
	for n, looked := range map[int]bool{8: false, 9: true} {
		word := fmt.Sprintf("%s-%d", place(absent, 240), 240+n-1)
		list := records(t, command(t.Context(), p.Lab, "scan", "-o", "json", "-p", "80", word).out)
		if got := list[len(list)-1]["hosts_down"] != nil; got != looked {
			t.Errorf("%d addresses: looked for: %t", n, got)
		}
	}
}

// TestShardsOfASearch: the parts of a split scan probe each live pair once, as
// far as each has found its host.
func TestShardsOfASearch(t *testing.T) {
	t.Parallel()
	p := sparseLab(t)
	near := network(p.Host("near").Addr4()).String()
	probed := map[netip.AddrPort]int{}
	for _, shard := range []string{"1/3", "2/3", "3/3"} {
		r := command(t.Context(), p.Lab, "scan", "-o", "json", "--seed", "5", "--shard", shard, "-p", "80-84", near)
		list := records(t, r.out)
		ports := 0
		for _, rec := range list {
			if rec.str("type") == "port" {
				probed[rec.pair()]++
				ports++
			}
		}
		if summary := list[len(list)-1]; summary["probes"] != float64(ports) || summary["complete"] != true {
			t.Errorf("shard %s: %d ports, %v", shard, ports, summary)
		}
	}
	for _, a := range p.expected(true) {
		for port := uint16(80); port <= 84; port++ {
			pair := netip.AddrPortFrom(netip.MustParseAddr(a), port)
			if want := network(pair.Addr()).String() == near; want != (probed[pair] == 1) {
				t.Errorf("%v was probed %d times", pair, probed[pair])
			}
		}
	}
}

// TestExpectationOfWhoIsLeftOut: the ports of hosts that are down are not open.
func TestExpectationOfWhoIsLeftOut(t *testing.T) {
	t.Parallel()
	p := sparseLab(t)
	absent := p.Host("near").Absent4()
	word := fmt.Sprintf("%s-%d", place(absent, 220), 239)
	for expect, code := range map[string]int{"open": exitNo, "filtered": exitYes} {
		if r := command(t.Context(), p.Lab, "scan", "-q", "-p", "80", "--expect", expect, word); r.code != code {
			t.Errorf("--expect %s: exit %d, want %d; %s", expect, r.code, code, r.err)
		}
	}
}

// TestStatelessSearch: a run without state looks for hosts when it is told to,
// and else says that it does not.
func TestStatelessSearch(t *testing.T) {
	t.Parallel()
	p := sparseLab(t)
	near := network(p.Host("near").Addr4()).String()
	r := command(t.Context(), p.Lab, "scan", "-o", "json", "--stateless", "--engine", "raw", "--discover", "auto", "-p", "80", near)
	list := records(t, r.out)
	summary := list[len(list)-1]
	if r.code != exitYes || summary["probes"] != 6.0 || summary["hosts_up"] != 6.0 || summary["hosts_down"] != 250.0 {
		t.Errorf("exit %d, %s; %v", r.code, r.err, summary)
	}
	plan := command(t.Context(), p.Lab, "scan", "--plan", "--stateless", "-p", "80", near)
	if !strings.Contains(plan.out, "--discover auto looks for them") {
		t.Errorf("%q", plan.out)
	}
}

// TestSearchWithoutRights: who may not use raw sockets has every address
// probed, and is told so; a list of hosts cannot be had.
func TestSearchWithoutRights(t *testing.T) {
	p := sparseLab(t)
	word := fmt.Sprintf("%s-%d", place(p.Host("near").Absent4(), 2), 20)
	r := withoutRights(t, "scan", "-p", "80", "--timeout", "100ms", "--max-retries", "0", word)
	if r.code != exitYes || !strings.Contains(r.err, "hosts are not looked for first (engine connect)") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
	if r := withoutRights(t, "scan", "-sn", word); r.code != exitUnable || !strings.Contains(r.err, "setcap") {
		t.Errorf("-sn: exit %d: %s", r.code, r.err)
	}
}

// TestPlannedSearch: what a search sends is shown before, and needs no right.
func TestPlannedSearch(t *testing.T) {
	r := command(t.Context(), nil, "scan", "--dry-run", "-S", "192.0.2.9", "-g", "4000", "-p", "22,23", "198.51.100.0-11")
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	if r.code != exitYes || len(lines) != 12*3+24 || lines[0] != "IP 192.0.2.9 > 198.51.100.0: ICMP echo request, id 4000, seq 0, length 12" ||
		!strings.Contains(lines[1], "192.0.2.9.4000 > 198.51.100.0.443: Flags [S]") || !strings.Contains(lines[2], "198.51.100.0.80: Flags [.]") {
		t.Errorf("exit %d, %d lines, %q", r.code, len(lines), lines[:3])
	}
	if !strings.Contains(r.err, "12 addresses looked for") {
		t.Errorf("%q", r.err)
	}
	for args, want := range map[string]int{"-sn --exclude-ports 1,400-500 198.51.100.0-11": 24, "-sn 198.51.100.0-11": 36, "-Pn -p 22 198.51.100.0-11": 12, "-p 22 198.51.100.0-11": 24, "-sF -p 22 198.51.100.0-11": 36, "-p 22 198.51.100.0-7": 8} {
		r := command(t.Context(), nil, append(strings.Fields("scan --dry-run -q"), strings.Fields(args)...)...)
		if n := strings.Count(r.out, "\n"); n != want || r.err != "" {
			t.Errorf("%s: %d lines, want %d; %q", args, n, want, r.err)
		}
	}
	plan := command(t.Context(), nil, "scan", "--plan", "-sn", "198.51.100.0/24")
	if want := "256 addresses looked for"; plan.code != exitYes || !strings.HasPrefix(plan.out, want) || strings.Contains(plan.out, "order of seed") {
		t.Errorf("%q", plan.out)
	}
}

// TestSearchByPort: a scan of one port finds the same hosts, by the port or an echo, and
// sends three packets to a silent address.
func TestSearchByPort(t *testing.T) {
	t.Parallel()
	p := sparseLab(t)
	for _, v4 := range []bool{true, false} {
		for _, port := range []string{"80", "81"} {
			t.Run(fmt.Sprintf("v4 %t, port %s", v4, port), func(t *testing.T) {
				t.Parallel()
				r := command(t.Context(), p.Lab, append([]string{"scan", "-o", "json", "-p", port}, p.networks(v4)...)...)
				list := records(t, r.out)
				hosts, end := hostRecords(t, list), list[len(list)-1]
				if got, want := portHosts(list), p.expected(v4); r.code != exitYes || !slices.Equal(got, want) {
					t.Errorf("exit %d, %s; ports of %v\nwant %v", r.code, r.err, got, want)
				}
				if got := upOf(hosts); !slices.Equal(got, p.expected(v4)) {
					t.Errorf("up: %v", got)
				}
				checkCounts(t, end, hosts, 256*len(p.networks(v4)))
				if end["sent"].(float64) > 3*256+3*20 { // one network is behind a router
					t.Errorf("%v packets", end["sent"])
				}
				for a, h := range hosts {
					if up := h.str("state") == "up"; up != (h["ports_probed"] == 1.0) {
						t.Errorf("%s: %v", a, h)
					}
				}
			})
		}
	}
}

// Techniques whose silence may be an open port, and runs without state, look for hosts by the
// one port too: a silent address costs three packets.
func TestSearchForOnePortByItself(t *testing.T) {
	t.Parallel()
	p := sparseLab(t)
	for _, args := range []string{"-sF", "-sN", "-sX", "-sM", "-sA", "--stateless --discover auto", "-sA --stateless --discover auto", "-sF --stateless --discover auto"} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			words := append(strings.Fields("scan -o json -p 80 "+args), p.networks(true)...)
			r := command(t.Context(), p.Lab, words...)
			list := records(t, r.out)
			end := list[len(list)-1]
			if up := upOf(hostRecords(t, list)); r.code != exitYes || !slices.Equal(up, p.expected(true)) {
				t.Errorf("exit %d, %s; up %v\nwant %v", r.code, r.err, up, p.expected(true))
			}
			if sent := end["sent"].(float64); sent > 3*256+13*20 { // one network is behind a router
				t.Errorf("%v packets", sent)
			}
		})
	}
}

// What this machine has no route to concerns itself alone: the hosts of the link,
// which the kernel asks, are an answer of the search, although not one packet of
// our own has left for them.
func TestSearchPartlyWithoutRoute(t *testing.T) {
	t.Parallel()
	lab.Require(t)
	l, err := sparse()
	if err != nil {
		t.Fatal(err)
	}
	near := network(l.Host("near").Addr4()).String()
	r := command(t.Context(), l.Lab, "scan", "-sn", "-o", "json", near, "203.0.113.0/28")
	all := records(t, r.out)
	end := all[len(all)-1]
	if r.code != exitYes || end["complete"] != true || end["hosts_up"] == 0.0 || end["hosts_unknown"] != 16.0 {
		t.Errorf("exit %d: %s\n%v", r.code, r.err, end)
	}
	r = command(t.Context(), l.Lab, "scan", "-sn", near, "203.0.113.0/28")
	if r.code != exitYes || strings.Contains(r.out, "cut short") || !strings.Contains(r.out, "16 addresses could not be asked: 16 no-route-here") || strings.Contains(r.out, "203.0.113.") {
		t.Errorf("exit %d: %s\n%s", r.code, r.err, r.out)
	}
	if r := command(t.Context(), l.Lab, "scan", "-sn", "203.0.113.0/28"); r.code != exitUnable || !strings.Contains(r.err, "no route") || strings.Contains(r.out, "every port") {
		t.Errorf("exit %d: %s\n%s", r.code, r.err, r.out)
	}
}
