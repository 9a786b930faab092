//go:build linux

package lab

// baseSysctls make every namespace of a lab predictable: no duplicate address
// detection to wait for, no reverse path filter, no router advertisements. See
// Documentation/networking/ip-sysctl.rst.
var baseSysctls = Sysctls{
	"net.ipv4.conf.all.rp_filter":                "0",
	"net.ipv4.conf.default.rp_filter":            "0",
	"net.ipv4.conf.all.send_redirects":           "0",
	"net.ipv4.conf.default.send_redirects":       "0",
	"net.ipv6.conf.all.accept_dad":               "0",
	"net.ipv6.conf.default.accept_dad":           "0",
	"net.ipv6.conf.default.accept_ra":            "0",
	"net.ipv6.conf.default.dad_transmits":        "0",
	"net.ipv6.conf.default.router_solicitations": "0",
}

// talkativeSysctls lift the limits on ICMP errors, so that each probe is
// answered.
var talkativeSysctls = Sysctls{
	"net.ipv4.icmp_ratelimit":    "0",
	"net.ipv4.icmp_ratemask":     "0",
	"net.ipv4.icmp_msgs_per_sec": "1000000",
	"net.ipv4.icmp_msgs_burst":   "1000000",
	"net.ipv6.icmp.ratelimit":    "0",
	"net.ipv6.icmp.ratemask":     "0", // a list of types; 0 is not a type
}

// routerSysctls make a namespace forward.
var routerSysctls = Sysctls{
	"net.ipv4.ip_forward":          "1",
	"net.ipv6.conf.all.forwarding": "1",
}

// deafSysctls keep a namespace's own stack off the wire.
var deafSysctls = Sysctls{
	"net.ipv6.conf.all.disable_ipv6":     "1",
	"net.ipv6.conf.default.disable_ipv6": "1",
}
