package netraw

import "golang.org/x/net/bpf"

// line is one instruction of a filter before its jumps are counted: where it
// is, what it does, and for a jump where it leads. An empty target is the
// next line.
type line struct {
	label   string
	op      bpf.Instruction
	yes, no string
}

// What the receive filter compares, by the names of linux/if_ether.h,
// linux/if_packet.h, RFC 791, RFC 792, RFC 4443 and RFC 8200.
const (
	etherIPv4       = 0x0800
	etherIPv6       = 0x86dd
	packetOutgoing  = 4
	packetOtherHost = 3
	fragmentOffset  = 0x1fff

	protoHopByHop   = 0
	protoICMP       = 1
	protoTCP        = 6
	protoRouting    = 43
	protoFragment   = 44
	protoAH         = 51
	protoICMPv6     = 58
	protoDestOption = 60
	protoMobility   = 135
	protoHIP        = 139
	protoShim6      = 140

	// passLength is how much of a packet is kept: all of it.
	passLength = 1 << 18
)

// receiveFilter returns the classic BPF program of the receiving socket, for
// frames that start at the IP header. With P the held ports it is tcpdump's
//
//	inbound and (
//	  tcp dst port P
//	  or icmp[icmptype] in {3,4,5,11,12} and (quoted ip proto \tcp and quoted src port P or quoted ip proto 51)
//	  or icmp6 and ip6[40] in {1,2,3,4} and (ip6[54] = 6 and ip6[88:2] in P or ip6[54] in {0,43,44,51,60,135,139,140})
//	  or icmp[icmptype] in {0,14} and icmp[4:2] in P or icmp6 and ip6[40] = 129 and ip6[44:2] in P
//	  or ip6[6] in {43,51,60,135,139,140} or ip proto 51
//	  or ip6[6] = 44 and ip6[42:2] & 0xfff8 = 0 and (ip6[40] = 6 and ip6[50:2] in P
//	    or ip6[40] = 58 and ip6[48] in {1,2,3,4} or ip6[40] in {0,43,44,51,60,135,139,140})
//	  or ip6[6] = 0 and not (ip6[40:2] = 0x3a00 and not ip6[48] in {1,2,3,4})
//	) or outbound and tcp src port P
//
// where inbound is without what has another host's link address, which an
// interface sees that is in promiscuous mode, or lies under a macvlan.
//
// The ports are looked up by bisection, so that a thousand of them cost little
// more than one: see amongPorts. Of fragments it takes the first, which has the ports.
// The ICMP types are the error messages of RFC 1122 §3.2.2 and RFC 4443 §2.1; the
// quoted IPv4 header may have options. An IPv6 packet with an extension header passes
// whatever it holds, arriving or quoted, and one with an authentication header, because
// classic BPF cannot walk the chain: the reader has to. Two are told apart: a
// fragment header, whose length is known, by what stands behind it; and the
// chatter of every IPv6 link, reports of multicast groups, which are
// ICMPv6 behind a hop-by-hop header of 8 bytes (RFC 3810 §5).
func receiveFilter(ports []uint16) []bpf.Instruction {
	program := []line{
		{op: bpf.LoadExtension{Num: bpf.ExtType}},
		{op: equal(packetOutgoing), yes: "outbound"},
		{op: equal(packetOtherHost), yes: "drop"},

		{op: bpf.LoadExtension{Num: bpf.ExtProto}},
		{op: equal(etherIPv4), yes: "ipv4"},
		{op: equal(etherIPv6), yes: "ipv6", no: "drop"},

		{label: "ipv4", op: bpf.LoadAbsolute{Off: 6, Size: 2}},
		{op: anyBit(fragmentOffset), yes: "drop"},
		{op: bpf.LoadMemShift{Off: 0}}, // X = header length
		{op: bpf.LoadAbsolute{Off: 9, Size: 1}},
		{op: equal(protoICMP), yes: "icmp"},
		{op: equal(protoAH), yes: "pass"},
		{op: equal(protoTCP), no: "drop"},
		{op: bpf.LoadIndirect{Off: 2, Size: 2}},
		{op: bpf.Jump{}, yes: "ports"},

		{label: "icmp", op: bpf.LoadIndirect{Off: 0, Size: 1}},
		{op: equal(3), yes: "quote"},  // destination unreachable
		{op: equal(11), yes: "quote"}, // time exceeded
		{op: equal(5), yes: "quote"},  // redirect
		{op: equal(4), yes: "quote"},  // source quench
		{op: equal(12), yes: "quote"}, // parameter problem
		{op: equal(0), yes: "echo"},   // echo reply
		{op: equal(14), no: "drop"},   // time stamp reply
		{label: "echo", op: bpf.LoadIndirect{Off: 4, Size: 2}},
		{op: bpf.Jump{}, yes: "ports"},
		{label: "quote", op: bpf.LoadIndirect{Off: 8 + 6, Size: 2}},
		{op: anyBit(fragmentOffset), yes: "drop"},
		{op: bpf.LoadIndirect{Off: 8 + 9, Size: 1}},
		{op: equal(protoAH), yes: "pass"},
		{op: equal(protoTCP), no: "drop"},
		{op: bpf.LoadIndirect{Off: 8, Size: 1}},
		{op: bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0x0f}},
		{op: bpf.ALUOpConstant{Op: bpf.ALUOpShiftLeft, Val: 2}},
		{op: bpf.ALUOpX{Op: bpf.ALUOpAdd}},
		{op: bpf.TAX{}}, // X = both header lengths
		{op: bpf.LoadIndirect{Off: 8, Size: 2}},
		{op: bpf.Jump{}, yes: "ports"},

		{label: "ipv6", op: bpf.LoadAbsolute{Off: 6, Size: 1}},
		{op: equal(protoICMPv6), yes: "icmp6"},
		{op: equal(protoHopByHop), yes: "hops"},
		{op: equal(protoFragment), yes: "piece"},
		{op: equal(protoTCP), no: "chain"},
		{op: bpf.LoadAbsolute{Off: 40 + 2, Size: 2}},
		{op: bpf.Jump{}, yes: "ports"},

		{label: "piece", op: bpf.LoadAbsolute{Off: 40 + 2, Size: 2}},
		{op: anyBit(0xfff8), yes: "drop"},
		{op: bpf.LoadAbsolute{Off: 40, Size: 1}},
		{op: equal(protoICMPv6), yes: "behind"},
		{op: equal(protoHopByHop), yes: "pass"},
		{op: equal(protoFragment), yes: "pass"},
		{op: equal(protoTCP), no: "chain"},
		{op: bpf.LoadAbsolute{Off: 40 + 8 + 2, Size: 2}},
		{op: bpf.Jump{}, yes: "ports"},

		{label: "hops", op: bpf.LoadAbsolute{Off: 40, Size: 2}},
		{op: equal(protoICMPv6 << 8), no: "pass"},
		{label: "behind", op: bpf.LoadAbsolute{Off: 40 + 8, Size: 1}},
		{op: bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 1}, yes: "drop"},
		{op: bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 4}, yes: "drop", no: "pass"},

		{label: "icmp6", op: bpf.LoadAbsolute{Off: 40, Size: 1}},
		{op: equal(129), yes: "echo6"}, // echo reply
		{op: bpf.JumpIf{Cond: bpf.JumpLessThan, Val: 1}, yes: "drop"},
		{op: bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: 4}, yes: "drop"},
		{op: bpf.LoadAbsolute{Off: 40 + 8 + 6, Size: 1}},
		{op: equal(protoHopByHop), yes: "pass"},
		{op: equal(protoFragment), yes: "pass"},
		{op: equal(protoTCP), no: "chain"},
		{op: bpf.LoadAbsolute{Off: 40 + 8 + 40, Size: 2}},
		{op: bpf.Jump{}, yes: "ports"},

		{label: "chain", op: equal(protoRouting), yes: "pass"}, // with the next header loaded
		{op: equal(protoAH), yes: "pass"},
		{op: equal(protoDestOption), yes: "pass"},
		{op: equal(protoMobility), yes: "pass"},
		{op: equal(protoHIP), yes: "pass"},
		{op: equal(protoShim6), yes: "pass", no: "drop"},

		{label: "echo6", op: bpf.LoadAbsolute{Off: 40 + 4, Size: 2}},
		{op: bpf.Jump{}, yes: "ports"},

		{label: "outbound", op: bpf.LoadExtension{Num: bpf.ExtProto}},
		{op: equal(etherIPv4), yes: "out4"},
		{op: equal(etherIPv6), no: "drop"},
		{op: bpf.LoadAbsolute{Off: 6, Size: 1}},
		{op: equal(protoTCP), no: "drop"},
		{op: bpf.LoadAbsolute{Off: 40, Size: 2}},
		{op: bpf.Jump{}, yes: "ports"},
		{label: "out4", op: bpf.LoadAbsolute{Off: 6, Size: 2}},
		{op: anyBit(fragmentOffset), yes: "drop"},
		{op: bpf.LoadAbsolute{Off: 9, Size: 1}},
		{op: equal(protoTCP), no: "drop"},
		{op: bpf.LoadMemShift{Off: 0}},
		{op: bpf.LoadIndirect{Off: 0, Size: 2}},

		{op: bpf.Jump{}, yes: "ports"},

		{label: "drop", op: bpf.RetConstant{Val: 0}},
		{label: "pass", op: bpf.RetConstant{Val: passLength}},
	}
	return assemble(append(program, amongPorts("ports", sorted(ports))...))
}

func equal(v uint32) bpf.JumpIf     { return bpf.JumpIf{Cond: bpf.JumpEqual, Val: v} }
func anyBit(mask uint32) bpf.JumpIf { return bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: mask} }

// assemble counts the jumps. A conditional jump reaches 255 lines; where more
// may lie between, a [bpf.Jump] has to take over.
func assemble(lines []line) []bpf.Instruction {
	at := make(map[string]int)
	for i, l := range lines {
		at[l.label] = i
	}
	program := make([]bpf.Instruction, len(lines))
	for i, l := range lines {
		skip := func(target string) int {
			if target == "" {
				return 0
			}
			return at[target] - i - 1
		}
		switch op := l.op.(type) {
		case bpf.JumpIf:
			op.SkipTrue, op.SkipFalse = uint8(skip(l.yes)), uint8(skip(l.no))
			program[i] = op
		case bpf.Jump:
			program[i] = bpf.Jump{Skip: uint32(skip(l.yes))}
		default:
			program[i] = op
		}
	}
	return program
}
