package live_test

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"synscope/internal/lab"
	"synscope/probe/why"
)

// ownScene names, to a copy of this program, the scene that it is for.
const ownScene = "WHY_OWN_SCENE"

// ownScenes change what all programs of a machine share: each runs in a copy of this
// program that has a network namespace to itself.
func ownScenes() []scene {
	return []scene{
		{name: "answers by another interface", wire: elsewhere, spec: lab.HostSpec{Services: echo()}, prepare: detour("1"), want: codes(why.LocalRPFilter)},
		{name: "answers by another interface, which may be", wire: elsewhere, spec: lab.HostSpec{Services: echo()}, prepare: detour("0"), want: codes(why.Healthy)},
		{name: "no free port", spec: lab.HostSpec{Services: echo()}, prepare: exhausted, leaves: 64, want: codes(why.LocalPortsExhausted)},
		{name: "connection tracking full", spec: lab.HostSpec{Services: echo()}, wire: nowhere, prepare: trackingFull, asked: "WHY_CONNTRACK", want: codes(why.LocalConntrackFull)},
	}
}

// TestOwnMachine finds causes on this machine.
func TestOwnMachine(t *testing.T) {
	lab.Require(t)
	if testing.Short() {
		t.Skip("-short: delays of a busy machine are delays of the network to it")
	}
	mine := os.Getenv(ownScene)
	if mine == "" {
		t.Parallel()
	}
	var f firsts
	for _, s := range ownScenes() {
		switch mine {
		case "":
			t.Run(s.name, s.inCopy)
		case s.name:
			test(t, &f, s)
		}
	}
}

// inCopy runs a scene in a copy of this program, which enters a namespace of its own.
func (s scene) inCopy(t *testing.T) {
	if s.asked != "" && os.Getenv(s.asked) == "" {
		t.Skipf("fills the kernel's whole table of connections, some 100 MB: %s=1", s.asked)
	}
	t.Parallel()
	self, err := os.Executable()
	must(t, err)
	c := exec.CommandContext(t.Context(), self, "-test.run=^TestOwnMachine$", "-test.v")
	c.Env = append(os.Environ(), ownScene+"="+s.name)
	out, err := c.CombinedOutput()
	t.Logf("%s", out)
	must(t, err)
}

// sysctl sets a value of the calling thread's namespace.
func sysctl(t *testing.T, path, value string) {
	t.Helper()
	must(t, os.WriteFile("/proc/sys/net/"+path, []byte(value), 0o644))
}

// detour lets the host answer by another link than the one on which it is asked,
// where this machine checks the reverse path or does not.
func detour(check string) func(*testing.T, *lab.Host) {
	return func(t *testing.T, h *lab.Host) { answersBy(t, h, check) }
}

func answersBy(t *testing.T, h *lab.Host, check string) {
	t.Helper()
	var ns *os.File
	must(t, h.Do(func() (err error) { ns, err = os.Open("/proc/thread-self/ns/net"); return err }))
	defer ns.Close()
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "back0"}, PeerName: "back1", PeerNamespace: netlink.NsFd(ns.Fd())}))
	near, err := netlink.LinkByName("back0")
	must(t, err)
	sysctl(t, "ipv4/conf/all/rp_filter", "0")
	sysctl(t, "ipv4/conf/back0/rp_filter", check)
	must(t, netlink.LinkSetUp(near))
	me := net.IP(h.Prober4().AsSlice())
	must(t, h.Do(func() error {
		far, err := netlink.LinkByName("back1")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(far); err != nil {
			return err
		}
		index := far.Attrs().Index
		err = netlink.NeighSet(&netlink.Neigh{LinkIndex: index, IP: me, HardwareAddr: near.Attrs().HardwareAddr, State: unix.NUD_PERMANENT})
		if err != nil {
			return err
		}
		return netlink.RouteReplace(&netlink.Route{LinkIndex: index, Scope: netlink.SCOPE_LINK, Dst: &net.IPNet{IP: me, Mask: net.CIDRMask(32, 32)}})
	}))
}

// exhausted takes nearly all source ports for connections that stay open.
func exhausted(t *testing.T, h *lab.Host) {
	const first, last, left = 40000, 40031, 2
	sysctl(t, "ipv4/ip_local_port_range", fmt.Sprintf("%d %d", first, last))
	for range last - first + 1 - left {
		c, err := net.Dial("tcp", netip.AddrPortFrom(h.Addr4(), port).String())
		must(t, err)
		t.Cleanup(func() { c.Close() })
	}
}

// trackingFull fills this namespace's connection tracking with connections that are
// in use, so that none gives way.
func trackingFull(t *testing.T, h *lab.Host) {
	must(t, chained(&nftables.Chain{Name: "out", Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter},
		nftables.TableFamilyINet, &expr.Ct{Key: expr.CtKeySTATE, Register: 1}))
	most := 0
	b, err := os.ReadFile("/proc/sys/net/netfilter/nf_conntrack_max")
	must(t, err)
	fmt.Sscan(string(b), &most)
	for i := range most + 1 {
		if err := track(i); err != nil {
			t.Logf("%d of %d connections: %v", i, most, err)
			return
		}
	}
}

// Attributes of ctnetlink: enum ctattr_type and its nested ones, and IPS_SEEN_REPLY,
// IPS_ASSURED and IPS_CONFIRMED, in linux/netfilter/nfnetlink_conntrack.h and nf_conntrack_common.h.
const (
	ctaTupleOrig, ctaTupleReply, ctaStatus, ctaTimeout = 1, 2, 3, 7
	ctaTupleIP, ctaTupleProto                          = 1, 2
	ctaIPv4Src, ctaIPv4Dst                             = 1, 2
	ctaProtoNum, ctaProtoSrc, ctaProtoDst              = 1, 2, 3
	statusSeen, statusAssured, statusConfirmed         = 2, 4, 8
)

// track adds the nth connection of a UDP service to the table.
func track(n int) error {
	src, dst := []byte{198, 19, byte(n >> 16), byte(n >> 24)}, []byte{198, 19, 255, 1}
	sport, dport := uint16(n), uint16(4000)
	req := nl.NewNetlinkRequest(unix.NFNL_SUBSYS_CTNETLINK<<8, unix.NLM_F_CREATE|unix.NLM_F_ACK) // IPCTNL_MSG_CT_NEW
	req.AddData(&nl.Nfgenmsg{NfgenFamily: unix.AF_INET})
	tuple := func(kind int, src, dst []byte, sport, dport uint16) {
		a := nl.NewRtAttr(kind|unix.NLA_F_NESTED, nil)
		ip := a.AddRtAttr(ctaTupleIP|unix.NLA_F_NESTED, nil)
		ip.AddRtAttr(ctaIPv4Src, src)
		ip.AddRtAttr(ctaIPv4Dst, dst)
		proto := a.AddRtAttr(ctaTupleProto|unix.NLA_F_NESTED, nil)
		proto.AddRtAttr(ctaProtoNum, []byte{unix.IPPROTO_UDP})
		proto.AddRtAttr(ctaProtoSrc, binary.BigEndian.AppendUint16(nil, sport))
		proto.AddRtAttr(ctaProtoDst, binary.BigEndian.AppendUint16(nil, dport))
		req.AddData(a)
	}
	tuple(ctaTupleOrig, src, dst, sport, dport)
	tuple(ctaTupleReply, dst, src, dport, sport)
	req.AddData(nl.NewRtAttr(ctaStatus, binary.BigEndian.AppendUint32(nil, statusSeen|statusAssured|statusConfirmed)))
	req.AddData(nl.NewRtAttr(ctaTimeout, binary.BigEndian.AppendUint32(nil, 120)))
	_, err := req.Execute(unix.NETLINK_NETFILTER, 0)
	return err
}
