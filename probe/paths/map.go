package paths

import (
	"net/netip"

	"synscope/probe"
	"synscope/probe/rtt"
	"synscope/probe/trace"
)

// Map is what is known of the paths to a target.
type Map struct {
	Target netip.AddrPort
	Source netip.Addr
	Nodes  []Node // the nearest first; the first is this machine
	Edges  []Edge
	Paths  []Path
	Flows  []Flow
	Dead   []Dead
	More   bool // there are more paths than Paths lists

	// Confidence is how sure it is that no path is missing that the flows could
	// have shown: see the package text. Zero where given flows were followed.
	Confidence float64
	Complete   bool // the rule was satisfied everywhere
	Flowless   bool // it was not, for want of source ports
	Probes     int  // SYNs that were sent
	Repeated   int  // of those, retransmitted after a loss, or into silence
	Asked      int  // SYNs that the rule asks for

	Verdict  probe.Verdict // on the target's port
	Findings []probe.Finding
	Summary  probe.Summary
}

// Balance says how a node spreads what passes it.
type Balance uint8

const (
	BalanceNone   Balance = iota // one next hop
	BalanceFlow                  // several, each flow always the same
	BalancePacket                // several, each packet another
)

// String is "", "flow" or "packet".
func (b Balance) String() string { return [...]string{"", "flow", "packet"}[b] }

// Node is an interface at a number of hops, or a place that does not answer.
type Node struct {
	ID, TTL  int
	Addr     netip.Addr // invalid: nobody answered
	Kind     trace.HopKind
	Balance  Balance
	Box      bool // answers in the target's name, and is not the target
	Dead     bool // nothing behind it answered either
	Reaches  bool // the target can be reached from here
	Flows    int  // that were seen here
	Stats    rtt.Summary
	Changes  []trace.Change // what had happened to probes when they were quoted here
	Returned []uint8        // TTLs with which its answers arrived
	ICMP     *probe.ICMPCode
}

// Edge is a link from one node to the next.
type Edge struct {
	From, To  int
	Flows     int
	Sent      uint64 // probes to the far end on flows that take the link
	Lost      uint64
	Uncertain bool // a balancer of packets is before it: the two ends may belong to different paths
}

// Flow is what one source port met.
type Flow struct {
	Port  uint16
	Nodes []int // by TTL from 1; -1: not known
	Hops  []Hop // what was sent and what came back, in order of TTL
	End   trace.HopKind
	Path  int // among Paths; -1: not known well enough
}

// Hop is all probes of one flow with one TTL.
type Hop struct {
	TTL        int
	Sent, Lost int
	Answers    []Answer
}

// Path is one way through the nodes.
type Path struct {
	Nodes []int
	Flows []uint16      // source ports that take it
	End   trace.HopKind // at its last node; HopNone where that is silent
	Stats rtt.Summary   // of probes to its last node
	Sent  uint64        // probes of its flows to any node
	Lost  uint64
}

// Dead is a place between two nodes where packets disappear.
type Dead struct {
	Near int // the last node that answers
	Far  int // the first that all paths which reach the target have in common behind it; -1: not known
	Node int // the silent node that stands for it, or the router that refuses

	// Refused: the near end says by ICMP that it has no route.
	Refused bool
	Flows   []uint16
	Probes  int // that were sent into it, none of which was answered
}
