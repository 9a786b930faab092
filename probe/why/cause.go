package why

import "cmp"

// Code names a cause: stable, kebab-case, known to synscope explain.
type Code string

// The codes.
const (
	Healthy             Code = "healthy"
	LocalNoRoute        Code = "local-no-route"
	LocalSourceAddress  Code = "local-source-address"
	LocalFirewall       Code = "local-firewall"
	LocalRPFilter       Code = "local-rp-filter"
	LocalPortsExhausted Code = "local-ports-exhausted"
	LocalConntrackFull  Code = "local-conntrack-full"
	LocalNoNeighbour    Code = "local-no-neighbour"
	LocalInterface      Code = "local-interface"

	PathOneOfSeveral   Code = "path-one-of-several"
	PathLoss           Code = "path-loss"
	PathSYNRateLimit   Code = "path-syn-rate-limit"
	PathConntrackFull  Code = "path-conntrack-full"
	PathFirewallDrop   Code = "path-firewall-drop"
	PathFirewallReject Code = "path-firewall-reject"
	PathFirewallReset  Code = "path-firewall-reset"
	PathInjectedReset  Code = "path-injected-reset"
	PathProxy          Code = "path-proxy"
	PathDropsOption    Code = "path-drops-option"
	PathDropsECN       Code = "path-drops-ecn"
	PathDropsTOS       Code = "path-drops-tos"
	PathMTUBlackHole   Code = "path-mtu-black-hole"
	PathIdleTimeout    Code = "path-idle-timeout"
	PathReturnLoss     Code = "path-return-loss"
	PathSYNProof       Code = "path-syn-authentication"
	NATPAWS            Code = "nat-paws"
	NATOldConnection   Code = "nat-old-connection"
	NATOtherAddress    Code = "nat-other-address"

	HostDown             Code = "host-down"
	HostNotListening     Code = "host-not-listening"
	HostAcceptQueue      Code = "host-accept-queue"
	HostAcceptQueueReset Code = "host-accept-queue-reset"
	HostSYNQueue         Code = "host-syn-queue"
	HostSYNCookies       Code = "host-syn-cookies"
	HostFirewall         Code = "host-firewall"
	HostConnectionLimit  Code = "host-connection-limit"
	HostTimeWait         Code = "host-time-wait"
	HostSlow             Code = "host-slow"

	BackendDead     Code = "backend-dead"
	BackendRefusing Code = "backend-refusing"
	BackendSlow     Code = "backend-slow"
	BackendFlapping Code = "backend-flapping"

	NameDeadAddress Code = "name-dead-address"
	NameIPv6Broken  Code = "name-ipv6-broken"

	Unknown Code = "unknown"
)

// Cause is a cause as a record.
type Cause struct {
	Code  Code
	Title string  // what is wrong, as the end of "the most probable cause is that ..."
	Prior float64 // before anything was seen; relative
	// Variants are the settings of its parameters, each as probable as the
	// others: what it predicts with each. Several addresses are given to causes
	// about names.
	Variants func(addrs []Address) []Variant
	Where    func(k *Knowledge) string // where it sits; nil: nothing is known beyond the code
	Advice   string                    // what to do, and whom to ask
	// Words are a title and an advice that replace the cause's own where the evidence
	// allows to say more; empty: it does not. nil: it never does.
	Words func(k *Knowledge) (title, advice string)
	// Needs are experiments that are made before the cause is taken for sure, one that
	// is named twice two times: they show where it sits, or that our own probes did not
	// bring it about.
	Needs    []string
	Commands func(k *Knowledge) []string // of a shell, by which a person sees it as well
}

// words are the title and the advice that the evidence allows.
func (c *Cause) words(k *Knowledge) (title, advice string) {
	if c.Words != nil {
		title, advice = c.Words(k)
	}
	if title == "" {
		return c.Title, c.Advice
	}
	return title, cmp.Or(advice, c.Advice)
}

// Variant is a cause with its parameters set.
type Variant struct {
	Rules []rule
	Loss  *loss // nil: any loss that happens in the background
}

// background is the random loss that may go with every cause. Its settings are
// per packet and direction.
var background = []struct {
	loss
	weight float64
}{{loss{}, 0.45}, {loss{0.003, 0.003}, 0.25}, {loss{0.01, 0.01}, 0.18}, {loss{0.022, 0.022}, 0.12}}

// variants makes a list of those that are always possible.
func variants(list ...Variant) func([]Address) []Variant {
	return func([]Address) []Variant { return cloned(list) }
}

// cloned gives each run its own state.
func cloned(list []Variant) []Variant {
	out := make([]Variant, len(list))
	for i, v := range list {
		out[i] = Variant{Loss: v.Loss}
		for _, r := range v.Rules {
			out[i].Rules = append(out[i].Rules, r.clone())
		}
	}
	return out
}

// rules is one variant.
func rules(list ...rule) Variant { return Variant{Rules: list} }

// Causes are all causes, in the order of the codes.
func Causes() []Cause {
	var list []Cause
	for _, part := range [][]Cause{noCause(), localCauses(), pathCauses(), proofCauses(), firewallCauses(), selectiveCauses(), natCauses(), hostCauses(), backendCauses(), nameCauses(), noneOfThese()} {
		list = append(list, part...)
	}
	return list
}
