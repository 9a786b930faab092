package netraw

import (
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// remarks names the rules of the kernel that look at more of a packet than a raw
// socket tells it, rtnetlink(7) and ip-rule(8): it routes a packet with its own
// header by addresses and type of service alone (raw_sendmsg in net/ipv4/raw.c).
// A connection of the kernel's own may take another way.
func (r *router) remarks() (list []string) {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		r.mu.Lock()
		rules, err := r.rules(family)
		r.mu.Unlock()
		if err != nil {
			continue
		}
		for i := range rules {
			if by := unseen(&rules[i]); by != "" {
				list = append(list, fmt.Sprintf("`ip rule` %d routes by %s, which raw packets are not routed by: "+
					"a connection may take another way than the probes", rules[i].Priority, by))
			}
		}
	}
	return list
}

func (r *router) rules(family int) (list []netlink.Rule, err error) {
	if r.handle == nil {
		return nil, nil
	}
	err = whole(func() (err error) { list, err = r.handle.RuleList(family); return err })
	return list, err
}

// unseen is what a rule selects by that a raw packet does not show, "" for
// nothing.
func unseen(rule *netlink.Rule) string {
	switch {
	case rule.Dport != nil:
		return "destination port"
	case rule.Sport != nil:
		return "source port"
	case rule.IPProto != 0:
		return "protocol"
	}
	return ""
}
