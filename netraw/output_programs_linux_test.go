package netraw

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	bpflink "github.com/cilium/ebpf/link"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"synscope/craft"
	"synscope/internal/lab"
)

// outputPolicy is one of this machine that is not netfilter's, and how to set it up.
type outputPolicy struct {
	name  string
	words string // that name it
	// frames: those that go through the queueing discipline pass it by, or may.
	frames  bool
	install func(t *testing.T)
	errno   unix.Errno // that it refuses packets by
}

var outputPolicies = []outputPolicy{
	{"cgroup", "cgroup", true, denyCgroup, unix.EPERM},
	{"tcx", "tcx", false, func(t *testing.T) { dropTCX(t) }, unix.ENOBUFS},
	{"clsact", "filter of tc", false, func(t *testing.T) { dropFilter(t, clsact(t), netlink.HANDLE_MIN_EGRESS) }, unix.ENOBUFS},
	{"classful", "filter of tc", false, func(t *testing.T) { dropFilter(t, htb(t), netlink.MakeHandle(1, 0)) }, 0}, // htb drops without a word
	{"marks", `chain "out"`, true, func(t *testing.T) { markRoute(t) }, unix.EINVAL},
}

// Frames do not leave where policy other than netfilter's has a say in what is sent.
func TestOutputPoliciesOfOthers(t *testing.T) {
	for _, p := range outputPolicies {
		t.Run(p.name, func(t *testing.T) {
			newPeer(t)
			enterCgroup(t)
			if err := checkOutput(""); err != nil {
				t.Fatalf("without it: %v", err)
			}
			p.install(t)
			for _, ifname := range []string{"", "here0"} {
				if err := checkOutput(ifname); !errors.Is(err, ErrOutputFirewall) || !strings.Contains(err.Error(), p.words) {
					t.Errorf("interface %q: %v", ifname, err)
				}
			}
			if err := checkAnyOutput(); errors.Is(err, ErrOutputFirewall) != p.frames || err != nil && !p.frames {
				t.Errorf("frames through the queueing discipline: %v", err)
			}
			c, err := OpenPacket(nil, synTemplates(t))
			if !errors.Is(err, ErrOutputFirewall) {
				t.Errorf("OpenPacket: %v", err)
			}
			if err == nil {
				c.Close()
			}
		})
	}
}

// What has no say in what leaves is no obstacle.
func TestOutputPoliciesThatDoNotTake(t *testing.T) {
	for name, install := range map[string]func(t *testing.T){
		"ingress filter":                  func(t *testing.T) { dropFilter(t, clsact(t), netlink.HANDLE_MIN_INGRESS) },
		"no filter":                       func(t *testing.T) { clsact(t) },
		"queue":                           func(t *testing.T) { htb(t) },
		"marks without a rule that looks": func(t *testing.T) { installMark(t, nftables.ChainTypeRoute) },
		"marks that do not reroute":       func(t *testing.T) { installMark(t, nftables.ChainTypeFilter); addMarkRule(t) },
		"a rule that looks without marks": addMarkRule,
	} {
		t.Run(name, func(t *testing.T) {
			newPeer(t)
			install(t)
			if err := checkOutput(""); err != nil {
				t.Error(err)
			}
		})
	}
}

// A policy that comes while an engine of frames runs is kept to.
func TestEnginesObeyPoliciesThatComeLater(t *testing.T) {
	for _, p := range outputPolicies {
		t.Run(p.name, func(t *testing.T) {
			peer := newPeer(t)
			enterCgroup(t)
			internet(t, peer, lab.World{})
			c := openPacket(t, Config{})
			probes := probesOf(64, c.Ports()[0])
			four := probes[:0:0]
			for _, f := range probes {
				if f.Dst.Addr().Is4() {
					four = append(four, f)
				}
			}
			if n, err := blast(t, c, four); n != len(four) || err != nil {
				t.Fatal(n, err)
			}
			p.install(t)
			frames := func() uint64 { return c.out.sent.Load() }
			eventually(t, "frames to end", func() bool {
				time.Sleep(trialEvery / 4)
				before := frames()
				n, err := c.Blast(four)
				return frames() == before && (errors.Is(err, p.errno) || p.errno == 0 && n == len(four))
			})
			before := frames()
			for range 3 {
				c.Blast(four)
			}
			if now := frames(); now != before {
				t.Errorf("%d frames left after the kernel had refused one", now-before)
			}
		})
	}
}

// The frames of a connection obey a cgroup's program that comes later too.
func TestFramesObeyPoliciesThatComeLater(t *testing.T) {
	newPeer(t)
	enterCgroup(t)
	c := open(t, &Config{SendFrames: true})
	_, err := c.Route(peer4)
	must(err)
	probe := probesOf(2, c.Ports()[0])[1]
	probe.Dst = netip.AddrPortFrom(peer4, 1)
	pkt := synTemplates(t).V4.AppendTo(nil, probe)
	if n, err := c.Send([][]byte{pkt, pkt, pkt}); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	denyCgroup(t)
	eventually(t, "the kernel to refuse a packet", func() bool {
		_, err := c.Send([][]byte{pkt})
		return errors.Is(err, unix.EPERM)
	})
	for range 20 {
		if n, err := c.Send([][]byte{pkt}); n != 0 || !errors.Is(err, unix.EPERM) {
			t.Errorf("%d left, %v", n, err)
		}
	}
}

// Where the kernel wraps packets, or a program of the route looks at them, frames do not
// leave: the wire sees what the kernel made of the probe.
func TestFramesOverARouteThatWraps(t *testing.T) {
	newPeer(t)
	encap := &netlink.BpfEncap{}
	must(encap.SetProg(nl.LWT_BPF_OUT, program(t, ebpf.LWTOut, 0).FD(), "pass"))
	if err := netlink.RouteAdd(&netlink.Route{Dst: ipNet(far4.String() + "/32"), Gw: peer4.AsSlice(), LinkIndex: linkIndex("here0"), Encap: encap}); err != nil {
		lacks(t, err)
	}
	c := openPacket(t, Config{})
	probe := probesOf(2, c.Ports()[0])[1]
	probe.Dst = netip.AddrPortFrom(far4, 80)
	for range 4 {
		if n, err := blast(t, c, []craft.Fields{probe}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	if frames := c.out.sent.Load(); frames > 0 {
		t.Errorf("%d frames", frames)
	}
	s := open(t, &Config{SendFrames: true})
	_, err := s.Route(far4)
	must(err)
	if path := s.out.frames.path(far4); path != (framePath{}) {
		t.Errorf("%+v", path)
	}
}

func linkIndex(name string) int {
	link, err := netlink.LinkByName(name)
	must(err)
	return link.Attrs().Index
}

// enterCgroup moves this process into a cgroup of its own until the test ends: a socket
// belongs to that in which it was made.
func enterCgroup(t *testing.T) {
	t.Helper()
	home, err := ownCgroup()
	must(err)
	if home == "" {
		skip(t, "no cgroup of the second version is mounted")
	}
	dir := filepath.Join(home, fmt.Sprintf("netraw-test-%d-%d", os.Getpid(), time.Now().UnixNano()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		skip(t, err.Error())
	}
	t.Cleanup(func() { eventually(t, "the cgroup to be empty", func() bool { return os.Remove(dir) == nil }) })
	move := func(to string) error {
		return os.WriteFile(filepath.Join(to, "cgroup.procs"), []byte(itoa(os.Getpid())), 0)
	}
	if err := move(dir); err != nil {
		skip(t, err.Error())
	}
	t.Cleanup(func() { must(move(home)) })
}

// denyCgroup has the cgroup that was entered let nothing out, as IPAddressDeny= of
// systemd.resource-control(5) does.
func denyCgroup(t *testing.T) {
	t.Helper()
	dir, err := ownCgroup()
	must(err)
	if !strings.HasPrefix(filepath.Base(dir), "netraw-test-") {
		t.Fatalf("cgroup %s is not that of a test", dir)
	}
	deny := program(t, ebpf.CGroupSKB, 0)
	link, err := bpflink.AttachCgroup(bpflink.CgroupOptions{Path: dir, Attach: ebpf.AttachCGroupInetEgress, Program: deny})
	must(err)
	t.Cleanup(func() { must(link.Close()) })
}

// program is one that does nothing but return a number.
func program(t *testing.T, kind ebpf.ProgramType, returns int32) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: kind, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, returns), asm.Return()}})
	if err != nil {
		skip(t, err.Error())
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// shot is TC_ACT_SHOT of include/uapi/linux/pkt_cls.h.
const shot = 2

func dropTCX(t *testing.T) {
	t.Helper()
	at, err := netlink.LinkByName("here0")
	must(err)
	link, err := bpflink.AttachTCX(bpflink.TCXOptions{Interface: at.Attrs().Index, Program: program(t, ebpf.SchedCLS, shot), Attach: ebpf.AttachTCXEgress})
	if err != nil {
		skip(t, err.Error())
	}
	t.Cleanup(func() { must(link.Close()) })
}

// clsact and htb put a queueing discipline on the test's interface, which goes with it.
func clsact(t *testing.T) netlink.Link {
	return discipline(t, func(a netlink.QdiscAttrs) netlink.Qdisc {
		a.Handle, a.Parent = netlink.MakeHandle(0xffff, 0), netlink.HANDLE_CLSACT
		return &netlink.GenericQdisc{QdiscAttrs: a, QdiscType: "clsact"}
	})
}

func htb(t *testing.T) netlink.Link {
	return discipline(t, func(a netlink.QdiscAttrs) netlink.Qdisc {
		a.Handle, a.Parent = netlink.MakeHandle(1, 0), netlink.HANDLE_ROOT
		return netlink.NewHtb(a)
	})
}

// lacks leaves a test out where the kernel was built without what it asked for; any other
// refusal fails it.
func lacks(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
		t.Skipf("not in this kernel: %v", err)
	}
	t.Fatal(err)
}

func discipline(t *testing.T, of func(netlink.QdiscAttrs) netlink.Qdisc) netlink.Link {
	t.Helper()
	at, err := netlink.LinkByName("here0")
	must(err)
	if err := netlink.QdiscAdd(of(netlink.QdiscAttrs{LinkIndex: at.Attrs().Index})); err != nil {
		lacks(t, err)
	}
	return at
}

// dropFilter drops what meets a hook of an interface: a program, as `tc filter ... bpf da`.
func dropFilter(t *testing.T, at netlink.Link, parent uint32) {
	t.Helper()
	if err := netlink.FilterAdd(&netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: at.Attrs().Index, Parent: parent, Handle: 1, Priority: 1, Protocol: unix.ETH_P_ALL},
		Fd:          program(t, ebpf.SchedCLS, shot).FD(), Name: "drop", DirectAction: true,
	}); err != nil {
		skip(t, err.Error())
	}
}

// mark is what packets are marked with.
const mark = 0x22

// markRoute has marks decide on the route of all that is sent, to nowhere: what a split
// tunnel of a VPN does, and what cuts everybody off while it is down.
func markRoute(t *testing.T) {
	t.Helper()
	installMark(t, nftables.ChainTypeRoute)
	addMarkRule(t)
}

func addMarkRule(t *testing.T) {
	t.Helper()
	r := netlink.NewRule()
	r.Mark, r.Family, r.Type, r.Priority = mark, unix.AF_INET, unix.RTN_BLACKHOLE, 100
	must(netlink.RuleAdd(r))
	t.Cleanup(func() { must(netlink.RuleDel(r)) })
}

func installMark(t *testing.T, kind nftables.ChainType) {
	t.Helper()
	ruleset{family: nftables.TableFamilyINet, hook: nftables.ChainHookOutput, kind: kind, policy: nftables.ChainPolicyAccept,
		base: [][]expr.Any{{
			&expr.Immediate{Register: 1, Data: []byte{mark, 0, 0, 0}},
			&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
		}}}.install(t)
}
