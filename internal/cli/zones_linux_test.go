package cli

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// zoneLab is two hosts that have the same link-local address, each on a link of
// its own; the first serves port 80.
func zoneLab(t *testing.T) (l *lab.Lab, zones [2]string) {
	t.Helper()
	lab.Require(t)
	l, err := lab.New(lab.Spec{Logf: t.Logf, Hosts: []lab.HostSpec{
		{Name: "zone1", Services: []lab.Service{{Ports: []uint16{80}, Manner: lab.AcceptClose}}}, {Name: "zone2"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	for i, h := range l.Hosts() {
		zones[i] = h.Interface()
		if err := h.Do(addLinkLocal); err != nil {
			t.Fatal(err)
		}
	}
	return l, zones
}

// addLinkLocal gives each interface the address fe80::b.
func addLinkLocal() error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, link := range links {
		if link.Attrs().Flags&net.FlagLoopback != 0 {
			continue
		}
		address := netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP("fe80::b"), Mask: net.CIDRMask(64, 128)}, Flags: unix.IFA_F_NODAD}
		if err := netlink.AddrAdd(link, &address); err != nil {
			return err
		}
	}
	return nil
}

// A link-local address is reached in its zone, which the interface gives too, and
// the same address in two zones is two hosts.
func TestZones(t *testing.T) {
	l, zone := zoneLab(t)
	for _, tc := range []struct {
		args string
		code int
	}{
		{"ping -c 2 -i 20ms fe80::b%" + zone[0], exitYes},
		{"ping -c 2 -i 20ms -e " + zone[0] + " fe80::b%" + zone[0], exitYes},
		{"ping -c 2 -i 20ms -e " + zone[0] + " fe80::b", exitYes},
		{"ping -c 2 -i 20ms --engine connect fe80::b%" + zone[0], exitYes},
		{"ping -c 2 -i 20ms --expect refused fe80::b%" + zone[1], exitYes},
		{"ping -c 2 -i 20ms --expect open fe80::b%" + zone[1], exitNo},
		{"ping -c 1 fe80::b%nosuch0", exitUnable},
		{"ping -c 1 --engine connect fe80::b%nosuch0", exitUnable},
		{"scan -p 80 -e nosuch0 fe80::b", exitUnable},
		{"trace fe80::b%" + zone[0], exitYes},
		{"trace -e " + zone[0] + " fe80::b%" + zone[0], exitYes},
		{"trace --expect refused fe80::b%" + zone[1], exitYes},
	} {
		if got := command(t.Context(), l, strings.Fields(tc.args)...); got.code != tc.code {
			t.Errorf("%s: exit %d, want %d\n%s%s", tc.args, got.code, tc.code, got.out, got.err)
		}
	}
	got := command(t.Context(), l, "trace", "-o", "json", "fe80::b%"+zone[0])
	for _, r := range records(t, got.out) {
		if r.str("type") == "hop" && r.str("addr") != "fe80::b%"+zone[0] {
			t.Errorf("hop %v", r["addr"])
		}
	}
	got = command(t.Context(), l, "ping", "-c", "3", "-i", "20ms", "-o", "json", "fe80::b%"+zone[0], "fe80::b%"+zone[1])
	states := map[string]string{}
	for _, r := range records(t, got.out) {
		if r.str("type") == "rtt" {
			states[r.str("addr")] += r.str("state") + " "
		}
	}
	for i, want := range []string{"open open open ", "refused refused refused "} {
		if states["fe80::b%"+zone[i]] != want {
			t.Errorf("in zone %d: %q, want %q", i, states["fe80::b%"+zone[i]], want)
		}
	}
}

// A link-local address without its link is a mistake of the command line, in one
// sentence, whatever the command.
func TestNoZone(t *testing.T) {
	for _, line := range []string{
		"scan -p 80", "scan -sT -p 80", "scan --stateless -p 80", "scan --plan -p 80", "ping -c 1", "handshake", "isn --quick", "trace", "trace --paths",
		"send --flags S", "why",
	} {
		target := "[fe80::b]:80"
		if strings.Contains(line, "-p") {
			target = "fe80::b"
		}
		got := command(t.Context(), nil, append(strings.Fields(line), target)...)
		if got.code != exitUsage || strings.Count(got.err, "\n") != 1 || !strings.Contains(got.err, "write ADDRESS%INTERFACE") || got.out != "" {
			t.Errorf("%s: exit %d, %q %q", line, got.code, got.err, got.out)
		}
	}
}

// What this machine's own firewall refuses says nothing of that port, and is told of
// no other; a limit of it is none.
func TestOwnFirewall(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	l, h := linkLab(t, nil)
	forbid(t, h.Addr4(), 81)
	addr := h.Addr4().String()
	for _, tc := range []struct {
		args, says string
		code       int
	}{
		{"ping -c 2 -i 20ms " + addr + ":81", "this machine's own firewall refuse", exitUnable},
		{"ping -c 2 -i 20ms --expect filtered " + addr + ":81", "no packet could leave", exitUnable},
		{"ping -c 2 -i 20ms " + addr + ":80 " + addr + ":81", "SYN-ACK from", exitYes},
		{"trace " + addr + ":81", "is filtered (local-firewall)", exitUnable},
		{"trace --expect open " + addr + ":81", "no packet could leave", exitUnable},
		{"trace " + addr + ":80", "is open", exitYes},
	} {
		got := command(t.Context(), l, strings.Fields(tc.args)...)
		if got.code != tc.code || !strings.Contains(got.out+got.err, tc.says) {
			t.Errorf("%s: exit %d, want %d and %q\n%s%s", tc.args, got.code, tc.code, tc.says, got.out, got.err)
		}
	}
}

// A firewall of this machine that lets SYNs out and not the RSTs that close what they
// open leaves connections half open at the target: every command says so, nothing is
// laid to the host's charge.
func TestOwnFirewallKeepsResets(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	l, h := linkLab(t, nil)
	refuse(t, []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 1, Mask: []byte{4}, Xor: []byte{0}}, // RST
		&expr.Cmp{Register: 1, Op: expr.CmpOpNeq, Data: []byte{0}},
	})
	target := h.Addr4().String() + ":80"
	for _, line := range []string{
		"scan --stateless --max-retries 0 --timeout 100ms " + target, "scan " + target, "ping -c 2 -i 20ms --flow vary " + target,
		"handshake --withhold synack-ack --watch 100ms " + target, "trace -n " + target, "trace --paths -n " + target,
		"isn " + target, "why --only flows,identity " + target,
	} {
		got := command(t.Context(), l, strings.Fields(line)...)
		if !strings.Contains(got.out, "this machine's firewall refused") || !strings.Contains(got.out, "half open at the targets") {
			t.Errorf("%s: exit %d, %s%s", line, got.code, got.out, got.err)
		}
		for _, blame := range []string{"stopped-answering", "syn-cookies"} {
			if strings.Contains(got.out, blame) {
				t.Errorf("%s says %s\n%s", line, blame, got.out)
			}
		}
		record := command(t.Context(), l, append(strings.Fields(line), "-o", "json")...)
		if !strings.Contains(record.out, `"resets_refused":`) {
			t.Errorf("%s: %s", line, record.out)
		}
	}
}

// forbid has the firewall of this namespace drop what is sent to a port, until the
// test ends.
func forbid(t *testing.T, to netip.Addr, port uint8) {
	t.Helper()
	same := func(base expr.PayloadBase, offset uint32, value []byte) []expr.Any {
		return []expr.Any{
			&expr.Payload{DestRegister: 1, Base: base, Offset: offset, Len: uint32(len(value))},
			&expr.Cmp{Register: 1, Op: expr.CmpOpEq, Data: value},
		}
	}
	refuse(t, append(same(expr.PayloadBaseNetworkHeader, 16, to.AsSlice()), same(expr.PayloadBaseTransportHeader, 2, []byte{0, port})...))
}

// refuse has the firewall of this namespace drop what it sends over IPv4 and a rule
// chooses, until the test ends.
func refuse(t *testing.T, rule []expr.Any) {
	t.Helper()
	c, err := nftables.New()
	if err != nil {
		t.Fatal(err)
	}
	table := c.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "forbid"})
	chain := c.AddChain(&nftables.Chain{
		Name: "output", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter,
	})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(rule, &expr.Verdict{Kind: expr.VerdictDrop})})
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.DelTable(table)
		c.Flush()
	})
}
