package netraw

import (
	"bytes"
	"cmp"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"synscope/internal/lab"
)

// ruleset is a table of this namespace, one base chain and one beside it.
type ruleset struct {
	family nftables.TableFamily
	hook   *nftables.ChainHook
	kind   nftables.ChainType
	policy nftables.ChainPolicy
	base   [][]expr.Any
	beside [][]expr.Any
	device string
}

func (r ruleset) install(t *testing.T) {
	t.Helper()
	conn, err := nftables.New()
	must(err)
	table := conn.AddTable(&nftables.Table{Family: r.family, Name: "t"})
	r.kind = cmp.Or(r.kind, nftables.ChainTypeFilter)
	base := &nftables.Chain{Name: "out", Table: table, Type: r.kind, Hooknum: r.hook,
		Priority: nftables.ChainPriorityFilter, Device: r.device}
	if r.device == "" {
		base.Policy = &r.policy
	}
	beside := conn.AddChain(&nftables.Chain{Name: "beside", Table: table})
	conn.AddChain(base)
	for _, e := range r.beside {
		conn.AddRule(&nftables.Rule{Table: table, Chain: beside, Exprs: e})
	}
	for _, e := range r.base {
		conn.AddRule(&nftables.Rule{Table: table, Chain: base, Exprs: e})
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.DelTable(table); must(conn.Flush()) })
}

// What could take a frame keeps the frame engines from running; what could not
// does not.
func TestOutputFirewall(t *testing.T) {
	if !lab.Apart(t) {
		return
	}
	verdict := func(k expr.VerdictKind) []expr.Any { return []expr.Any{&expr.Verdict{Kind: k}} }
	tcp := []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_TCP}}}
	jump := []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: "beside"}}
	accept, drop := nftables.ChainPolicyAccept, nftables.ChainPolicyDrop
	for name, row := range map[string]struct {
		rules   ruleset
		refuses bool
	}{
		"nothing but a policy": {ruleset{nftables.TableFamilyINet, nftables.ChainHookOutput, "", accept, nil, nil, ""}, false},
		"policy drop":          {ruleset{nftables.TableFamilyINet, nftables.ChainHookOutput, "", drop, nil, nil, ""}, true},
		"policy drop of ip6":   {ruleset{nftables.TableFamilyIPv6, nftables.ChainHookOutput, "", drop, nil, nil, ""}, true},
		"input drops": {ruleset{nftables.TableFamilyINet, nftables.ChainHookInput, "", accept,
			[][]expr.Any{append(tcp, &expr.Verdict{Kind: expr.VerdictDrop})}, nil, ""}, false},
		"count and accept": {ruleset{nftables.TableFamilyIPv4, nftables.ChainHookOutput, "", accept,
			[][]expr.Any{append(tcp, &expr.Counter{}), verdict(expr.VerdictAccept)}, nil, ""}, false},
		"drop": {ruleset{nftables.TableFamilyIPv4, nftables.ChainHookOutput, "", accept,
			[][]expr.Any{append(tcp, &expr.Verdict{Kind: expr.VerdictDrop})}, nil, ""}, true},
		"reject": {ruleset{nftables.TableFamilyIPv4, nftables.ChainHookOutput, "", accept,
			[][]expr.Any{append(tcp, &expr.Reject{Type: unix.NFT_REJECT_TCP_RST})}, nil, ""}, true},
		"drop after a jump": {ruleset{nftables.TableFamilyINet, nftables.ChainHookOutput, "", accept,
			[][]expr.Any{jump}, [][]expr.Any{verdict(expr.VerdictDrop)}, ""}, true},
		"drop in a chain that nothing leads to": {ruleset{nftables.TableFamilyINet, nftables.ChainHookOutput, "", accept,
			nil, [][]expr.Any{verdict(expr.VerdictDrop)}, ""}, false},
		"postrouting drops": {ruleset{nftables.TableFamilyINet, nftables.ChainHookPostrouting, "", accept,
			[][]expr.Any{append(tcp, &expr.Verdict{Kind: expr.VerdictDrop})}, nil, ""}, true},
		"masquerade": {ruleset{nftables.TableFamilyIPv4, nftables.ChainHookPostrouting, nftables.ChainTypeNAT, accept,
			[][]expr.Any{append(tcp, &expr.Masq{})}, nil, ""}, false},
		"a limit": {ruleset{nftables.TableFamilyINet, nftables.ChainHookOutput, "", accept,
			[][]expr.Any{{&expr.Limit{Type: expr.LimitTypePkts, Rate: 500, Unit: expr.LimitTimeSecond, Burst: 5, Over: true},
				&expr.Verdict{Kind: expr.VerdictDrop}}}, nil, ""}, true},
		"egress": {ruleset{nftables.TableFamilyNetdev, nftables.ChainHookEgress, "", accept,
			[][]expr.Any{verdict(expr.VerdictDrop)}, nil, "here0"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			newPeer(t)
			row.rules.install(t)
			err := checkOutput("")
			if errors.Is(err, ErrOutputFirewall) != row.refuses || err != nil && !row.refuses {
				t.Errorf("%v, want a refusal %v", err, row.refuses)
			}
			if row.refuses && !strings.Contains(err.Error(), `"out"`) {
				t.Errorf("%v does not name the chain", err)
			}
			c, err := OpenPacket(nil, synTemplates(t))
			if errors.Is(err, ErrOutputFirewall) != row.refuses {
				t.Errorf("OpenPacket: %v", err)
			}
			if err == nil {
				c.Close()
			}
		})
	}
}

// A map of verdicts may hold any.
func TestOutputVerdictMap(t *testing.T) {
	newPeer(t)
	conn, err := nftables.New()
	must(err)
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "t"})
	chain := conn.AddChain(&nftables.Chain{Name: "out", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityFilter})
	set := &nftables.Set{Table: table, Name: "m", IsMap: true, KeyType: nftables.TypeInetService, DataType: nftables.TypeVerdict}
	must(conn.AddSet(set, []nftables.SetElement{{Key: binaryutil.BigEndian.PutUint16(80), VerdictData: &expr.Verdict{Kind: expr.VerdictDrop}}}))
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Lookup{SourceRegister: 1, DestRegister: 0, IsDestRegSet: true, SetName: "m", SetID: set.ID},
	}})
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.DelTable(table); must(conn.Flush()) })
	if err := checkOutput(""); !errors.Is(err, ErrOutputFirewall) {
		t.Errorf("%v", err)
	}
}

// What IPsec would block or encrypt is not passed by.
func TestOutputPolicies(t *testing.T) {
	newPeer(t)
	for _, action := range []netlink.PolicyAction{netlink.XFRM_POLICY_BLOCK, netlink.XFRM_POLICY_ALLOW} {
		policy := &netlink.XfrmPolicy{Dir: netlink.XFRM_DIR_OUT, Action: action,
			Src: &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, Dst: &net.IPNet{IP: net.IPv4(192, 0, 2, 0).To4(), Mask: net.CIDRMask(24, 32)}}
		switch err := netlink.XfrmPolicyAdd(policy); {
		case errors.Is(err, unix.EPROTONOSUPPORT): // socket(2) of NETLINK_XFRM
			t.Skip("this kernel has no IPsec")
		case err != nil:
			t.Fatal(err)
		}
		if err := checkOutput(""); !errors.Is(err, ErrOutputFirewall) || !strings.Contains(err.Error(), "IPsec") {
			t.Errorf("action %v: %v", action, err)
		}
		if err := netlink.XfrmPolicyDel(policy); err != nil {
			t.Fatal(err)
		}
	}
	if err := checkOutput(""); err != nil {
		t.Errorf("without a policy: %v", err)
	}
}

// Whoever may not look does not pass by.
func TestOutputFirewallUnseen(t *testing.T) {
	newPeer(t)
	withCapabilities(func() {
		if err := checkOutput(""); !errors.Is(err, ErrOutputFirewall) || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
			t.Errorf("%v", err)
		}
	}, unix.CAP_NET_RAW)
}

// The older iptables, where its command is present.
func TestOutputLegacy(t *testing.T) {
	command, err := exec.LookPath("iptables-legacy")
	if err != nil {
		t.Skip("no iptables-legacy")
	}
	newPeer(t)
	t.Setenv("XTABLES_LOCKFILE", filepath.Join(t.TempDir(), "lock")) // the usual one is root's
	if out, err := exec.Command(command, "-L", "-n").CombinedOutput(); bytes.Contains(out, []byte("Table does not exist")) {
		t.Skipf("this kernel has no older iptables: %v: %s", err, out)
	}
	run := func(command string, args ...string) {
		t.Helper()
		if out, err := exec.Command(command, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v: %s", command, args, err, out)
		}
	}
	check := func(what string, refuses bool) {
		t.Helper()
		if err := checkOutput(""); errors.Is(err, ErrOutputFirewall) != refuses || err != nil && !refuses {
			t.Errorf("%s: %v", what, err)
		}
	}
	six := strings.Replace(command, "iptables", "ip6tables", 1)
	for _, command := range []string{command, six} {
		run(command, "-L")
		check(command+" without rules", false)
		run(command, "-A", "INPUT", "-p", "tcp", "--dport", "80", "-j", "DROP")
		check(command+" with an input rule", false)
		run(command, "-A", "OUTPUT", "-p", "tcp", "--dport", "80", "-j", "DROP")
		check(command+" with an output rule", true)
		run(command, "-F")
		check(command+" flushed", false)
		run(command, "-P", "OUTPUT", "DROP")
		check(command+" with a policy", true)
		run(command, "-P", "OUTPUT", "ACCEPT")
		check(command+" with none", false)
	}
}
