package netraw

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// checkOutput refuses to send frames past the queueing discipline, by an interface or by
// any, where a rule for what this machine sends could take one: nftables' hooks output and
// postrouting, those of iptables of both kinds, and egress of an interface; where an IPsec
// policy could, which blocks packets or has them leave encrypted; where a BPF program of
// this process's cgroup sees what it sends, or a BPF program or a filter of tc what leaves
// by the interface; and where rules mark packets, and the kernel routes by marks. Rules
// that only count or translate are no obstacle, nor are those that only accept.
//
// Only CAP_NET_ADMIN may look; whoever may not is refused too.
func checkOutput(ifname string) error {
	return refuseOutput(firstOf(
		func() (string, error) { return firstOutputRule(rulesThatTake) },
		firstOutputPolicy, firstOutputProgram,
		func() (string, error) { return firstOutputFilter(ifname) },
	))
}

// checkAnyOutput is checkOutput for frames that go through the queueing discipline, and
// are to be what the kernel would have sent: rules that only look, mark or translate are
// obstacles too, and what an interface filters is not.
func checkAnyOutput() error {
	return refuseOutput(firstOf(
		func() (string, error) { return firstOutputRule(rulesAtAll) },
		firstOutputPolicy, firstOutputProgram,
	))
}

// obstacle says which rules frames must not pass by.
type obstacle uint8

const (
	rulesThatTake obstacle = iota // those that could end a probe's way, or send it another
	rulesAtAll                    // also those that only look, or translate addresses
)

// firstOf looks until something is found.
func firstOf(looks ...func() (where string, err error)) (where string, err error) {
	for _, look := range looks {
		if where, err = look(); where != "" || err != nil {
			break
		}
	}
	return where, err
}

// refuseOutput is the error of what was found.
func refuseOutput(where string, err error) error {
	switch {
	case errors.Is(err, errUnseenPrograms):
		return fmt.Errorf("%w: %w", err, ErrOutputFirewall)
	case err != nil && (calls(err, "socket") || holds(unix.CAP_NET_ADMIN)) && errors.Is(sandboxed(err), ErrSandbox):
		return fmt.Errorf("read output rules: %w", sandboxed(err))
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("only CAP_NET_ADMIN may look whether there are output rules: %w", ErrOutputFirewall)
	case err != nil:
		return fmt.Errorf("read output rules: %w: %w", err, ErrOutputFirewall)
	case where != "":
		return fmt.Errorf("%s could take a probe: %w", where, ErrOutputFirewall)
	}
	return nil
}

// firstOutputRule names a chain that is an obstacle, "" if there is none.
func firstOutputRule(what obstacle) (where string, err error) {
	if _, err := os.Stat("/proc/thread-self/net/netfilter"); errors.Is(err, fs.ErrNotExist) && what == rulesThatTake {
		return "", nil
	}
	if where, err = nftablesOutput(what); where != "" || err != nil {
		return where, err
	}
	return legacyOutput(what)
}

// firstOutputPolicy names an IPsec policy for what is sent here (ip-xfrm(8)), "" if
// there is none.
func firstOutputPolicy() (string, error) {
	var policies []netlink.XfrmPolicy
	err := whole(func() (err error) { policies, err = netlink.XfrmPolicyList(netlink.FAMILY_ALL); return err })
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) {
		return "", nil // a kernel without IPsec
	}
	for i := range policies {
		if policies[i].Dir == netlink.XFRM_DIR_OUT {
			return "an IPsec policy", nil
		}
	}
	return "", err
}

func nftablesOutput(what obstacle) (string, error) {
	conn, err := nftables.New()
	if err != nil {
		return "", err
	}
	chains, err := conn.ListChains()
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		return "", nil // a kernel without nftables
	}
	if err != nil {
		return "", err
	}
	byMarks := routesByMarks()
	for _, c := range chains {
		if !meetsOutput(c) || what == rulesThatTake && c.Type == nftables.ChainTypeNAT {
			continue
		}
		takes, err := takesPackets(conn, c, obstaclesIn(c, what, byMarks))
		if err != nil {
			return "", err
		}
		if takes {
			return fmt.Sprintf("nftables chain %q of table %q", c.Name, c.Table.Name), nil
		}
	}
	return "", nil
}

// meetsOutput reports whether a base chain sees what is sent here.
func meetsOutput(c *nftables.Chain) bool {
	if c.Hooknum == nil {
		return false
	}
	switch c.Table.Family {
	case nftables.TableFamilyIPv4, nftables.TableFamilyIPv6, nftables.TableFamilyINet:
		return *c.Hooknum == *nftables.ChainHookOutput || *c.Hooknum == *nftables.ChainHookPostrouting
	case nftables.TableFamilyNetdev:
		return *c.Hooknum == *nftables.ChainHookEgress
	}
	return false
}

// obstaclesIn are the expressions that are obstacles in a chain; nil: all are. Those of an
// interface may hand a packet to another (fwd), which the library does not tell of. A chain
// of type route has the kernel look its route up anew for what it has marked: nft(8).
func obstaclesIn(c *nftables.Chain, what obstacle, byMarks bool) []func(expr.Any) bool {
	switch {
	case what == rulesAtAll, c.Table.Family == nftables.TableFamilyNetdev:
		return nil
	case byMarks && c.Type == nftables.ChainTypeRoute:
		return []func(expr.Any) bool{takes, marks}
	}
	return []func(expr.Any) bool{takes}
}

func anyOf(are []func(expr.Any) bool, e expr.Any) bool {
	return slices.ContainsFunc(are, func(is func(expr.Any) bool) bool { return is(e) })
}

// takesPackets reports whether a packet may meet an obstacle in a chain, or in one that it
// leads to.
func takesPackets(conn *nftables.Conn, base *nftables.Chain, obstacles []func(expr.Any) bool) (bool, error) {
	if base.Policy != nil && *base.Policy == nftables.ChainPolicyDrop {
		return true, nil
	}
	queue, seen := []string{base.Name}, map[string]bool{base.Name: true}
	for len(queue) > 0 {
		rules, err := conn.GetRules(base.Table, &nftables.Chain{Name: queue[0], Table: base.Table})
		if err != nil {
			return false, err
		}
		if queue = queue[1:]; obstacles == nil && len(rules) > 0 {
			return true, nil
		}
		for _, r := range rules {
			if slices.ContainsFunc(r.Exprs, func(e expr.Any) bool { return anyOf(obstacles, e) }) {
				return true, nil
			}
			for _, next := range leadsTo(r) {
				if !seen[next] {
					seen[next] = true
					queue = append(queue, next)
				}
			}
		}
	}
	return false, nil
}

// harmlessTargets are those of iptables that let a packet go on: iptables-extensions(8).
var harmlessTargets = []string{"LOG", "NFLOG", "MARK", "CONNMARK", "CONNSECMARK", "SECMARK", "CT", "AUDIT", "TRACE", "ACCEPT", "SET", "CLASSIFY"}

// takes reports whether an expression may end a packet's way, or send it another.
func takes(e expr.Any) bool {
	switch e := e.(type) {
	case *expr.Verdict:
		return e.Kind == expr.VerdictDrop || e.Kind == expr.VerdictQueue || e.Kind == expr.VerdictStolen
	case *expr.Reject, *expr.Queue, *expr.SynProxy:
		return true
	case *expr.Lookup:
		return e.IsDestRegSet && e.DestRegister == unix.NFT_REG_VERDICT // a map of verdicts
	case *expr.Target:
		return !slices.Contains(harmlessTargets, e.Name)
	}
	return false
}

// marks reports whether an expression may change what the kernel routes a packet by.
func marks(e expr.Any) bool {
	switch e := e.(type) {
	case *expr.Meta:
		return e.SourceRegister && e.Key == expr.MetaKeyMARK
	case *expr.Payload:
		return e.OperationType == expr.PayloadWrite
	case *expr.Target:
		return strings.HasSuffix(e.Name, "MARK") // MARK and CONNMARK
	}
	return false
}

// routesByMarks reports whether a rule of the kernel looks at a packet's mark or its type of
// service (ip-rule(8)), which rules for output may set; true where that cannot be read.
func routesByMarks() bool {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		var rules []netlink.Rule
		err := whole(func() (err error) { rules, err = netlink.RuleList(family); return err })
		if err != nil && !isErrno(err, unix.EAFNOSUPPORT, unix.EOPNOTSUPP) {
			return true
		}
		if slices.ContainsFunc(rules, func(r netlink.Rule) bool { return r.Mark != 0 || r.Mask != nil || r.Tos != 0 }) {
			return true
		}
	}
	return false
}

func leadsTo(r *nftables.Rule) (chains []string) {
	for _, e := range r.Exprs {
		if v, ok := e.(*expr.Verdict); ok && (v.Kind == expr.VerdictJump || v.Kind == expr.VerdictGoto) {
			chains = append(chains, v.Chain)
		}
	}
	return chains
}

// outputTranslated reports whether a rule of this machine may translate the addresses
// of what it sends. Who may not look at the rules goes by whether the kernel
// translates anything at all.
func outputTranslated() bool {
	if _, err := os.Stat("/proc/thread-self/net/ip_vs"); err == nil {
		return true
	}
	if _, err := os.Stat("/proc/thread-self/net/netfilter"); errors.Is(err, fs.ErrNotExist) {
		return false
	}
	for _, names := range []string{"ip", "ip6"} {
		tables, _ := os.ReadFile("/proc/thread-self/net/" + names + "_tables_names")
		if slices.Contains(strings.Fields(string(tables)), "nat") {
			return true
		}
	}
	conn, err := nftables.New()
	if err != nil {
		return false
	}
	chains, err := conn.ListChains()
	if errors.Is(err, unix.EPERM) {
		_, err := os.Stat("/sys/module/nf_nat")
		return err == nil
	}
	for _, c := range chains {
		if !meetsOutput(c) || c.Type != nftables.ChainTypeNAT {
			continue
		}
		if rules, err := conn.GetRules(c.Table, c); err != nil || len(rules) > 0 {
			return true
		}
	}
	return false
}
