//go:build linux

package lab

import "net/netip"

// Spec describes a lab. The zero value is a prober with no one to talk to.
type Spec struct {
	Hosts []HostSpec
	Seed  uint64                           // of the links' chance; 0 chooses one and logs it
	Logf  func(format string, args ...any) // t.Logf, say; nil logs nothing
}

// HostSpec describes one host and the way from the prober to it. A port with no
// service and no rule is refused by the host's kernel with RST.
type HostSpec struct {
	Name     string         // also names the prober's interface: 1 to 15 bytes, unique in the namespace
	Services []Service      // what listens
	Rules    []Rule         // the host's own firewall, first match wins
	SynProxy *SynProxy      // SYN proxy in front of some services
	Sysctls  Sysctls        // set before any interface appears; override the lab's defaults
	Prefixes []netip.Prefix // routed to the host, which answers at every address
	Routers  []RouterSpec   // between prober and host, the nearest first; at most 14
	Link     *Link          // the prober's own link; nil is a plain veth
	Sources  int            // further addresses of the prober on its link, up to 100
}

// RouterSpec describes a router that lowers the TTL by one. Its rules apply to
// what it forwards in either direction.
type RouterSpec struct {
	Rules   []Rule
	Sysctls Sysctls
}

// Sysctls maps names below /proc/sys in sysctl(8)'s notation
// ("net.ipv4.tcp_syncookies") to values. Only "net." names belong to a
// namespace; others are refused.
type Sysctls map[string]string

// Family narrows something to one IP version. The zero value means both.
type Family uint8

// The families.
const (
	Both Family = 0
	IPv4 Family = 4
	IPv6 Family = 6
)

// PortRange is a range of TCP ports, both ends included. The zero value means
// every port.
type PortRange struct{ First, Last uint16 }

// Port is the range that holds one port.
func Port(p uint16) PortRange { return PortRange{p, p} }

// Verb is what a rule does with a segment.
type Verb uint8

// The verbs.
const (
	Accept Verb = iota // let it through
	Drop               // silence
	Reject             // ICMP or ICMPv6 destination unreachable, with the rule's code
	Reset              // RST made by the firewall, not by the host's TCP
)

// Rule is one firewall rule for TCP segments on their way to a host, or through
// a router.
type Rule struct {
	Ports  PortRange // destination ports
	Family Family    // needed for Reject, whose codes differ
	Do     Verb
	Code   uint8   // of destination unreachable: RFC 792 and RFC 1812 §5.2.7.1, RFC 4443 §3.1
	Chance float64 // share of the segments it takes, drawn at random; 0 means all

	// PerSecond lets so many segments pass by the rule, in a token bucket that
	// holds Burst of them (0 means 5), and takes only those beyond; 0 means all.
	PerSecond uint64
	Burst     uint32

	Mask  uint8 // flags looked at (FIN 1, SYN 2, RST 4, PSH 8, ACK 16 …); 0 takes every segment
	Flags uint8 // what they must be under Mask
}

// Manner is how a server treats its connections.
type Manner uint8

// The manners.
const (
	AcceptClose Manner = iota // accept and close at once (FIN)
	AcceptReset               // accept and abort at once (RST)
	Echo                      // send back what comes; close after the peer's FIN
	Banner                    // send Service.Banner, then as Discard
	Discard                   // read and forget; close after the peer's FIN
	Hold                      // accept, never read, never close: the window shuts
	NeverAccept               // listen only: the accept queue fills
)

// Service is one or more real listeners on all addresses of a host.
type Service struct {
	Ports   []uint16
	Manner  Manner
	Banner  string             // for the manner Banner
	Backlog int                // listen(2)'s; 0 means 4096
	Control func(fd int) error // called between socket(2) and bind(2), for socket options
}

// SynProxy is an nf_tables synproxy statement: the firewall answers SYNs with a
// cookie and window 0, and opens a connection to the server only when the third
// ACK proves the client. Zero values leave the option out of its SYN-ACK.
//
// Over IPv6 the kernel's proxy answers only segments whose checksum the interface
// has verified or that never left the machine: it checks others as if they were
// IPv4's, finds them wrong and drops them (net/netfilter/nft_synproxy.c,
// nft_synproxy_do_eval, which calls nf_ip_checksum for both; up to Linux 6.18 at
// least). A veth verifies nothing, so the host's has receive offload on.
type SynProxy struct {
	Ports       []uint16
	MSS         uint16
	WindowScale uint8
	Timestamps  bool
	SACK        bool
}
