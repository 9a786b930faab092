//go:build linux

package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// protect installs the rules of a host and its routers.
func (h *Host) protect(spec HostSpec) error {
	for i, r := range spec.Routers {
		if err := h.stations[i].filter(nftables.ChainHookForward, r.Rules, nil); err != nil {
			return fmt.Errorf("firewall of router %d: %w", i, err)
		}
	}
	if err := h.ns.filter(nftables.ChainHookInput, spec.Rules, spec.SynProxy); err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	if spec.SynProxy == nil {
		return nil
	}
	if err := h.verifyChecksums(); err != nil {
		return fmt.Errorf("receive offload for the SYN proxy: %w", err)
	}
	return nil
}

// verifyChecksums makes the host's interface verify checksums, as one of metal
// does: generic receive offload checks TCP before it merges segments
// (net/ipv6/tcpv6_offload.c, tcp6_gro_receive). A veth takes that way only for what
// an end without segmentation offload sends (drivers/net/veth.c,
// veth_skb_is_eligible_for_gro).
func (h *Host) verifyChecksums() error {
	ns, ifname := h.opposite()
	if err := ns.do(func() error { return setOffload(ifname, unix.ETHTOOL_STSO, 0) }); err != nil {
		return err
	}
	return h.ns.do(func() error { return setOffload(towardsProber, unix.ETHTOOL_SGRO, 1) })
}

// opposite is the interface at the other end of the host's own link.
func (h *Host) opposite() (*namespace, string) {
	switch n := len(h.stations); {
	case n > 1:
		return h.stations[n-2], towardsHost
	case h.wire != nil:
		return h.wire.ns, towardsHost
	}
	return h.prober, h.Interface()
}

// filter installs rules at one hook of a namespace, in one transaction. A
// namespace without rules gets no table.
func (n *namespace) filter(hook *nftables.ChainHook, rules []Rule, proxy *SynProxy) error {
	if len(rules) == 0 && proxy == nil {
		return nil
	}
	conn, err := nftables.New(nftables.WithNetNSFd(int(n.file.Fd())))
	if err != nil {
		return err
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "lab"})
	chain := conn.AddChain(&nftables.Chain{
		Name: "filter", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: hook, Priority: nftables.ChainPriorityFilter,
	})
	for i, r := range rules {
		exprs, err := r.compile()
		if err != nil {
			return fmt.Errorf("rule %d: %w", i, err)
		}
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: exprs})
	}
	if proxy != nil {
		proxy.install(conn, table, chain)
	}
	if err := conn.Flush(); err != nil {
		return err
	}
	if proxy != nil {
		return n.set(synProxySysctls)
	}
	return nil
}

// RestrictOutput adds rules to what leaves the calling process's own network
// namespace, which must be a private one: a namespace of which no ancestor of the
// process is a member. remove takes them away again.
func RestrictOutput(rules ...Rule) (remove func() error, err error) {
	if shared, err := sharesNamespace(); err != nil || shared {
		return nil, errors.Join(fmt.Errorf("lab: %w: this namespace is not a private one", ErrNotPermitted), err)
	}
	n, err := openNamespace()
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	if err := n.filter(nftables.ChainHookOutput, rules, nil); err != nil {
		return nil, errors.Join(fmt.Errorf("lab: output rules: %w", err), n.close())
	}
	return func() error { return errors.Join(n.unfilter(), n.close()) }, nil
}

// sharesNamespace tells whether the process is in its parent's network namespace.
// A parent that may not be looked at is outside of this user namespace
// (ptrace(2)), in which there are no rights over a network namespace of his.
func sharesNamespace() (bool, error) {
	own, err := os.Readlink(ownNetNS)
	if err != nil {
		return false, err
	}
	parent, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", os.Getppid()))
	if errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	return own == parent, err
}

// unfilter removes the table of filter.
func (n *namespace) unfilter() error {
	conn, err := nftables.New(nftables.WithNetNSFd(int(n.file.Fd())))
	if err != nil {
		return err
	}
	conn.DelTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "lab"})
	return conn.Flush()
}

// synProxySysctls are what a SYN proxy needs: cookies with all their options,
// and a third ACK that conntrack leaves invalid instead of adopting it.
var synProxySysctls = Sysctls{
	"net.ipv4.tcp_syncookies":              "1",
	"net.ipv4.tcp_timestamps":              "1",
	"net.netfilter.nf_conntrack_tcp_loose": "0",
}

// install adds what nft(8), "SYNPROXY STATEMENT", prescribes:
//
//	prerouting, priority raw: tcp dport P tcp flags & (fin|syn|rst|ack) == syn notrack
//	input: tcp dport P ct state invalid,untracked synproxy …
//	input: tcp dport P ct state invalid drop
func (p *SynProxy) install(conn *nftables.Conn, table *nftables.Table, input *nftables.Chain) {
	raw := conn.AddChain(&nftables.Chain{
		Name: "raw", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw,
	})
	add := func(chain *nftables.Chain, parts ...[]expr.Any) {
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: concat(parts...)})
	}
	for _, port := range p.Ports {
		to := concat(isTCP(), toPorts(Port(port)))
		add(raw, to, hasFlags(flagsFSRA, flagSYN), []expr.Any{&expr.Notrack{}})
		add(input, to, inState(expr.CtStateBitINVALID|expr.CtStateBitUNTRACKED), []expr.Any{p.statement()})
		add(input, to, inState(expr.CtStateBitINVALID), verdict(expr.VerdictDrop))
	}
}

func (p *SynProxy) statement() *expr.SynProxy {
	return &expr.SynProxy{
		Mss: p.MSS, Wscale: p.WindowScale, WscaleValueSet: p.WindowScale > 0,
		Timestamp: p.Timestamps, SackPerm: p.SACK,
	}
}
